//! A line, as the verbs that change it and those that read it find it.

use crate::{commands::lines::LineRef, store::lines};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::Line;
use payterms_kernel::Refusal;
use sea_orm::ConnectionTrait;

/// The line that a request names, its row locked.
pub(crate) async fn lock_line(tx: &WriteTx, line: &LineRef) -> Result<Line, AppError> {
    let found = lines::lock(tx.conn(), &line.tenant, line.line).await?;
    Ok(found.filter(|found| found.customer == line.customer).ok_or_else(Refusal::not_found)?)
}

/// The line that a request names.
pub(crate) async fn find_line<C: ConnectionTrait>(
    conn: &C,
    line: &LineRef,
) -> Result<Line, AppError> {
    let found = lines::find(conn, &line.tenant, line.line).await?;
    Ok(found.filter(|found| found.customer == line.customer).ok_or_else(Refusal::not_found)?)
}
