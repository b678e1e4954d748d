//! Table `bank_lines`.

use super::{currency, date, unknown};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    BankLine, Customer, Invoice,
    bank::{
        Candidate, Dismissal, LineState, Paid, RefundOfCustomer, Shown, SuggestReason, TakenBack,
    },
    top_up::Bought,
};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_lines")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    account: String,
    /// Unique: the line's id; of older lines the bank's reference, which is among the details now.
    reference: String,
    booked_on: String,
    amount: i64,
    currency: String,
    payer: String,
    text: String,
    state: String,
    invoice_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    details: String,
    return_id: Option<Uuid>,
    account_key: String,
    payer_key: String,
    booking_amount: Option<i64>,
    booking: String,
    is_return: bool,
    created_at: ChronoDateTimeUtc,
}

/// What only some lines have.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct DetailsText {
    /// What it pays, with the amounts that the payer stated.
    pays: Vec<(Uuid, Option<i64>)>,
    /// Invoice and customer.
    candidates: Vec<(Uuid, Uuid)>,
    reasons: Vec<String>,
    dismissal: String,
    explanation: String,
    part_of: Option<Uuid>,
    duplicate_of: Option<Uuid>,
    /// The bank's reference; none in lines from before it was here.
    bank_reference: Option<String>,
    value_on: Option<String>,
    numbers: Vec<String>,
    /// Numbers and what the payer stated for them.
    stated: Vec<(String, i64)>,
    charges: Option<i64>,
    parts_differ: bool,
    /// The payment, and what had become credit.
    taken_back: Option<(Uuid, i64)>,
    /// What had bought credit, the tax in it, and whether it was taxed.
    taken_bought: Option<(i64, i64, bool)>,
    returned_line: Option<Uuid>,
    returned_by: Option<Uuid>,
    candidate_lines: Vec<Uuid>,
    /// The transfer back that came back by it, and whose it is.
    refund: Option<(Uuid, Uuid)>,
}

