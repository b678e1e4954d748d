//! A requested list: whose resources, which of them, in which order, and the page.
//!
//! A page token is signed over all of these, so a token of one filter or order is no token of
//! another.

use crate::wire::{
    fields::Fields,
    filter::{self, Field, Filter},
    page::Page,
};
use payterms_kernel::Reason;

/// What a list may be filtered and ordered by.
#[derive(Debug, Clone, Copy)]
pub struct ListSpec {
    /// The fields of its filter.
    pub filters: &'static [Field],
    /// The fields that it may be ordered by.
    pub orders: &'static [&'static str],
    /// The order where none is requested.
    pub default: Order,
}

/// The order of a list; resources of which the field is equal come in the order of their ids, the
/// same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The field.
    pub field: &'static str,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// The field of the order by ids, which begin with the instant of their creation.
pub const BY_CREATION: &str = "create_time";

/// The field of the order by the last change.
pub const UPDATE_TIME: &str = "update_time";

impl Order {
    /// Newest first.
    pub const NEWEST: Self = Self { field: BY_CREATION, descending: true };
    /// Oldest first.
    pub const OLDEST: Self = Self { field: BY_CREATION, descending: false };
}

/// The fields of a list's request that every list has.
#[derive(Debug, Clone, Copy)]
pub struct ListRequest<'a> {
    /// Whose resources, and whatever else narrows the list.
    pub parent: &'a str,
    /// How many at most.
    pub page_size: i32,
    /// The token of the page.
    pub page_token: &'a str,
    /// An expression of [`filter`].
    pub filter: &'a str,
    /// A field, and ` desc` for the largest first.
    pub order_by: &'a str,
}

impl<'a> ListRequest<'a> {
    /// The list that an export sends, oldest first by `order_by`.
    #[must_use]
    pub fn export(
        parent: &'a str,
        filter: &'a str,
        page_token: &'a str,
        order_by: &'a str,
    ) -> Self {
        Self { parent, page_size: payterms_kernel::page::EXPORT_SIZE, page_token, filter, order_by }
    }
}

/// A requested list, checked.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What must hold of a resource.
    pub filter: Filter,
    /// The order.
    pub order: Order,
    /// The page.
    pub page: Page,
}

impl Listing {
    /// Checks filter, order and page of a list's request.
    pub fn parse(fields: &mut Fields, spec: &ListSpec, request: ListRequest<'_>) -> Self {
        let text = fields.token("filter", request.filter, 0, filter::MOST_CHARACTERS);
        // One that is too long is refused already, and need not be read.
        let tenant = request.parent.split(['/', ' ']).nth(1).unwrap_or_default();
        let is_too_long = text.chars().count() > filter::MOST_CHARACTERS;
        let parsed = if is_too_long {
            Ok(Filter::default())
        } else {
            filter::parse(&text, spec.filters, tenant)
        };
        let filter = parsed.unwrap_or_else(|sentence| {
            fields.wrong("filter", Reason::FILTER_INVALID, sentence);
            Filter::default()
        });
        let order = order(request.order_by, spec).unwrap_or_else(|| {
            let sentence = format!(
                "Order by one of {}, with \" desc\" after it for the largest first.",
                spec.orders.join(", ")
            );
            fields.wrong("order_by", Reason::ORDER_BY_INVALID, sentence);
            spec.default
        });
        // The separator is in none of the texts: control characters are refused.
        let list = [request.parent, request.filter, request.order_by].join("\n");
        let page = Page::parse(fields, &list, request.page_size, request.page_token);
        Self { filter, order, page }
    }
}

fn order(text: &str, spec: &ListSpec) -> Option<Order> {
    let mut words = text.split_ascii_whitespace();
    let Some(name) = words.next() else { return Some(spec.default) };
    let field = spec.orders.iter().copied().find(|text| *text == name)?;
    let descending = match words.next() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Order { field, descending })
}

#[cfg(test)]
mod tests {
    use super::{ListSpec, Order, order};

    #[test]
    fn an_order_is_one_allowed_field_and_a_direction() {
        let spec =
            ListSpec { filters: &[], orders: &["create_time", "due_date"], default: Order::NEWEST };
        assert_eq!(order("", &spec), Some(Order::NEWEST));
        assert_eq!(order("due_date", &spec), Some(Order { field: "due_date", descending: false }));
        assert_eq!(
            order("due_date  desc", &spec),
            Some(Order { field: "due_date", descending: true })
        );
        for bad in [
            "total",
            "due_date down",
            "due_date desc create_time",
            "due_date, create_time",
            "due_date,",
        ] {
            assert_eq!(order(bad, &spec), None, "{bad}");
        }
    }
}
