//! Results of the domain → messages of the contract.
#![expect(clippy::missing_errors_doc, reason = "every function here fails for stored amounts that no column could hold")]

use crate::{parse::WalletRef, store::entries::Line};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, etag,
    render::{money, timestamp},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Customer, Hold, HoldState, Lot, LotKind, Posting, TaxKind, TransferKind, Wallet};

/// The name of a wallet.
#[must_use]
pub fn wallet_name(tenant: &TenantId, customer: Id<Customer>, wallet: Id<Wallet>) -> String {
    format!("tenants/{tenant}/customers/{customer}/wallets/{wallet}")
}

impl WalletRef {
    /// The wallet's name.
    #[must_use]
    pub fn name(&self) -> String {
        wallet_name(&self.tenant, self.customer, self.wallet)
    }
}

/// A wallet with its balance at `now`.
pub fn wallet(tenant: &TenantId, wallet: &Wallet, now: DateTime<Utc>) -> Result<pb::Wallet, AppError> {
    Ok(pb::Wallet {
        name: wallet_name(tenant, wallet.customer, wallet.id),
        currency_code: wallet.currency.code().to_owned(),
        balance: Some(balance(wallet, now)?),
        create_time: Some(timestamp(wallet.created_at)),
        update_time: Some(timestamp(wallet.updated_at)),
        etag: etag::etag(wallet.version),
    })
}

/// A wallet's balance at `now`.
pub fn balance(wallet: &Wallet, now: DateTime<Utc>) -> Result<pb::Balance, AppError> {
    Ok(pb::Balance {
        posted: Some(money(wallet.posted)),
        held: Some(money(wallet.held()?)),
        available: Some(money(wallet.available(now)?)),
        time: Some(timestamp(now)),
        sequence: wallet.sequence,
    })
}

/// A balance of the past.
#[must_use]
pub fn past_balance(posted: Money, sequence: i64, at: DateTime<Utc>) -> pb::Balance {
    pb::Balance { posted: Some(money(posted)), held: None, available: None, time: Some(timestamp(at)), sequence }
}

/// A line of a wallet's history.
#[must_use]
pub fn entry(wallet: &str, line: &Line) -> pb::Entry {
    pb::Entry {
        name: format!("{wallet}/entries/{}", line.sequence),
        sequence: line.sequence,
        kind: kind(line.kind).into(),
        amount: Some(money(line.amount)),
        balance_after: Some(money(line.balance_after)),
        lot: line.lot.map(|lot| lot_name(wallet, lot)).unwrap_or_default(),
        transfer_id: line.transfer.to_string(),
        description: line.description.clone(),
        record_time: Some(timestamp(line.recorded_at)),
        effective_time: Some(timestamp(line.effective_at)),
    }
}

fn kind(kind: TransferKind) -> pb::entry::Kind {
    match kind {
        TransferKind::Grant => pb::entry::Kind::Grant,
        TransferKind::GrantVoid => pb::entry::Kind::GrantVoid,
        TransferKind::Debit => pb::entry::Kind::Debit,
        TransferKind::Capture => pb::entry::Kind::Capture,
        TransferKind::Usage => pb::entry::Kind::Usage,
        TransferKind::Fee => pb::entry::Kind::Fee,
        TransferKind::TopUp | TransferKind::TransferTopUp => pb::entry::Kind::TopUp,
        TransferKind::Expiry => pb::entry::Kind::Expiry,
        TransferKind::OwedSettlement => pb::entry::Kind::OwedSettlement,
        TransferKind::InvoiceCredit => pb::entry::Kind::InvoiceCredit,
        TransferKind::Surplus => pb::entry::Kind::Surplus,
        TransferKind::Chargeback => pb::entry::Kind::Chargeback,
        TransferKind::PostpaidClose => pb::entry::Kind::PostpaidClose,
        TransferKind::InvoiceRefund => pb::entry::Kind::InvoiceRefund,
        // What goes to or from an invoice alone moves no customer's credit, and is no line of a wallet's history.
        TransferKind::Charge | TransferKind::BankTransfer | TransferKind::MonthClose => pb::entry::Kind::Unspecified,
    }
}

fn lot_name(wallet: &str, lot: Id<Lot>) -> String {
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

/// A posting.
#[must_use]
pub fn posting(wallet: &str, posting: &Posting) -> pb::Posting {
    let part = |(lot, amount): &(Id<Lot>, Money)| pb::LotPart { lot: lot_name(wallet, *lot), amount: Some(money(*amount)) };
    pb::Posting {
        transfer_id: posting.transfer.to_string(),
        wallet: wallet.to_owned(),
        amount: Some(money(posting.amount)),
        parts: posting.parts.iter().map(part).collect(),
        balance_after: Some(money(posting.balance_after)),
        sequence: posting.sequence,
        record_time: Some(timestamp(posting.recorded_at)),
    }
}

/// A hold.
pub fn hold(wallet: &str, hold: &Hold) -> Result<pb::Hold, AppError> {
    let state = match hold.state {
        HoldState::Active => pb::hold::State::Active,
        HoldState::Captured => pb::hold::State::Captured,
        HoldState::Voided => pb::hold::State::Voided,
        HoldState::Expired => pb::hold::State::Expired,
    };
    Ok(pb::Hold {
        name: format!("{wallet}/holds/{}", hold.id),
        state: state.into(),
        amount: Some(money(hold.amount)),
        captured: Some(money(hold.captured)),
        held: Some(money(hold.held()?)),
        expire_time: hold.payment.is_none().then(|| timestamp(hold.expires_at)),
        description: hold.description.clone(),
        create_time: Some(timestamp(hold.created_at)),
        update_time: Some(timestamp(hold.updated_at)),
    })
}
