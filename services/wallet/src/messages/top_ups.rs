//! Top-ups.

use super::{
    lots::tax_kind,
    methods::method_name,
    names::{CUSTOMER, METHOD, WALLET, list_of_wallets, wallet_ref},
};
use crate::commands::{
    top_ups::CreateTopUp,
    wallets::{ListOfWallets, WalletRef},
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Order, UPDATE_TIME},
    render::{decimal, money, timestamp},
};
use payterms_kernel::{Id, Refusal};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{TopUp, TopUpState, top_up::Source};
use tonic::Request;

/// Buys credit.
pub fn create_top_up(
    request: Request<pb::CreateTopUpRequest>,
) -> Result<(Call, CreateTopUp), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("wallet", &message.wallet, WALLET);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let method = (!message.payment_method.is_empty())
        .then(|| fields.name("payment_method", &message.payment_method, METHOD));
    let foreign = method
        .as_ref()
        .is_some_and(|method| method.tenant != name.tenant || method.id(0) != name.id(0));
    let marks = fields.marks("", &message.external_id, &message.labels);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((
        call,
        CreateTopUp {
            wallet: wallet_ref(&name),
            amount,
            method: method.map(|method| Id::from_uuid(method.id(1))),
            marks,
        },
    ))
}

/// Names a top-up to read.
pub fn get_top_up(
    request: Request<pb::GetTopUpRequest>,
) -> Result<(WalletRef, Id<TopUp>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "wallets", "topUps"]);
    fields.finish()?;
    Ok((wallet_ref(&name), Id::from_uuid(name.id(2))))
}

const TOP_UPS: ListSpec = ListSpec {
    filters: &[
        Field {
            name: "state",
            kind: Kind::Choice(&[
                "PROCESSING",
                "SUCCEEDED",
                "FAILED",
                "REQUIRES_ACTION",
                "CHARGED_BACK",
            ]),
        },
        Field { name: "source", kind: Kind::Choice(&["CUSTOMER", "AUTO_RECHARGE"]) },
        Field { name: "customer", kind: Kind::Name(CUSTOMER) },
        Field { name: "wallet", kind: Kind::Name(WALLET) },
        Field { name: "payment_method", kind: Kind::Name(METHOD) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
        Field::EXTERNAL_ID,
        Field::LABELS,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::NEWEST,
};

/// Asks for top-ups.
pub fn list_top_ups(request: Request<pb::ListTopUpsRequest>) -> Result<ListOfWallets, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListTopUpsRequest { parent, page_size, page_token, filter, order_by } = &message;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let list = list_of_wallets(&mut fields, &TOP_UPS, request);
    fields.finish()?;
    Ok(list)
}

/// A top-up into the wallet of that name.
pub fn top_up(wallet: &str, top_up: &TopUp) -> Result<pb::TopUp, AppError> {
    let state = match top_up.state {
        TopUpState::Processing => pb::top_up::State::Processing,
        TopUpState::Succeeded => pb::top_up::State::Succeeded,
        TopUpState::Failed => pb::top_up::State::Failed,
        TopUpState::RequiresAction => pb::top_up::State::RequiresAction,
        TopUpState::ChargedBack => pb::top_up::State::ChargedBack,
    };
    let source = match top_up.source {
        Source::Customer => pb::top_up::Source::Customer,
        Source::AutoRecharge => pb::top_up::Source::AutoRecharge,
    };
    let customer = wallet.split("/wallets/").next().unwrap_or_default();
    Ok(pb::TopUp {
        name: format!("{wallet}/topUps/{}", top_up.id),
        state: state.into(),
        amount: Some(money(top_up.amount)),
        credit: Some(money(top_up.amount.minus(top_up.tax)?)),
        tax: Some(money(top_up.tax)),
        tax_kind: tax_kind(Some(top_up.tax_kind)).into(),
        tax_rate_percent: Some(decimal(top_up.tax_rate)),
        tax_version: top_up.tax_version,
        tax_sentence: top_up.tax_sentence.clone(),
        payment_method: method_name(customer, top_up.method),
        decline_code: top_up.decline_code.clone(),
        provider_charge_id: top_up.provider_charge_id.clone(),
        create_time: Some(timestamp(top_up.created_at)),
        update_time: Some(timestamp(top_up.updated_at)),
        source: source.into(),
        external_id: top_up.marks.external_id.clone().unwrap_or_default(),
        labels: top_up.marks.labels.clone(),
        expire_time: top_up.expires_at.map(timestamp),
        refunded_amount: Some(money(top_up.refunded_credit.plus(top_up.refunded_tax)?)),
    })
}
