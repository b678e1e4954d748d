//! Payouts of payment providers, what they are made of, and the balance there.

use crate::commands::reconciliations::{ListPayouts, ListTransactions, ReadBalance};
use payterms_chassis::{
    AppError, Fields,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_kernel::{TenantId, money::MoneyError};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::provider_payout::{
    PayoutState, ProviderPayout, ProviderTransaction, Sums, TransactionKind,
};
use tonic::Request;
use uuid::Uuid;

const PAYOUT: &[&str] = &["providerPayouts"];

/// Asks for payouts.
pub fn list_provider_payouts(
    request: Request<pb::ListProviderPayoutsRequest>,
) -> Result<ListPayouts, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok(ListPayouts { tenant, page })
}

/// Asks for transactions.
pub fn list_provider_transactions(
    request: Request<pb::ListProviderTransactionsRequest>,
) -> Result<ListTransactions, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let payout = Some(&message.payout)
        .filter(|name| !name.is_empty())
        .map(|name| fields.name("payout", name, PAYOUT).id(0));
    let page = Page::parse(
        &mut fields,
        &format!("{} {}", message.parent, message.payout),
        message.page_size,
        &message.page_token,
    );
    fields.finish()?;
    Ok(ListTransactions { tenant, payout, page })
}

/// Asks for the balance.
pub fn get_provider_balance(
    request: Request<pb::GetProviderBalanceRequest>,
) -> Result<ReadBalance, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let at = fields.optional_instant("at_time", message.at_time.as_ref());
    fields.finish()?;
    Ok(ReadBalance { tenant, at })
}

/// Sums.
///
/// # Errors
/// Where one is out of range.
pub fn provider_sums(sums: &Sums) -> Result<pb::ProviderSums, MoneyError> {
    Ok(pb::ProviderSums {
        charged: Some(money(sums.charged)),
        refunded: Some(money(sums.refunded)),
        disputed: Some(money(sums.disputed)),
        other: Some(money(sums.other)),
        fees: Some(money(sums.fees)),
        net: Some(money(sums.net()?)),
        paid_out: Some(money(sums.paid_out)),
        balance: Some(money(sums.balance()?)),
        transaction_count: i32::try_from(sums.count).unwrap_or(i32::MAX),
    })
}

fn payout_name(tenant: &TenantId, id: Uuid) -> String {
    format!("tenants/{tenant}/providerPayouts/{id}")
}

/// A payout, and what its transactions come to, where they were read.
///
/// # Errors
/// Where a sum is out of range.
pub fn provider_payout(
    tenant: &TenantId,
    payout: &ProviderPayout,
    sums: Option<&Sums>,
) -> Result<pb::ProviderPayout, MoneyError> {
    use pb::provider_payout::State;
    let state = match payout.state {
        PayoutState::Pending => State::Pending,
        PayoutState::InTransit => State::InTransit,
        PayoutState::Paid => State::Paid,
        PayoutState::Failed => State::Failed,
        PayoutState::Canceled => State::Canceled,
    };
    let none = Sums::none(payout.amount.currency());
    Ok(pb::ProviderPayout {
        name: payout_name(tenant, payout.id),
        provider: payout.provider.clone(),
        provider_payout_id: payout.provider_id.clone(),
        state: state.into(),
        automatic: payout.automatic,
        amount: Some(money(payout.amount)),
        arrival_date: Some(date(payout.arrives_on)),
        sums: payout.is_listed.then(|| provider_sums(sums.unwrap_or(&none))).transpose()?,
        create_time: Some(timestamp(payout.created_at)),
    })
}

/// A transaction.
///
/// # Errors
/// Where its net amount is out of range.
pub fn provider_transaction(
    tenant: &TenantId,
    transaction: &ProviderTransaction,
) -> Result<pb::ProviderTransaction, MoneyError> {
    use pb::provider_transaction::Kind;
    let kind = match transaction.kind {
        TransactionKind::Charge => Kind::Charge,
        TransactionKind::Refund => Kind::Refund,
        TransactionKind::Dispute => Kind::Dispute,
        TransactionKind::Fee => Kind::Fee,
        TransactionKind::Payout => Kind::Payout,
        TransactionKind::Other => Kind::Other,
    };
    Ok(pb::ProviderTransaction {
        provider_transaction_id: transaction.id.clone(),
        kind: kind.into(),
        provider_id: transaction.source.clone(),
        provider_charge_id: transaction.charge.clone(),
        amount: Some(money(transaction.amount)),
        fee: Some(money(transaction.fee)),
        net: Some(money(transaction.net()?)),
        payout: transaction.payout.map(|id| payout_name(tenant, id)).unwrap_or_default(),
        create_time: Some(timestamp(transaction.created_at)),
        available_time: Some(timestamp(transaction.available_at)),
    })
}