impl Model {
    /// What tells the booking from others.
    pub(super) fn booking(&self) -> &str {
        &self.booking
    }
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A row as a line.
pub(super) fn line(row: Model) -> Result<BankLine, AppError> {
    let state = LineState::named(&row.state);
    let details: DetailsText = serde_json::from_str(&row.details)
        .map_err(|error| AppError::Fault(format!("a bank line: {error}")))?;
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    let mut pays: Vec<_> = details
        .pays
        .iter()
        .map(|(id, stated)| Paid { invoice: Id::from_uuid(*id), stated: stated.map(money) })
        .collect();
    if pays.is_empty() {
        // A line that was matched before it could pay several.
        pays.extend(row.invoice_id.map(|id| Paid { invoice: Id::from_uuid(id), stated: None }));
    }
    let reason =
        |name: &String| SuggestReason::named(name).ok_or_else(|| unknown("suggest reason", name));
    let candidate = |(invoice, customer): &(Uuid, Uuid)| Candidate {
        invoice: Id::from_uuid(*invoice),
        customer: Id::from_uuid(*customer),
    };
    let taken_back = row.return_id.zip(details.taken_back);
    let bought = details.taken_bought.map(|(amount, tax, taxed)| Bought {
        amount: money(amount),
        tax: money(tax),
        taxed,
    });
    Ok(BankLine {
        id: Id::from_uuid(row.id),
        shown: Shown {
            booked_on: date(&row.booked_on)?,
            value_on: details.value_on.as_deref().map(date).transpose()?,
            amount: if row.is_return { money(row.amount).negated() } else { money(row.amount) },
            account: row.account,
            account_key: row.account_key,
            reference: details.bank_reference.unwrap_or(row.reference),
            payer: row.payer,
            payer_key: row.payer_key,
            text: row.text,
            numbers: details.numbers,
            stated: details
                .stated
                .into_iter()
                .map(|(number, micros)| (number, money(micros)))
                .collect(),
            charges: details.charges.map(money),
            parts_differ: details.parts_differ,
        },
        state: state.ok_or_else(|| unknown("bank line state", &row.state))?,
        pays,
        customer: row.customer_id.map(Id::from_uuid),
        payment: row.payment_id.map(Id::from_uuid),
        candidates: details.candidates.iter().map(candidate).collect(),
        reasons: details.reasons.iter().map(reason).collect::<Result<_, _>>()?,
        dismissal: Dismissal::named(&details.dismissal),
        explanation: details.explanation,
        duplicate_of: details.duplicate_of.map(Id::from_uuid),
        part_of: details.part_of.map(Id::from_uuid),
        returned_line: details.returned_line.map(Id::from_uuid),
        returned_by: details.returned_by.map(Id::from_uuid),
        candidate_lines: details.candidate_lines.into_iter().map(Id::from_uuid).collect(),
        refund: details.refund.map(|(id, customer)| RefundOfCustomer {
            refund: Id::from_uuid(id),
            customer: Id::from_uuid(customer),
        }),
        taken_back: taken_back.map(|(id, (payment, surplus))| TakenBack {
            id,
            payment: Id::from_uuid(payment),
            surplus: money(surplus),
            bought,
        }),
        created_at: row.created_at,
    })
}

fn details(line: &BankLine) -> Result<String, AppError> {
    let taken_bought = line.taken_back.and_then(|taken| taken.bought);
    let text = DetailsText {
        pays: line
            .pays
            .iter()
            .map(|paid| (paid.invoice.uuid(), paid.stated.map(Money::micros)))
            .collect(),
        candidates: line
            .candidates
            .iter()
            .map(|candidate| (candidate.invoice.uuid(), candidate.customer.uuid()))
            .collect(),
        reasons: line.reasons.iter().map(|reason| reason.name().to_owned()).collect(),
        dismissal: line.dismissal.map(Dismissal::name).unwrap_or_default().to_owned(),
        explanation: line.explanation.clone(),
        part_of: line.part_of.map(Id::uuid),
        duplicate_of: line.duplicate_of.map(Id::uuid),
        bank_reference: Some(line.shown.reference.clone()),
        value_on: line.shown.value_on.map(|day| day.to_string()),
        numbers: line.shown.numbers.clone(),
        stated: line
            .shown
            .stated
            .iter()
            .map(|(number, amount)| (number.clone(), amount.micros()))
            .collect(),
        charges: line.shown.charges.map(Money::micros),
        parts_differ: line.shown.parts_differ,
        taken_back: line.taken_back.map(|taken| (taken.payment.uuid(), taken.surplus.micros())),
        taken_bought: taken_bought
            .map(|bought| (bought.amount.micros(), bought.tax.micros(), bought.taxed)),
        returned_line: line.returned_line.map(Id::uuid),
        returned_by: line.returned_by.map(Id::uuid),
        candidate_lines: line.candidate_lines.iter().map(|id| id.uuid()).collect(),
        refund: line.refund.map(|refund_of_customer| {
            (refund_of_customer.refund.uuid(), refund_of_customer.customer.uuid())
        }),
    };
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}

/// One line.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<BankLine>,
) -> Result<Option<BankLine>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(line).transpose()
}

/// One line, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<BankLine>,
) -> Result<Option<BankLine>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(line)
        .transpose()
}

/// Some lines, locked in the order of their ids.
pub async fn lock_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<BankLine>],
) -> Result<Vec<BankLine>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    query.order_by_asc(Column::Id).lock_exclusive().all(conn).await?.into_iter().map(line).collect()
}

/// The line whose match is being taken back by this flow.
pub async fn find_by_return<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    return_id: Uuid,
) -> Result<Option<BankLine>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ReturnId.eq(return_id));
    query.one(conn).await?.map(line).transpose()
}

