//! Table `receipts`: written once, never changed.

use super::{
    currency, date, decimal, millionths,
    parties::{party, party_text},
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order},
};
use payterms_invoicing_domain::{
    Customer, Rate, Receipt, TaxAmount,
    receipt::{Replaced, Subject},
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set, ExprTrait, IntoSimpleExpr, QueryOrder, QuerySelect, entity::prelude::*,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipts")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    top_up_id: Uuid,
    wallet_id: Uuid,
    paid_invoices: String,
    number: String,
    issue_date: String,
    taxed: bool,
    rate_millionths: i64,
    sentence: String,
    net: i64,
    tax: i64,
    amount: i64,
    currency: String,
    seller: String,
    buyer: String,
    mentions: String,
    created_at: ChronoDateTimeUtc,
    disputed_top_up_id: Option<Uuid>,
    expires_on: Option<String>,
    replaced_numbers: String,
    paid_on: Option<String>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a payment has paid, as its column holds it; the column `top_up_id` has the payment then,
/// and no wallet is named.
#[derive(Debug, Serialize, Deserialize)]
struct PaidText {
    paid_on: NaiveDate,
    invoices: Vec<(String, i64)>,
}

fn subject(row: &Model, currency: Currency) -> Result<Subject, AppError> {
    if row.paid_invoices.is_empty() {
        // Of a won dispute the column `top_up_id` has the dispute.
        let numbers = row.replaced_numbers.split_whitespace().map(str::to_owned).collect();
        let paid_on = row.paid_on.as_deref().map(date).transpose()?;
        let replaces =
            row.disputed_top_up_id.map(|_| Replaced { dispute: row.top_up_id, numbers, paid_on });
        let expires_on = row.expires_on.as_deref().map(date).transpose()?;
        return Ok(Subject::TopUp {
            top_up: row.disputed_top_up_id.unwrap_or(row.top_up_id),
            wallet: row.wallet_id,
            replaces,
            expires_on,
        });
    }
    let read: PaidText = serde_json::from_str(&row.paid_invoices)
        .map_err(|error| AppError::Fault(format!("a receipt: {error}")))?;
    let invoices = read
        .invoices
        .into_iter()
        .map(|(number, micros)| (number, Money::from_micros(currency, micros)))
        .collect();
    Ok(Subject::Payment { payment: Id::from_uuid(row.top_up_id), paid_on: read.paid_on, invoices })
}

fn subject_columns(subject: &Subject) -> Result<(Uuid, Uuid, String), AppError> {
    match subject {
        Subject::TopUp { top_up, wallet, replaces, .. } => Ok((
            replaces.as_ref().map_or(*top_up, |replaced| replaced.dispute),
            *wallet,
            String::new(),
        )),
        Subject::Payment { payment, paid_on, invoices } => {
            let invoices =
                invoices.iter().map(|(number, paid)| (number.clone(), paid.micros())).collect();
            let text = serde_json::to_string(&PaidText { paid_on: *paid_on, invoices });
            Ok((
                payment.uuid(),
                Uuid::nil(),
                text.map_err(|error| AppError::Fault(error.to_string()))?,
            ))
        }
    }
}

fn receipt(row: Model) -> Result<Receipt, AppError> {
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    Ok(Receipt {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        subject: subject(&row, currency)?,
        number: row.number,
        issue_date: date(&row.issue_date)?,
        taxed: row.taxed,
        tax: TaxAmount {
            rate: Rate { percent: decimal(row.rate_millionths), sentence: row.sentence },
            net: money(row.net),
            tax: money(row.tax),
            credited_net: money(0),
            credited_tax: money(0),
        },
        amount: money(row.amount),
        seller: party(&row.seller)?,
        buyer: party(&row.buyer)?,
        mentions: row.mentions,
        created_at: row.created_at,
    })
}

/// One receipt.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Receipt>,
) -> Result<Option<Receipt>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(receipt).transpose()
}

