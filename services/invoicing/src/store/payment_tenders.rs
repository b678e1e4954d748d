//! Table `payment_tenders`: by what a payment is paid.

use super::{currency, unknown};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Payment, Tender, TenderState, payment::Source};
use payterms_kernel::{Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_tenders")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: i64,
    pub kind: String,
    pub method_id: Option<Uuid>,
    pub amount: i64,
    pub refunded: i64,
    pub charged_back: i64,
    pub state: String,
    pub decline_code: String,
    pub currency: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn tender(row: Model) -> Result<(Uuid, Tender), AppError> {
    let state = match row.state.as_str() {
        "PROCESSING" => TenderState::Processing,
        "SUCCEEDED" => TenderState::Succeeded,
        "RELEASED" => TenderState::Released,
        "FAILED" => TenderState::Failed(row.decline_code),
        other => return Err(unknown("tender state", other)),
    };
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    let (amount, refunded, charged_back) =
        (money(row.amount), money(row.refunded), money(row.charged_back));
    let source = match (row.kind.as_str(), row.method_id) {
        ("CREDIT", _) => Source::Credit,
        ("COLLECTION", method) => Source::Collection(method),
        ("CARD", Some(method)) => Source::Card(method),
        ("BANK_DEBIT", Some(method)) => Source::BankDebit(method),
        ("TRANSFER", Some(line)) => Source::Transfer(line),
        ("TRANSFER", None) => Source::Announced,
        ("OUTSIDE", _) => Source::Outside,
        ("CREDIT_LINE", Some(line)) => Source::Line(line),
        (other, _) => return Err(unknown("tender", other)),
    };
    Ok((row.payment_id, Tender { source, amount, state, refunded, charged_back }))
}

fn kind(source: Source) -> &'static str {
    match source {
        Source::Credit => "CREDIT",
        Source::Card(_) => "CARD",
        Source::BankDebit(_) => "BANK_DEBIT",
        Source::Collection(_) => "COLLECTION",
        Source::Transfer(_) | Source::Announced => "TRANSFER",
        Source::Outside => "OUTSIDE",
        Source::Line(_) => "CREDIT_LINE",
    }
}

/// The tenders of payments, in their order.
pub(super) async fn of_payments<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payments: Vec<Uuid>,
) -> Result<HashMap<Uuid, Vec<Tender>>, AppError> {
    let found = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.is_in(payments))
        .order_by_asc(Column::Place);
    let mut tendered: HashMap<Uuid, Vec<Tender>> = HashMap::new();
    for row in found.all(conn).await? {
        let (payment, this_tender) = tender(row)?;
        tendered.entry(payment).or_default().push(this_tender);
    }
    Ok(tendered)
}

/// Saves the tenders of a payment.
pub(super) async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: &Payment,
) -> Result<(), AppError> {
    let code = payment.currency.code();
    let rows = (1_i64..).zip(&payment.tenders).map(|(place, tender)| ActiveModel {
        tenant: Set(tenant.to_string()),
        payment_id: Set(payment.id.uuid()),
        place: Set(place),
        kind: Set(kind(tender.source).to_owned()),
        method_id: Set(match tender.source {
            Source::Card(id) | Source::BankDebit(id) | Source::Transfer(id) | Source::Line(id) => {
                Some(id)
            }
            Source::Collection(charged) => charged,
            Source::Credit | Source::Announced | Source::Outside => None,
        }),
        amount: Set(tender.amount.micros()),
        refunded: Set(tender.refunded.micros()),
        charged_back: Set(tender.charged_back.micros()),
        state: Set(tender.state.name().to_owned()),
        decline_code: Set(if let TenderState::Failed(code) = &tender.state {
            code.clone()
        } else {
            String::new()
        }),
        currency: Set(code.to_owned()),
    });
    let key = [Column::Tenant, Column::PaymentId, Column::Place];
    let changing = [
        Column::MethodId,
        Column::Amount,
        Column::State,
        Column::DeclineCode,
        Column::Refunded,
        Column::ChargedBack,
    ];
    let upsert = OnConflict::columns(key).update_columns(changing).to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
