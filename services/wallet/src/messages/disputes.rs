//! Disputes.

use super::{
    methods::{method_name, payment_method},
    names::{CUSTOMER, METHOD, WALLET, customer_ref},
};
use crate::commands::{
    customers::CustomerRef,
    disputes::{DecideDispute, DisputeRef, ListDisputes},
    payments::payment_name,
    wallets::wallet_name,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Dispute, DisputeState, Methods, PaymentMethod, dispute::Disputed};
use tonic::Request;

const DISPUTE: &[&str] = &["customers", "disputes"];
const PAYMENT: &[&str] = &["customers", "payments"];

/// Names a dispute to read.
pub fn get_dispute(request: Request<pb::GetDisputeRequest>) -> Result<DisputeRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, DISPUTE);
    fields.finish()?;
    Ok(DisputeRef { customer: customer_ref(&name), dispute: Id::from_uuid(name.id(1)) })
}

const DISPUTES: ListSpec = ListSpec {
    filters: &[
        Field { name: "state", kind: Kind::Choice(&["OPEN", "WON", "LOST"]) },
        Field { name: "final", kind: Kind::Flag },
        Field { name: "customer", kind: Kind::Name(CUSTOMER) },
        Field { name: "wallet", kind: Kind::Name(WALLET) },
        Field { name: "payment_method", kind: Kind::Name(METHOD) },
        Field { name: "payment", kind: Kind::Name(PAYMENT) },
        Field { name: "provider_reason", kind: Kind::Text },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::NEWEST,
};

/// Asks for disputes.
pub fn list_disputes(request: Request<pb::ListDisputesRequest>) -> Result<ListDisputes, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListDisputesRequest { parent, page_size, page_token, filter, order_by } = &message;
    let named = fields.parent("parent", parent, CUSTOMER);
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let listing = Listing::parse(&mut fields, &DISPUTES, request);
    fields.finish()?;
    let customer = named.id(0).map(Id::from_uuid);
    Ok(ListDisputes { tenant: named.tenant, customer, listing })
}

/// Decides that a dispute is won.
pub fn win_dispute(
    request: Request<pb::WinDisputeRequest>,
) -> Result<(Call, DecideDispute), AppError> {
    let (fields, message) = Fields::open(request)?;
    decide(fields, &message.request_id, &message.name, &message.explanation)
}

/// Decides that a dispute is lost.
pub fn lose_dispute(
    request: Request<pb::LoseDisputeRequest>,
) -> Result<(Call, DecideDispute), AppError> {
    let (fields, message) = Fields::open(request)?;
    decide(fields, &message.request_id, &message.name, &message.explanation)
}

fn decide(
    mut fields: Fields,
    request_id: &str,
    name: &str,
    explanation: &str,
) -> Result<(Call, DecideDispute), AppError> {
    let name = fields.name("name", name, DISPUTE);
    let explanation = fields.text("explanation", explanation, 1, 500);
    let dispute = DisputeRef { customer: customer_ref(&name), dispute: Id::from_uuid(name.id(1)) };
    Ok((fields.write(request_id, name.tenant)?, DecideDispute { dispute, explanation }))
}

/// The name of a dispute.
#[must_use]
pub fn dispute_name(customer: &CustomerRef, dispute: Id<Dispute>) -> String {
    format!("{}/disputes/{dispute}", customer.name())
}

fn state(state: DisputeState) -> pb::dispute::State {
    match state {
        DisputeState::Open => pb::dispute::State::Open,
        DisputeState::Won => pb::dispute::State::Won,
        DisputeState::Lost => pb::dispute::State::Lost,
    }
}

/// A dispute.
#[must_use]
pub fn dispute(tenant: &TenantId, dispute: &Dispute) -> pb::Dispute {
    let customer = CustomerRef { tenant: tenant.clone(), customer: dispute.customer };
    let wallet = wallet_name(tenant, dispute.customer, dispute.wallet);
    let (payment, top_up) = match dispute.disputed {
        Disputed::TopUp(top_up) => (String::new(), format!("{wallet}/topUps/{top_up}")),
        Disputed::Charge { payment, .. } => (payment_name(&customer, payment), String::new()),
    };
    let taken = dispute.taken;
    pb::Dispute {
        name: dispute_name(&customer, dispute.id),
        state: state(dispute.state).into(),
        amount: Some(money(taken.amount)),
        provider_reason: dispute.provider_reason.clone(),
        wallet,
        payment_method: dispute
            .method
            .map(|method| method_name(&customer.name(), method))
            .unwrap_or_default(),
        payment,
        top_up,
        evidence_due_date: dispute.evidence_due.map(date),
        r#final: dispute.is_final,
        from_credit: Some(money(taken.credit)),
        from_tax: Some(money(taken.tax)),
        from_invoices: Some(money(taken.from_invoices)),
        from_surplus: Some(money(taken.from_surplus)),
        explanation: dispute.explanation.clone(),
        provider_outcome: dispute
            .told
            .map_or(pb::dispute::State::Unspecified, |told| state(told.state()))
            .into(),
        create_time: Some(timestamp(dispute.created_at)),
        update_time: Some(timestamp(dispute.updated_at)),
        end_time: dispute.ended_at.map(timestamp),
        refunds_credited: Some(money(dispute.unmoved)),
    }
}

/// What is known of a disputed charge besides the dispute.
#[derive(Debug)]
pub struct Around<'a> {
    /// The disputed top-up.
    pub top_up: Option<pb::TopUp>,
    /// What was charged.
    pub charged: Option<&'a PaymentMethod>,
    /// The customer's methods.
    pub methods: &'a Methods,
    /// What the wallet owes.
    pub owed: Option<Money>,
    /// What of the credit that is given back paid what was owed.
    pub paid_owed: Option<Money>,
    /// Until when auto-recharge waits.
    pub paused_until: Option<DateTime<Utc>>,
}

/// The event of a dispute: what is disputed, what was charged, what is charged without a person
/// present from now on, and what it leaves of the wallet.
#[must_use]
pub fn dispute_changed(
    tenant: &TenantId,
    changed: &Dispute,
    around: Around<'_>,
) -> pb::DisputeChanged {
    let Around { top_up, charged, methods, owed, paid_owed, paused_until } = around;
    let customer = CustomerRef { tenant: tenant.clone(), customer: changed.customer }.name();
    let collection = methods.collection.and_then(|id| methods.get(id));
    pb::DisputeChanged {
        dispute: Some(dispute(tenant, changed)),
        top_up,
        charge_request_id: match changed.disputed {
            Disputed::TopUp(_) => String::new(),
            Disputed::Charge { step, .. } => step.to_string(),
        },
        payment_method: charged.map(|method| payment_method(&customer, method, methods)),
        collection_method: collection.map(|method| payment_method(&customer, method, methods)),
        owed: owed.filter(|owed| owed.is_positive()).map(money),
        paid_owed: paid_owed.filter(|paid| paid.is_positive()).map(money),
        recharge_paused_until_time: paused_until.map(timestamp),
        provider_charge_id: changed.provider_charge_id.clone(),
    }
}