/// The customers whose invoices these accounts paid, or whose money on account they sent.
pub async fn paid_before_for<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payer_keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<Id<Customer>>>, AppError> {
    let query = Entity::find()
        .select_only()
        .columns([Column::PayerKey, Column::CustomerId])
        .distinct()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PayerKey.is_in(payer_keys))
        .filter(Column::PayerKey.ne(""))
        // A match that was taken back is forgotten: its line is in another state.
        .filter(Column::State.eq(LineState::Matched.name()));
    let rows: Vec<(String, Option<Uuid>)> = query.into_tuple().all(conn).await?;
    let mut found: BTreeMap<String, BTreeSet<Id<Customer>>> = BTreeMap::new();
    for (key, customer) in rows {
        found.entry(key).or_default().extend(customer.map(Id::from_uuid));
    }
    Ok(found)
}

/// Whether a line is matched to an invoice whose payment is not made yet.
pub async fn is_awaited<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<bool, AppError> {
    let matched = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(LineState::Matched.name()));
    // Few at any time: a payment is made within a second or so of the match.
    let unpaid = matched
        .filter(Column::PaymentId.is_null())
        .filter(Column::IsReturn.eq(false))
        .all(conn)
        .await?;
    let lines = unpaid.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.iter().flat_map(|line| &line.pays).any(|paid| paid.invoice == invoice))
}

/// The most lines of an invoice that are looked at.
const MOST_SUGGESTED: u64 = 20;

/// The lines that wait for a person to say whether they pay an invoice, oldest first.
pub async fn suggested_for<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Vec<BankLine>, AppError> {
    let open = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(LineState::Suggested.name()));
    let naming = open
        .filter(Column::IsReturn.eq(false))
        .filter(Column::Details.contains(invoice.to_string()));
    let rows = naming.order_by_asc(Column::Id).limit(MOST_SUGGESTED).all(conn).await?;
    let lines = rows.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
    Ok(lines
        .into_iter()
        .filter(|line| line.candidates.iter().any(|candidate| candidate.invoice == invoice))
        .collect())
}

/// Lines below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    state: Option<LineState>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<BankLine>, AppError> {
    let mut query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.name()));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.into_iter().map(line).collect()
}

/// Inserts lines, or saves what they pay.
pub async fn save_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lines: &[BankLine],
) -> Result<(), AppError> {
    let row = |line: &BankLine| {
        Ok(ActiveModel {
            tenant: Set(tenant.to_string()),
            id: Set(line.id.uuid()),
            account: Set(line.shown.account.clone()),
            reference: Set(line.id.to_string()),
            booked_on: Set(line.shown.booked_on.to_string()),
            // A return has a column of its own; amounts are above zero.
            amount: Set(line.shown.amount.micros().saturating_abs()),
            is_return: Set(line.is_return()),
            currency: Set(line.shown.amount.currency().code().to_owned()),
            payer: Set(line.shown.payer.clone()),
            text: Set(line.shown.text.clone()),
            state: Set(line.state.name().to_owned()),
            invoice_id: Set(line.pays.first().map(|paid| paid.invoice.uuid())),
            customer_id: Set(line.customer.map(Id::uuid)),
            payment_id: Set(line.payment.map(Id::uuid)),
            details: Set(details(line)?),
            return_id: Set(line.taken_back.map(|taken| taken.id)),
            account_key: Set(line.shown.account_key.clone()),
            payer_key: Set(line.shown.payer_key.clone()),
            // A part that a person cut is no booking.
            booking_amount: Set(line.part_of.map(|_| 0)),
            booking: Set(String::new()),
            created_at: Set(line.created_at),
        })
    };
    let rows = lines.iter().map(row).collect::<Result<Vec<_>, AppError>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let changing = [
        Column::State,
        Column::InvoiceId,
        Column::CustomerId,
        Column::PaymentId,
        Column::Details,
        Column::ReturnId,
        Column::PayerKey,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
