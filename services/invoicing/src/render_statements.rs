//! Statements → messages of the contract.

use crate::render::customer_name;
use payterms_chassis::render::{date, money, timestamp};
use payterms_invoicing_domain::Statement;
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;

/// The name of a statement.
#[must_use]
pub fn name(tenant: &TenantId, statement: &Statement) -> String {
    format!("{}/statements/{}", customer_name(tenant, statement.customer), statement.id)
}

/// A statement.
#[must_use]
pub fn statement(tenant: &TenantId, own: &Statement) -> pb::Statement {
    pb::Statement {
        name: name(tenant, own),
        month: Some(date(own.month)),
        opening: Some(money(own.opening)),
        issued: Some(money(own.moved.issued)),
        credited: Some(money(own.moved.credited)),
        written_off: Some(money(own.moved.written_off)),
        paid: Some(money(own.moved.paid)),
        closing: Some(money(own.closing)),
        create_time: Some(timestamp(own.created_at)),
    }
}
