//! Wallets, their balances and their history.

use super::names::{CUSTOMER, WALLET, customer_ref, list_of_wallets, wallet_ref};
// A line of the history is a view over several tables, which the store reads as one.
use crate::{
    commands::wallets::{AsOf, ListOfWallets, ListWallets, OpenWallet, WalletRef, name_of},
    messages::lots::lot_name,
    store::{entry_lists::Line, sources::Source},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    render::{money, timestamp},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{TransferKind, Wallet};
use tonic::Request;

/// Opens a wallet.
pub fn open_wallet(
    request: Request<pb::OpenWalletRequest>,
) -> Result<(Call, OpenWallet), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    let currency = fields.currency("currency_code", &message.currency_code);
    let marks = fields.marks("", &message.external_id, &message.labels);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, OpenWallet { customer: customer_ref(&parent), currency, marks }))
}

/// Names a wallet to read.
pub fn get_wallet(request: Request<pb::GetWalletRequest>) -> Result<WalletRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, WALLET);
    fields.finish()?;
    Ok(wallet_ref(&name))
}

const WALLETS: ListSpec = ListSpec {
    filters: &[
        Field::EXTERNAL_ID,
        Field::LABELS,
        Field { name: "customer", kind: Kind::Name(CUSTOMER) },
        Field { name: "currency", kind: Kind::Currency },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::OLDEST,
};

/// Asks for wallets.
pub fn list_wallets(request: Request<pb::ListWalletsRequest>) -> Result<ListWallets, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListWalletsRequest { parent, page_size, page_token, filter, order_by } = &message;
    let of = fields.parent("parent", parent, CUSTOMER);
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let listing = Listing::parse(&mut fields, &WALLETS, request);
    fields.finish()?;
    Ok(ListWallets { customer: of.id(0).map(Id::from_uuid), tenant: of.tenant, listing })
}

/// Names wallet and instant.
pub fn get_balance(request: Request<pb::GetBalanceRequest>) -> Result<(WalletRef, AsOf), AppError> {
    use pb::get_balance_request::AsOf as Message;
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, WALLET);
    let as_of = match &message.as_of {
        None => AsOf::Now,
        Some(Message::AtTime(at)) => AsOf::Recorded(fields.instant("at_time", Some(at))),
        Some(Message::EffectiveAtTime(at)) => {
            AsOf::Effective(fields.instant("effective_at_time", Some(at)))
        }
    };
    fields.finish()?;
    Ok((wallet_ref(&name), as_of))
}

/// The field that histories are ordered by.
pub(super) const RECORD_TIME: &str = "record_time";

const ENTRIES: ListSpec = ListSpec {
    filters: &[Field { name: RECORD_TIME, kind: Kind::Instant }],
    orders: &[RECORD_TIME],
    default: Order { field: RECORD_TIME, descending: true },
};

/// Asks for entries.
pub fn list_entries(request: Request<pb::ListEntriesRequest>) -> Result<ListOfWallets, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListEntriesRequest { parent, page_size, page_token, filter, order_by } = &message;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let list = list_of_wallets(&mut fields, &ENTRIES, request);
    fields.finish()?;
    Ok(list)
}

/// Asks for an export of entries.
pub fn export_entries(
    request: Request<pb::ExportEntriesRequest>,
) -> Result<ListOfWallets, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let request =
        ListRequest::export(&message.parent, &message.filter, &message.page_token, RECORD_TIME);
    let list = list_of_wallets(&mut fields, &ENTRIES, request);
    fields.finish()?;
    Ok(list)
}

/// A wallet with its balance at `now`.
pub fn wallet(
    tenant: &TenantId,
    wallet: &Wallet,
    now: DateTime<Utc>,
) -> Result<pb::Wallet, AppError> {
    Ok(pb::Wallet {
        name: name_of(tenant, wallet),
        currency_code: wallet.currency.code().to_owned(),
        balance: Some(balance(wallet, now)?),
        create_time: Some(timestamp(wallet.created_at)),
        update_time: Some(timestamp(wallet.updated_at)),
        etag: etag::etag(wallet.version),
        external_id: wallet.marks.external_id.clone().unwrap_or_default(),
        labels: wallet.marks.labels.clone(),
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
        owed_for_returns: Some(money(wallet.owed_undone)),
    })
}

