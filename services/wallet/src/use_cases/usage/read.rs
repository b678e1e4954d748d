//! Reads records of uses.

use crate::{
    app::App,
    commands::wallets::ListOfWallets,
    messages::usage as messages,
    store::{reversals, usage, usage_ids},
    use_cases::wallets::load::{names_of, span_of},
};
use payterms_chassis::AppError;
use payterms_kernel::Id;
use payterms_proto::wallet::v1::ListUsageRecordsResponse;

/// A page of the records of a wallet, of a customer's wallets, or of all.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_usage_records(
    app: &App,
    list: &ListOfWallets,
) -> Result<ListUsageRecordsResponse, AppError> {
    let (tenant, page) = (&list.tenant, &list.listing.page);
    let after = app.pages.cursor(page)?;
    let timed = app.db.ids_have_the_time(tenant).await?;
    let conn = app.db.read(tenant).await?;
    let span = span_of(&conn, list, timed).await?;
    let mut listed = usage::list(&conn, tenant, &span, &list.listing, after).await?;
    let next_page_token =
        app.pages.cut(page, &mut listed, |listed| listed.position(&span).to_string());
    usage_ids::fill(&conn, tenant, listed.iter_mut().map(|listed| &mut listed.record)).await?;
    let names = names_of(&conn, tenant, listed.iter().map(|listed| listed.wallet)).await?;
    let transfers: Vec<_> =
        listed.iter().filter_map(|listed| listed.record.transfer).map(Id::uuid).collect();
    let metered: Vec<_> = listed
        .iter()
        .filter(|listed| listed.record.metered.is_some())
        .map(|listed| listed.record.id.uuid())
        .collect();
    let reversed = reversals::sums(&conn, tenant, &transfers, &metered).await?;
    let rendered = listed.iter().filter_map(|listed| {
        let (name, record) = (names.get(&listed.wallet)?, &listed.record);
        let original = record.transfer.map_or(record.id.uuid(), Id::uuid);
        Some(match reversed.get(&original) {
            Some(sum) => messages::reversed_record(name, record, sum),
            None => Ok(messages::usage_record(name, record)),
        })
    });
    Ok(ListUsageRecordsResponse {
        usage_records: rendered.collect::<Result<_, _>>()?,
        next_page_token,
    })
}
