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

/// The parent of a list: the tenant, and the ids that follow, of which each may stand for all of
/// its collection.
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

/// Parses the parent of a list: like a name, but `-` may stand for an id. What follows a `-` is `-`
/// too, since an id says whose it is.
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

/// The length of a UUID as text. Without its dashes it could be any digest.
const UUID_LENGTH: usize = 36;

/// A UUID with dashes, in either case: some languages write it in capitals. Answers have it in
/// lower case.
#[must_use]
pub fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == UUID_LENGTH)
}

/// Writes each UUID in a message or a text in lower case, so that two that differ in nothing else
/// are the same.
pub fn lower_uuids(bytes: &mut [u8]) {
    let mut at: usize = 0;
    // A UUID has its first dash after eight digits.
    while let Some(dash) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'-'))
    {
        let first = at.saturating_add(dash);
        at = first.saturating_add(1);
        let Some(start) = first.checked_sub(8) else { continue };
        let Some(found) = bytes.get_mut(start..start.saturating_add(UUID_LENGTH)) else { return };
        if Uuid::try_parse_ascii(found).is_ok() {
            found.make_ascii_lowercase();
            at = start.saturating_add(UUID_LENGTH);
        }
    }
}

/// [`lower_uuids`] of a text.
#[must_use]
pub fn with_lower_uuids(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    lower_uuids(&mut bytes);
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
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
    use super::{parse, parse_parent, with_lower_uuids};

    #[test]
    fn only_a_uuid_with_dashes_makes_a_name_in_either_case() {
        let id = "01993c7a-0000-7000-8000-000000000001";
        let name = parse(&format!("tenants/acme/customers/{id}"), &["customers"]);
        assert!(name.is_some());
        let capitals = format!("tenants/acme/customers/{}", id.to_uppercase());
        assert_eq!(parse(&capitals, &["customers"]), name);
        assert_eq!(
            parse_parent(&capitals, &["customers"]).and_then(|parent| parent.id(0)),
            name.map(|name| name.id(0))
        );
        for bad in [
            String::new(),
            "tenants".to_owned(),
            format!("tenants/ACME/customers/{id}"),
            format!("tenants/acme/customers/{}", id.replace('-', "")),
            format!("tenants/acme/customers/{{{id}}}"),
            format!("tenants/acme/customers/urn:uuid:{id}"),
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
    fn uuids_within_a_text_become_lower_case_and_nothing_else_does() {
        let id = "01993c7a-00ab-7000-8000-0000000000ff";
        for (text, lower) in [
            (String::new(), String::new()),
            ("A-B - AAAAAAAA-".to_owned(), "A-B - AAAAAAAA-".to_owned()),
            (id.to_uppercase(), id.to_owned()),
            (format!("X{}-{}Y", id.to_uppercase(), id.to_uppercase()), format!("X{id}-{id}Y")),
            (format!("É-{}É", id.to_uppercase()), format!("É-{id}É")),
            (id.to_uppercase().replace('-', ""), id.to_uppercase().replace('-', "")),
        ] {
            assert_eq!(with_lower_uuids(&text), lower);
        }
    }

    #[test]
    fn in_a_parent_a_dash_stands_for_all() {
        let (id, of_invoices) = ("01993c7a-0000-7000-8000-000000000001", ["customers", "invoices"]);
        let ids = |text: &str| {
            parse_parent(text, &of_invoices)
                .map(|parent| [parent.id(0).is_some(), parent.id(1).is_some()])
        };
        assert_eq!(ids(&format!("tenants/acme/customers/{id}/invoices/{id}")), Some([true, true]));
        assert_eq!(ids(&format!("tenants/acme/customers/{id}/invoices/-")), Some([true, false]));
        assert_eq!(ids("tenants/acme/customers/-/invoices/-"), Some([false, false]));
        assert_eq!(ids(&format!("tenants/acme/customers/-/invoices/{id}")), None);
        assert_eq!(ids("tenants/-/customers/-/invoices/-"), None);
    }
}
