//! Statements: requests → references, and statements → messages.

use super::{customers::customer_name, refs::customer_ref};
use crate::commands::{customers::CustomerRef, statements::StatementRef};
use payterms_chassis::{
    AppError, Fields,
    call::Grant,
    names,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::Statement;
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// The collections of a statement's name.
pub const STATEMENT: &[&str] = &["customers", "statements"];

/// The statement that a name means.
#[must_use]
pub fn statement_ref(fields: &Fields, name: &names::Name) -> StatementRef {
    StatementRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        statement: Id::from_uuid(name.id(1)),
        as_customer: fields.scope().grant == Grant::OwnCustomer,
    }
}

/// Names a statement to read.
pub fn get_statement(request: Request<pb::GetStatementRequest>) -> Result<StatementRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, STATEMENT);
    let named = statement_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Asks for statements.
pub fn list_statements(
    request: Request<pb::ListStatementsRequest>,
) -> Result<(CustomerRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let customer = customer_ref(&fields, &name);
    fields.finish()?;
    Ok((customer, page))
}

/// The name of a statement.
#[must_use]
pub fn statement_name(tenant: &TenantId, statement: &Statement) -> String {
    format!("{}/statements/{}", customer_name(tenant, statement.customer), statement.id)
}

/// A statement.
#[must_use]
pub fn statement(tenant: &TenantId, statement: &Statement) -> pb::Statement {
    pb::Statement {
        name: statement_name(tenant, statement),
        month: Some(date(statement.month)),
        opening: Some(money(statement.opening)),
        issued: Some(money(statement.moved.issued)),
        credited: Some(money(statement.moved.credited)),
        written_off: Some(money(statement.moved.written_off)),
        paid: Some(money(statement.moved.paid)),
        given_back: Some(money(statement.moved.given_back)),
        closing: Some(money(statement.closing)),
        create_time: Some(timestamp(statement.created_at)),
    }
}
