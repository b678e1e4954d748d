//! Lists of entries: the histories of wallets, line by line, with what their transfers belong to
//! and what reversals gave back of them.

use super::{
    entries::{Column, Entity, Relation},
    history::{self, Span},
    money, reversals,
    sources::{self, Source},
    transfers, unknown,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError,
    keyset::{self, Key, Position},
    listing::Listing,
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{Lot, Transfer, TransferKind, Wallet};
use sea_orm::{
    FromQueryResult, IntoSimpleExpr, JoinType, QueryOrder, QuerySelect, QueryTrait, Select,
    entity::prelude::*,
    sea_query::{Expr, SelectStatement},
};

/// One line of a wallet's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its wallet.
    pub wallet: Id<Wallet>,
    /// Its sequence number.
    pub sequence: i64,
    /// Its place in its transfer.
    pub place: i64,
    /// The kind of its transfer.
    pub kind: TransferKind,
    /// Signed amount.
    pub amount: Money,
    /// The balance after it.
    pub balance_after: Money,
    /// The lot; `None` for the debt.
    pub lot: Option<Id<Lot>>,
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// The caller's description.
    pub description: String,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
    /// The transfer that its own reverses.
    pub reverses: Option<Id<Transfer>>,
    /// How much reversals gave back of its transfer.
    pub reversed: Option<Money>,
    /// The id of what its transfer belongs to.
    pub(super) payment: Option<Uuid>,
    /// What its transfer belongs to.
    pub source: Option<Source>,
}

impl Line {
    /// Where it is in a list of this span.
    #[must_use]
    pub fn position(&self, span: &Span) -> Position {
        match span {
            Span::Wallets(_) => {
                Position { key: Key::Number(self.sequence), id: self.wallet.uuid() }
            }
            Span::Tenant { .. } => {
                Position { key: Key::Number(self.place), id: self.transfer.uuid() }
            }
        }
    }
}

#[derive(Debug, FromQueryResult)]
struct LineRow {
    wallet_id: Uuid,
    sequence: i64,
    line: i64,
    kind: String,
    amount: i64,
    balance_after: i64,
    currency: String,
    lot_id: Option<Uuid>,
    transfer_id: Uuid,
    description: String,
    payment_id: Option<Uuid>,
    recorded_at: ChronoDateTimeUtc,
    effective_at: ChronoDateTimeUtc,
}

fn line(row: LineRow) -> Result<Line, AppError> {
    Ok(Line {
        wallet: Id::from_uuid(row.wallet_id),
        sequence: row.sequence,
        place: row.line,
        kind: transfers::kind(&row.kind)?,
        amount: money(&row.currency, row.amount)?,
        balance_after: money(&row.currency, row.balance_after)?,
        lot: row.lot_id.map(Id::from_uuid),
        transfer: Id::from_uuid(row.transfer_id),
        description: row.description,
        recorded_at: row.recorded_at,
        effective_at: row.effective_at,
        reverses: None,
        reversed: None,
        payment: row.payment_id,
        source: None,
    })
}

/// The lines of wallets' histories that a filter lets through.
fn lines_of(tenant: &TenantId, listing: &Listing) -> Result<Select<Entity>, AppError> {
    let mut query = Entity::find()
        .join(JoinType::InnerJoin, Relation::Transfer.def())
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Sequence.is_not_null())
        .select_only()
        .columns([
            Column::WalletId,
            Column::Sequence,
            Column::Line,
            Column::Amount,
            Column::BalanceAfter,
            Column::Currency,
            Column::LotId,
            Column::TransferId,
            Column::RecordedAt,
            Column::EffectiveAt,
        ])
        .columns([
            transfers::Column::Kind,
            transfers::Column::Description,
            transfers::Column::PaymentId,
        ]);
    for comparison in &listing.filter.0 {
        let column = if comparison.field == "record_time" {
            Column::RecordedAt
        } else {
            return Err(unknown("filter", comparison.field));
        };
        query = query.filter(keyset::compared(column.into_simple_expr(), comparison));
    }
    Ok(query)
}

/// A page of wallets' histories after a position.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    span: &Span,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Line>, AppError> {
    let query = lines_of(tenant, listing)?;
    let page = match span {
        Span::Wallets(wallets) => {
            let of_wallet = |(wallet, sequence): (Uuid, Option<i64>)| {
                let mut query = query.clone().filter(Column::WalletId.eq(wallet));
                if let Some(sequence) = sequence {
                    query = query.filter(history::after(
                        listing,
                        Column::Sequence.into_simple_expr(),
                        Expr::val(sequence),
                    ));
                }
                query
                    .order_by(Column::Sequence, history::direction(listing))
                    .limit(listing.page.reads())
                    .into_query()
            };
            let wallets = history::wallets_after(wallets, listing, after.as_ref())?;
            history::first_of(wallets.into_iter().map(of_wallet).collect(), listing)
        }
        Span::Tenant { ids_have_the_time } => {
            Some(of_tenant(query, *ids_have_the_time, listing, after)?)
        }
    };
    let Some(page) = page else { return Ok(Vec::new()) };
    let rows =
        LineRow::find_by_statement(conn.get_database_backend().build(&page)).all(conn).await?;
    let mut lines = rows.into_iter().map(line).collect::<Result<Vec<_>, AppError>>()?;
    link_reversals(conn, tenant, &mut lines).await?;
    sources::link(conn, tenant, &mut lines).await?;
    Ok(lines)
}

/// Adds to lines what reversals gave back of their transfers, and which transfers they reverse
/// themselves.
async fn link_reversals<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lines: &mut [Line],
) -> Result<(), AppError> {
    let mut ids: Vec<_> = lines.iter().map(|line| line.transfer.uuid()).collect();
    ids.dedup();
    let reversed = reversals::sums(conn, tenant, &ids, &[]).await?;
    let ids: Vec<_> = lines
        .iter()
        .filter(|line| line.kind == TransferKind::Reversal)
        .map(|line| line.transfer.uuid())
        .collect();
    let originals = reversals::originals(conn, tenant, &ids).await?;
    for line in lines {
        line.reversed = reversed.get(&line.transfer.uuid()).map(|sum| sum.amount);
        line.reverses = originals.get(&line.transfer.uuid()).copied().map(Id::from_uuid);
    }
    Ok(())
}

/// A page of all histories of a tenant, by their transfers.
fn of_tenant(
    query: Select<Entity>,
    ids_have_the_time: bool,
    listing: &Listing,
    after: Option<Position>,
) -> Result<SelectStatement, AppError> {
    let (transfer, line) = (Column::TransferId.into_simple_expr(), Column::Line.into_simple_expr());
    let mut query = query;
    if ids_have_the_time {
        for bound in listing
            .filter
            .0
            .iter()
            .filter_map(|comparison| history::ids(&transfer, comparison, Default::default()))
        {
            query = query.filter(bound);
        }
    }
    if let Some(position) = after {
        let Key::Number(place) = position.key else {
            return Err(unknown("position", &position.to_string()));
        };
        let columns = Expr::tuple([transfer, line]);
        query = query.filter(history::after(
            listing,
            columns,
            Expr::tuple([Expr::val(position.id), Expr::val(place)]),
        ));
    }
    let order = history::direction(listing);
    Ok(query
        .order_by(Column::TransferId, order.clone())
        .order_by(Column::Line, order)
        .limit(listing.page.reads())
        .into_query())
}
