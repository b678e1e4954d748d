//! Table `transfers`: written once, never changed.

use super::{RequestsByTransfer, money, unknown};
use payterms_chassis::{
    AppError,
    rows::{self, Rows},
    sql,
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use payterms_wallet_domain::{Lot, Transfer, TransferKind, Wallet, posting::Posting};
use sea_orm::entity::prelude::*;
use std::collections::HashMap;

payterms_chassis::table! {
    /// A row. That of a batched verb also keeps its request.
    entity "transfers"
    key { id: Uuid, }
    fixed {
        wallet_id: Uuid,
        /// The name of the transfer's kind.
        pub(crate) kind: String,
        /// What the caller said about it.
        pub(crate) description: String,
        recorded_at: ChronoDateTimeUtc,
        effective_at: ChronoDateTimeUtc,
        payment_id: Option<Uuid>,
    }
    changing {}
    unread {
        request_id: Option<Uuid>,
        input_hash: Option<Vec<u8>>,
        actor: Option<String>,
    }
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const KINDS: [(TransferKind, &str); 27] = [
    (TransferKind::Grant, "GRANT"),
    (TransferKind::GrantVoid, "GRANT_VOID"),
    (TransferKind::Debit, "DEBIT"),
    (TransferKind::Capture, "CAPTURE"),
    (TransferKind::Usage, "USAGE"),
    (TransferKind::Fee, "FEE"),
    (TransferKind::TopUp, "TOP_UP"),
    (TransferKind::Expiry, "EXPIRY"),
    (TransferKind::OwedSettlement, "OWED_SETTLEMENT"),
    (TransferKind::ReturnSettlement, "RETURN_SETTLEMENT"),
    (TransferKind::InvoiceCredit, "INVOICE_CREDIT"),
    (TransferKind::Charge, "CHARGE"),
    (TransferKind::Surplus, "SURPLUS"),
    (TransferKind::InvoiceRefund, "INVOICE_REFUND"),
    (TransferKind::BankTransfer, "BANK_TRANSFER"),
    (TransferKind::TransferTopUp, "TRANSFER_TOP_UP"),
    (TransferKind::MonthClose, "MONTH_CLOSE"),
    (TransferKind::Chargeback, "CHARGEBACK"),
    (TransferKind::DisputeWon, "DISPUTE_WON"),
    (TransferKind::PostpaidClose, "POSTPAID_CLOSE"),
    (TransferKind::MonthRounding, "MONTH_ROUNDING"),
    (TransferKind::TransferReturn, "TRANSFER_RETURN"),
    (TransferKind::TopUpRefund, "TOP_UP_REFUND"),
    (TransferKind::TransferRefund, "TRANSFER_REFUND"),
    (TransferKind::Reversal, "REVERSAL"),
    (TransferKind::Revocation, "REVOCATION"),
    (TransferKind::Restoration, "RESTORATION"),
];

pub(super) fn kind_name(kind: TransferKind) -> &'static str {
    KINDS.iter().find(|(candidate, _)| *candidate == kind).map_or("", |(_, name)| name)
}

/// The kind of a column.
pub(crate) fn kind(name: &str) -> Result<TransferKind, AppError> {
    KINDS
        .iter()
        .find(|(_, candidate)| *candidate == name)
        .map(|(kind, _)| *kind)
        .ok_or_else(|| unknown("transfer kind", name))
}

/// A transfer without its entries.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its kind.
    pub kind: TransferKind,
    /// What the caller said about it.
    pub description: String,
    /// When it was recorded.
    pub recorded_at: ChronoDateTimeUtc,
    /// When it took effect.
    pub effective_at: ChronoDateTimeUtc,
}

/// One transfer of a wallet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<Transfer>,
) -> Result<Option<Head>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .one(conn)
        .await?;
    let head = |row: Model| {
        let Model { id, description, recorded_at, effective_at, .. } = row;
        let kind = kind(&row.kind).map_err(|error| error.in_row(Model::TABLE, id))?;
        Ok(Head { kind, description, recorded_at, effective_at })
    };
    found.map(head).transpose()
}

/// Whether the surplus of a payment has become credit already.
pub async fn has_surplus<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
) -> Result<bool, AppError> {
    has_any(conn, tenant, payment, &[TransferKind::Surplus]).await
}

/// Whether a payment has a transfer of one of these kinds.
pub async fn has_any<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
    kinds: &[TransferKind],
) -> Result<bool, AppError> {
    let kinds = kinds.iter().map(|kind| kind_name(*kind));
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment));
    Ok(query.filter(Column::Kind.is_in(kinds)).one(conn).await?.is_some())
}

/// The surplus of a payment that became credit.
pub async fn surplus_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
    currency: Currency,
) -> Result<Money, AppError> {
    let select = "SELECT CAST(COALESCE(SUM(CASE WHEN e.account = 'INVOICE_SETTLEMENT' THEN -e.amount ELSE e.amount END), 0) AS bigint) \
                  AS surplus FROM transfers t JOIN entries e ON e.tenant = t.tenant AND e.transfer_id = t.id \
                  WHERE t.tenant = $1 AND t.payment_id = $2 AND t.kind = $3 AND 'INVOICE_SETTLEMENT' IN (e.account, e.contra)";
    let values =
        vec![tenant.as_str().into(), payment.into(), kind_name(TransferKind::Surplus).into()];
    let row = sql::one(conn, select, values).await?;
    let micros = row.map(|row| row.try_get("", "surplus")).transpose()?;
    Ok(Money::from_micros(currency, micros.unwrap_or_default()))
}