/// A balance of the past.
#[must_use]
pub fn past_balance(posted: Money, sequence: i64, at: DateTime<Utc>) -> pb::Balance {
    pb::Balance {
        posted: Some(money(posted)),
        time: Some(timestamp(at)),
        sequence,
        ..pb::Balance::default()
    }
}

/// A line of a wallet's history.
#[must_use]
pub fn entry(wallet: &str, line: &Line) -> pb::Entry {
    pb::Entry {
        name: format!("{wallet}/entries/{}", line.sequence),
        sequence: line.sequence,
        kind: entry_kind(line.kind).into(),
        amount: Some(money(line.amount)),
        balance_after: Some(money(line.balance_after)),
        lot: line.lot.map(|lot| lot_name(wallet, lot)).unwrap_or_default(),
        transfer_id: line.transfer.to_string(),
        description: line.description.clone(),
        record_time: Some(timestamp(line.recorded_at)),
        effective_time: Some(timestamp(line.effective_at)),
        reversed_transfer_id: line.reverses.map(|id| id.to_string()).unwrap_or_default(),
        reversed_amount: line.reversed.map(money),
        source: line.source.map(|source| source_name(wallet, source)).unwrap_or_default(),
    }
}

fn source_name(wallet: &str, source: Source) -> String {
    match source {
        Source::Payment(id) => {
            let customer = wallet.split_once("/wallets/").map_or(wallet, |(customer, _)| customer);
            format!("{customer}/payments/{id}")
        }
        Source::TopUp(id) => format!("{wallet}/topUps/{id}"),
        Source::TopUpRefund(top_up, id) => format!("{wallet}/topUps/{top_up}/refunds/{id}"),
        Source::Revocation(id) => format!("{wallet}/revocations/{id}"),
    }
}

fn entry_kind(kind: TransferKind) -> pb::entry::Kind {
    match kind {
        TransferKind::Grant => pb::entry::Kind::Grant,
        TransferKind::GrantVoid => pb::entry::Kind::GrantVoid,
        TransferKind::Debit => pb::entry::Kind::Debit,
        TransferKind::Capture => pb::entry::Kind::Capture,
        TransferKind::Usage => pb::entry::Kind::Usage,
        TransferKind::Fee => pb::entry::Kind::Fee,
        TransferKind::TopUp => pb::entry::Kind::TopUp,
        TransferKind::TransferTopUp => pb::entry::Kind::TransferTopUp,
        TransferKind::Expiry => pb::entry::Kind::Expiry,
        TransferKind::OwedSettlement => pb::entry::Kind::OwedSettlement,
        TransferKind::ReturnSettlement => pb::entry::Kind::ReturnSettlement,
        TransferKind::InvoiceCredit => pb::entry::Kind::InvoiceCredit,
        TransferKind::Surplus => pb::entry::Kind::Surplus,
        TransferKind::Chargeback => pb::entry::Kind::Chargeback,
        TransferKind::DisputeWon => pb::entry::Kind::DisputeWon,
        TransferKind::TransferReturn => pb::entry::Kind::TransferReturn,
        TransferKind::TopUpRefund => pb::entry::Kind::TopUpRefund,
        TransferKind::TransferRefund => pb::entry::Kind::TransferRefund,
        TransferKind::Reversal => pb::entry::Kind::Reversal,
        TransferKind::Revocation => pb::entry::Kind::Revocation,
        TransferKind::Restoration => pb::entry::Kind::Restoration,
        TransferKind::PostpaidClose => pb::entry::Kind::PostpaidClose,
        TransferKind::MonthRounding => pb::entry::Kind::MonthRounding,
        TransferKind::InvoiceRefund => pb::entry::Kind::InvoiceRefund,
        // These move no customer credit, so they have no line in a wallet's history.
        TransferKind::Charge | TransferKind::BankTransfer | TransferKind::MonthClose => {
            pb::entry::Kind::Unspecified
        }
    }
}
