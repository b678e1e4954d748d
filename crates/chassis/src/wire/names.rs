//! Resource names: `tenants/acme/customers/0199…/wallets/0199…`.

use payterms_kernel::TenantId;
use uuid::Uuid;

/// A parsed resource name: the tenant, and the ids that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The tenant.
    pub tenant: TenantId,
    /// The ids after the tenant, outermost first.
    pub ids: Vec<Uuid>,
}

impl Name {
    /// The id at `index` after the tenant.
    #[must_use]
    pub fn id(&self, index: usize) -> Uuid {
        self.ids.get(index).copied().unwrap_or_default()
    }
}

/// Parses a name of the form that `collections` gives, `["customers", "wallets"]` for example.
#[must_use]
pub fn parse(text: &str, collections: &[&str]) -> Option<Name> {
    let mut segments = text.split('/');
    if segments.next() != Some("tenants") {
        return None;
    }
    let tenant = segments.next()?.parse().ok()?;
    let mut ids = Vec::with_capacity(collections.len());
    for collection in collections {
        if segments.next() != Some(*collection) {
            return None;
        }
        ids.push(uuid(segments.next()?)?);
    }
    segments.next().is_none().then_some(Name { tenant, ids })
}

/// The parent of a list: the tenant, and the ids that follow, of which each may stand for all of its collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The tenant.
    pub tenant: TenantId,
    /// The ids after the tenant, outermost first; none: every one.
    pub ids: Vec<Option<Uuid>>,
}

impl Parent {
    /// The id at `index` after the tenant; none: every one.
    #[must_use]
    pub fn id(&self, index: usize) -> Option<Uuid> {
        self.ids.get(index).copied().flatten()
    }
}

/// Parses the parent of a list: like a name, but `-` may stand for an id. What follows a `-` is `-` too, since an id says whose
/// it is.
#[must_use]
pub fn parse_parent(text: &str, collections: &[&str]) -> Option<Parent> {
    let mut segments = text.split('/');
    if segments.next() != Some("tenants") {
        return None;
    }
    let tenant = segments.next()?.parse().ok()?;
    let mut ids = Vec::with_capacity(collections.len());
    for collection in collections {
        if segments.next() != Some(*collection) {
            return None;
        }
        let id = match segments.next()? {
            "-" => None,
            _ if ids.last() == Some(&None) => return None,
            text => Some(uuid(text)?),
        };
        ids.push(id);
    }
    segments.next().is_none().then_some(Parent { tenant, ids })
}

/// A UUID in its one canonical form: lower case, with dashes.
#[must_use]
pub fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text)
}

/// The form that a name of these collections has, for messages.
#[must_use]
pub fn form(collections: &[&str]) -> String {
    let mut form = "tenants/{slug}".to_owned();
    for collection in collections {
        form.push('/');
        form.push_str(collection);
        form.push_str("/{uuid}");
    }
    form
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_parent};

    #[test]
    fn only_the_canonical_form_is_a_name() {
        let id = "01993c7a-0000-7000-8000-000000000001";
        assert!(parse(&format!("tenants/acme/customers/{id}"), &["customers"]).is_some());
        for bad in [
            String::new(),
            "tenants".to_owned(),
            format!("tenants/ACME/customers/{id}"),
            format!("tenants/acme/customers/{}", id.to_uppercase()),
            format!("tenants/acme/customers/{}", id.replace('-', "")),
            format!("tenants/acme/customers/{id}/"),
            format!("/tenants/acme/customers/{id}"),
            format!("tenants/acme/wallets/{id}"),
            "tenants/acme/customers/7".to_owned(),
        ] {
            assert_eq!(parse(&bad, &["customers"]), None, "{bad}");
            assert_eq!(parse_parent(&bad, &["customers"]), None, "{bad}");
        }
    }

    #[test]
    fn in_a_parent_a_dash_stands_for_all() {
        let (id, of_invoices) = ("01993c7a-0000-7000-8000-000000000001", ["customers", "invoices"]);
        let ids = |text: &str| parse_parent(text, &of_invoices).map(|parent| [parent.id(0).is_some(), parent.id(1).is_some()]);
        assert_eq!(ids(&format!("tenants/acme/customers/{id}/invoices/{id}")), Some([true, true]));
        assert_eq!(ids(&format!("tenants/acme/customers/{id}/invoices/-")), Some([true, false]));
        assert_eq!(ids("tenants/acme/customers/-/invoices/-"), Some([false, false]));
        assert_eq!(ids(&format!("tenants/acme/customers/-/invoices/{id}")), None);
        assert_eq!(ids("tenants/-/customers/-/invoices/-"), None);
    }
}