/// The lot that a payment made of what it had beyond its invoices, or that a transfer bought.
pub async fn bought_lot<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
    kind: TransferKind,
) -> Result<Option<Id<Lot>>, AppError> {
    let select = "SELECT e.lot_id FROM transfers t JOIN entries e ON e.tenant = t.tenant AND e.transfer_id = t.id \
                  WHERE t.tenant = $1 AND t.payment_id = $2 AND t.kind = $3 AND e.lot_id IS NOT NULL ORDER BY e.line LIMIT 1";
    let values = vec![tenant.as_str().into(), payment.into(), kind_name(kind).into()];
    let row = sql::one(conn, select, values).await?;
    Ok(row.map(|row| row.try_get("", "lot_id")).transpose()?.map(Id::from_uuid))
}

/// The id of the transfer by which a payment took credit.
pub(crate) async fn of_credit<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
) -> Result<Option<Uuid>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment));
    Ok(query
        .filter(Column::Kind.eq(kind_name(TransferKind::InvoiceCredit)))
        .one(conn)
        .await?
        .map(|row| row.id))
}

/// The rows of transfers, each with its request if no other row stores that.
///
/// # Errors
/// `Fault` if one does not sum to zero.
pub(super) fn rows(
    tenant: &TenantId,
    transfers: &[(Id<Wallet>, Transfer)],
    requests: &RequestsByTransfer,
) -> Result<Rows<{ Model::WIDTH }>, AppError> {
    let mut rows = Rows::new(Model::COLUMNS);
    for (wallet, transfer) in transfers {
        if !transfer.is_balanced()? {
            return Err(AppError::Fault(format!("transfer {} does not sum to zero", transfer.id)));
        }
        let stamp = requests.get(&transfer.id);
        let row = Model {
            tenant: tenant.to_string(),
            id: transfer.id.uuid(),
            wallet_id: wallet.uuid(),
            kind: kind_name(transfer.kind).to_owned(),
            description: transfer.description.clone(),
            recorded_at: transfer.recorded_at,
            effective_at: transfer.effective_at,
            payment_id: transfer.payment,
            request_id: stamp.map(|stamp| stamp.request_id),
            input_hash: stamp.map(|stamp| stamp.input_hash.clone()),
            actor: stamp.map(|stamp| stamp.actor.clone()),
        };
        rows.push(row.inserted());
    }
    Ok(rows)
}

/// The postings of debits and fees, by their request ids.
pub async fn postings_by_request<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    requests: &[Uuid],
) -> Result<HashMap<Uuid, Posting>, AppError> {
    if requests.is_empty() {
        return Ok(HashMap::new());
    }
    let (among, ids) = rows::among(conn, "t.request_id", 2, requests);
    let select = format!(
        "SELECT t.request_id, t.id, t.recorded_at, e.lot_id, e.amount, e.currency, e.sequence, e.balance_after FROM transfers t \
         JOIN entries e ON e.tenant = t.tenant AND e.transfer_id = t.id WHERE t.tenant = $1 AND {among} AND e.sequence IS NOT NULL \
         ORDER BY t.id, e.line"
    );
    let mut values = vec![tenant.as_str().into()];
    values.extend(ids);
    let mut postings: HashMap<Uuid, Posting> = HashMap::new();
    for row in sql::all(conn, &select, values).await? {
        let code: String = row.try_get("", "currency")?;
        let transfer: Uuid = row.try_get("", "id")?;
        let lot: Option<Uuid> = row.try_get("", "lot_id")?;
        let part = money(&code, row.try_get::<i64>("", "amount")?)?.negated();
        let recorded_at = row.try_get("", "recorded_at")?;
        let posting = postings.entry(row.try_get("", "request_id")?).or_insert_with(|| Posting {
            transfer: Id::from_uuid(transfer),
            amount: Money::zero(part.currency()),
            parts: Vec::new(),
            balance_after: part,
            sequence: 0,
            recorded_at,
        });
        posting.amount = posting.amount.plus(part)?;
        posting.parts.extend(lot.map(|lot| (Id::from_uuid(lot), part)));
        posting.balance_after = money(&code, row.try_get("", "balance_after")?)?;
        posting.sequence = row.try_get("", "sequence")?;
    }
    Ok(postings)
}

/// What was voided of a granted lot.
#[derive(Debug)]
pub struct Voided {
    /// The lot.
    pub lot: Id<Lot>,
    /// Its wallet.
    pub wallet: Id<Wallet>,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: ChronoDateTimeUtc,
}

/// What was voided of these lots; each is voided once.
pub async fn voided_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lots: &[Uuid],
) -> Result<Vec<Voided>, AppError> {
    if lots.is_empty() {
        return Ok(Vec::new());
    }
    let (among, ids) = rows::among(conn, "e.lot_id", 3, lots);
    let select = format!(
        "SELECT e.lot_id AS lot_id, e.wallet_id AS wallet_id, e.amount AS amount, e.currency AS currency, e.recorded_at AS recorded_at \
         FROM entries e JOIN transfers t ON t.tenant = e.tenant AND t.id = e.transfer_id WHERE e.tenant = $1 AND t.kind = $2 AND {among}"
    );
    let kind = kind_name(TransferKind::GrantVoid);
    let values = [tenant.as_str().into(), kind.into()].into_iter().chain(ids).collect();
    let one = |row: &QueryResult| {
        Ok(Voided {
            lot: Id::from_uuid(row.try_get("", "lot_id")?),
            wallet: Id::from_uuid(row.try_get("", "wallet_id")?),
            amount: money(
                &row.try_get::<String>("", "currency")?,
                row.try_get::<i64>("", "amount")?,
            )?
            .negated(),
            at: row.try_get("", "recorded_at")?,
        })
    };
    sql::all(conn, &select, values).await?.iter().map(one).collect()
}
