//! Reads reconciliations and differences.

use crate::{
    app::App,
    commands::reconciliations::{
        ListDifferences, ListPayouts, ListReconciliations, ListTransactions, ReadBalance,
    },
    messages::{provider_payouts as payout_messages, reconciliations as messages},
    store::{
        provider_differences, provider_payouts, provider_reconciliations, provider_transactions,
    },
};
use payterms_chassis::{
    AppError,
    keyset::{Key, Position},
};
use payterms_proto::wallet::v1 as pb;
use uuid::Uuid;

/// A page of reconciliations.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_provider_reconciliations(
    app: &App,
    ListReconciliations { tenant, page }: &ListReconciliations,
) -> Result<pb::ListProviderReconciliationsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut listed = provider_reconciliations::list(&conn, tenant, before, page.reads()).await?;
    let next_page_token =
        app.pages.cut(page, &mut listed, |reconciliation| reconciliation.id.to_string());
    let provider_reconciliations = listed
        .iter()
        .map(|reconciliation| messages::provider_reconciliation(tenant, reconciliation))
        .collect();
    Ok(pb::ListProviderReconciliationsResponse { provider_reconciliations, next_page_token })
}

/// A page of differences.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_provider_differences(
    app: &App,
    ListDifferences { tenant, state, page }: &ListDifferences,
) -> Result<pb::ListProviderDifferencesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut listed = provider_differences::list(&conn, tenant, *state, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |difference| difference.id.to_string());
    let provider_differences =
        listed.iter().map(|difference| messages::provider_difference(tenant, difference)).collect();
    Ok(pb::ListProviderDifferencesResponse { provider_differences, next_page_token })
}

/// A page of payouts, each with what it is made of.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_provider_payouts(
    app: &App,
    ListPayouts { tenant, page }: &ListPayouts,
) -> Result<pb::ListProviderPayoutsResponse, AppError> {
    let after = app.pages.cursor::<Position>(page)?.and_then(|position| match position.key {
        Key::Instant(at) => Some((at, position.id)),
        _ => None,
    });
    let conn = app.db.read(tenant).await?;
    let mut listed = provider_payouts::list(&conn, tenant, after, page.reads()).await?;
    let position = |payout: &payterms_wallet_domain::provider_payout::ProviderPayout| Position {
        key: Key::Instant(payout.created_at),
        id: payout.id,
    };
    let next_page_token = app.pages.cut(page, &mut listed, |payout| position(payout).to_string());
    let ids: Vec<_> =
        listed.iter().filter(|payout| payout.is_listed).map(|payout| payout.id).collect();
    let sums = provider_transactions::sums_of(&conn, tenant, &ids).await?;
    let provider_payouts = listed
        .iter()
        .map(|payout| payout_messages::provider_payout(tenant, payout, sums.get(&payout.id)))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListProviderPayoutsResponse { provider_payouts, next_page_token })
}

/// A page of transactions.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_provider_transactions(
    app: &App,
    ListTransactions { tenant, payout, page }: &ListTransactions,
) -> Result<pb::ListProviderTransactionsResponse, AppError> {
    let after = app.pages.cursor::<String>(page)?.unwrap_or_default();
    let conn = app.db.read(tenant).await?;
    let mut listed =
        provider_transactions::list(&conn, tenant, *payout, &after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |transaction| transaction.id.clone());
    let provider_transactions = listed
        .iter()
        .map(|transaction| payout_messages::provider_transaction(tenant, transaction))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListProviderTransactionsResponse { provider_transactions, next_page_token })
}

/// What had moved the balance until an instant, by currency.
pub async fn get_provider_balance(
    app: &App,
    ReadBalance { tenant, at }: &ReadBalance,
) -> Result<pb::GetProviderBalanceResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let sums = provider_transactions::sums_until(&conn, tenant, *at).await?;
    Ok(pb::GetProviderBalanceResponse {
        sums: sums.iter().map(payout_messages::provider_sums).collect::<Result<_, _>>()?,
    })
}
