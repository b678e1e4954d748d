//! Lots.

use super::names::{WALLET, list_of_wallet, wallet_ref};
use crate::commands::{
    lots::{GrantCredit, LotRef},
    wallets::WalletRef,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, Money, calendar::last_whole_day_before};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Lot, LotKind, TaxKind, wallet::NewLot};
use tonic::Request;

/// Grants credit.
pub fn grant_credit(
    request: Request<pb::GrantCreditRequest>,
) -> Result<(Call, GrantCredit), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("wallet", &message.wallet, WALLET);
    let lot = NewLot {
        kind: LotKind::Granted,
        tax_kind: None,
        priority: fields.number("priority", message.priority, 0..=100),
        amount: fields.money("amount", message.amount.as_ref(), Digits::Wallet),
        expires_at: fields.optional_instant("expire_time", message.expire_time.as_ref()),
        description: fields.text("description", &message.description, 0, 1_000),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, GrantCredit { wallet: wallet_ref(&name), lot }))
}

/// Voids what is left of a granted lot.
pub fn void_grant(request: Request<pb::VoidGrantRequest>) -> Result<(Call, LotRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "wallets", "lots"]);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, LotRef { wallet: wallet_ref(&name), lot: Id::from_uuid(name.id(2)) }))
}

/// Names a wallet whose lots are listed.
pub fn list_lots(request: Request<pb::ListLotsRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

pub(super) fn lot_name(wallet: &str, lot: Id<Lot>) -> String {
    format!("{wallet}/lots/{lot}")
}

/// A tax kind.
#[must_use]
pub fn tax_kind(kind: Option<TaxKind>) -> pb::TaxKind {
    match kind {
        None => pb::TaxKind::Unspecified,
        Some(TaxKind::TaxedSale) => pb::TaxKind::TaxedSale,
        Some(TaxKind::Deposit) => pb::TaxKind::Deposit,
    }
}

/// A lot.
#[must_use]
pub fn lot(wallet: &str, lot: &Lot) -> pb::Lot {
    let kind = match lot.kind {
        LotKind::Purchased => pb::lot::Kind::Purchased,
        LotKind::Granted => pb::lot::Kind::Granted,
    };
    pb::Lot {
        name: lot_name(wallet, lot.id),
        kind: kind.into(),
        tax_kind: tax_kind(lot.tax_kind).into(),
        priority: i32::try_from(lot.priority).unwrap_or_default(),
        amount: Some(money(lot.amount)),
        remaining: Some(money(lot.remaining)),
        held: Some(money(lot.pinned)),
        expire_time: lot.expires_at.map(timestamp),
        create_time: Some(timestamp(lot.created_at)),
        description: lot.description.clone(),
    }
}

/// Bought credit of the wallet of that name that expires.
#[must_use]
pub fn expiring_credit_changed<'a>(
    wallet: &str,
    lots: impl Iterator<Item = &'a Lot>,
    zone: Tz,
    notified: bool,
) -> pb::ExpiringCreditChanged {
    let expiring = |lot: &Lot| {
        let expiry = lot.expires_at?;
        Some(pb::ExpiringLot {
            lot: lot_name(wallet, lot.id),
            remaining: Some(money(lot.remaining)),
            held: Some(money(lot.pinned)),
            expire_time: Some(timestamp(expiry)),
            last_day: Some(date(last_whole_day_before(zone, expiry))),
            tax_kind: tax_kind(lot.tax_kind).into(),
        })
    };
    pb::ExpiringCreditChanged {
        wallet: wallet.to_owned(),
        lots: lots.filter_map(expiring).collect(),
        notified,
    }
}

/// Granted credit of the wallet of that name that was voided.
#[must_use]
pub fn grant_taken_back(
    wallet: &str,
    lot: Id<Lot>,
    amount: Money,
    at: DateTime<Utc>,
) -> pb::GrantTakenBack {
    pb::GrantTakenBack {
        lot: lot_name(wallet, lot),
        amount: Some(money(amount)),
        take_time: Some(timestamp(at)),
    }
}
