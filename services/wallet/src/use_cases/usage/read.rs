//! Reads records of uses.

use crate::{
    app::App,
    commands::usage::UsageFilter,
    messages::usage as messages,
    store::{reversals, usage},
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::ListUsageRecordsResponse;

/// A page of a wallet's records, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_usage_records(app: &App, filter: &UsageFilter, page: &Page) -> Result<ListUsageRecordsResponse, AppError> {
    let UsageFilter { wallet: named, product } = filter;
    let before = app.pages.cursor(page)?.unwrap_or(i64::MAX);
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed = usage::list(&conn, &named.tenant, named.wallet, product, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |record| record.sequence.to_string());
    let transfers: Vec<_> = listed.iter().filter_map(|record| record.transfer).map(Id::uuid).collect();
    let metered: Vec<_> = listed.iter().filter(|record| record.metered.is_some()).map(|record| record.id.uuid()).collect();
    let reversed = reversals::sums(&conn, &named.tenant, &transfers, &metered).await?;
    let name = named.name();
    let rendered = listed.iter().map(|record| {
        let original = record.transfer.map_or(record.id.uuid(), Id::uuid);
        match reversed.get(&original) {
            Some(sum) => messages::reversed_record(&name, record, sum),
            None => Ok(messages::usage_record(&name, record)),
        }
    });
    Ok(ListUsageRecordsResponse { usage_records: rendered.collect::<Result<_, _>>()?, next_page_token })
}
