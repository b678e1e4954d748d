//! Addresses, both ways.

use payterms_chassis::Fields;
use payterms_invoicing_domain::Address;
use payterms_kernel::Reason;
use payterms_proto::invoicing::v1 as pb;

/// An address of a request.
pub fn address(fields: &mut Fields, field: &str, address: &pb::Address) -> Address {
    let at = |name: &str| format!("{field}.{name}");
    if address.lines.is_empty() {
        fields.wrong(&at("lines"), Reason::FIELD_REQUIRED, "Write 1 to 5 lines.");
    }
    if address.lines.len() > 5 {
        fields.wrong(&at("lines"), Reason::TOO_MANY_ITEMS, "Write at most 5 lines.");
    }
    Address {
        lines: address
            .lines
            .iter()
            .take(5)
            .map(|line| fields.printed(&at("lines"), line, 1, 200))
            .collect(),
        city: fields.printed(&at("city"), &address.city, 1, 200),
        region: fields.printed(&at("region"), &address.region, 0, 200),
        postal_code: fields.printed(&at("postal_code"), &address.postal_code, 0, 20),
        country: fields.country(&at("country"), &address.country),
    }
}

/// An address.
#[must_use]
pub fn render_address(address: &Address) -> pb::Address {
    let Address { lines, city, region, postal_code, country } = address.clone();
    pb::Address { lines, city, region, postal_code, country }
}
