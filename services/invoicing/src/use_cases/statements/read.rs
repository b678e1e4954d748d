//! Reads of statements; hidden from customers with the invoices that they tell of.

use crate::{
    app::App,
    commands::{customers::CustomerRef, statements::StatementRef},
    messages,
    store::statements,
    use_cases::invoices::load::are_invoices_hidden,
};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::Statement;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{GetStatementResponse, ListStatementsResponse};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The statement that a request names, as far as the caller may see it.
pub async fn find_visible_statement<C: ConnectionTrait>(
    conn: &C,
    named: &StatementRef,
) -> Result<Statement, AppError> {
    let found = statements::find(conn, &named.tenant, named.statement).await?;
    let statement = found
        .filter(|statement| statement.customer == named.customer)
        .ok_or_else(Refusal::not_found)?;
    if named.as_customer && are_invoices_hidden(conn, &named.tenant).await? {
        return Err(Refusal::not_found().into());
    }
    Ok(statement)
}

/// One statement.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_statement(
    app: &App,
    named: &StatementRef,
) -> Result<GetStatementResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = find_visible_statement(&conn, named).await?;
    Ok(GetStatementResponse {
        statement: Some(messages::statements::statement(&named.tenant, &found)),
    })
}

/// A page of a customer's statements, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_statements(
    app: &App,
    CustomerRef { tenant, customer, as_customer }: &CustomerRef,
    page: &Page,
) -> Result<ListStatementsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    if *as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(ListStatementsResponse::default());
    }
    let mut found = statements::list(&conn, tenant, *customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |statement| statement.id.to_string());
    Ok(ListStatementsResponse {
        statements: found
            .iter()
            .map(|each| messages::statements::statement(tenant, each))
            .collect(),
        next_page_token,
    })
}