/// The receipts of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Receipt>],
) -> Result<Vec<Receipt>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(receipt).collect()
}

/// The receipts of a top-up, the newest first: won disputes have brought those after its own.
pub async fn of_top_up<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    top_up: Uuid,
) -> Result<Vec<Receipt>, AppError> {
    let expr = Column::TopUpId.eq(top_up).or(Column::DisputedTopUpId.eq(top_up));
    let rows =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(expr).all(conn).await?;
    let mut found: Vec<Receipt> = rows.into_iter().map(receipt).collect::<Result<_, _>>()?;
    found.sort_by(|one, other| other.place().cmp(&one.place()));
    Ok(found)
}

/// Whether a top-up, a payment or a won dispute has its receipt.
pub async fn is_issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    subject: Uuid,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::TopUpId.eq(subject));
    Ok(query.one(conn).await?.is_some())
}

/// A page of receipts after a position, of one customer or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Receipt>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    let order = |field: &str| (field == "issue_date").then(|| Column::IssueDate.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &compared, order: &order };
    keyset::page(query, listing, after, &columns)?
        .all(conn)
        .await?
        .into_iter()
        .map(receipt)
        .collect()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "number" => Column::Number,
        "customer" => Column::CustomerId,
        "wallet" => Column::WalletId,
        "currency" => Column::Currency,
        "amount" => Column::Amount,
        "issue_date" => Column::IssueDate,
        "create_time" => Column::CreatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a receipt is in a list of this order.
#[must_use]
pub fn position(receipt: &Receipt, order: Order) -> Position {
    let key = if order.field == "issue_date" {
        Key::Text(receipt.issue_date.to_string())
    } else {
        Key::Id
    };
    Position { key, id: receipt.id.uuid() }
}

/// Receipts of a customer that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    from: NaiveDate,
    to: NaiveDate,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Receipt>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::IssueDate.between(from.to_string(), to.to_string()))
        .filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(receipt).collect()
}

/// Inserts a receipt.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    receipt: &Receipt,
) -> Result<(), AppError> {
    let (top_up_id, wallet_id, paid_invoices) = subject_columns(&receipt.subject)?;
    let replaced = match &receipt.subject {
        Subject::TopUp { top_up, replaces: Some(replaced), .. } => Some((top_up, replaced)),
        Subject::TopUp { .. } | Subject::Payment { .. } => None,
    };
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(receipt.id.uuid()),
        customer_id: Set(receipt.customer.uuid()),
        top_up_id: Set(top_up_id),
        wallet_id: Set(wallet_id),
        paid_invoices: Set(paid_invoices),
        number: Set(receipt.number.clone()),
        issue_date: Set(receipt.issue_date.to_string()),
        taxed: Set(receipt.taxed),
        rate_millionths: Set(millionths(receipt.tax.rate.percent)),
        sentence: Set(receipt.tax.rate.sentence.clone()),
        net: Set(receipt.tax.net.micros()),
        tax: Set(receipt.tax.tax.micros()),
        amount: Set(receipt.amount.micros()),
        currency: Set(receipt.amount.currency().code().to_owned()),
        seller: Set(party_text(Some(&receipt.seller))?),
        buyer: Set(party_text(Some(&receipt.buyer))?),
        mentions: Set(receipt.mentions.clone()),
        created_at: Set(receipt.created_at),
        disputed_top_up_id: Set(replaced.map(|(top_up, _)| *top_up)),
        replaced_numbers: Set(replaced
            .map(|(_, replaced)| replaced.numbers.join(" "))
            .unwrap_or_default()),
        paid_on: Set(replaced
            .and_then(|(_, replaced)| replaced.paid_on)
            .map(|day| day.to_string())),
        expires_on: Set(match receipt.subject {
            Subject::TopUp { expires_on, .. } => expires_on.map(|day| day.to_string()),
            Subject::Payment { .. } => None,
        }),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}
