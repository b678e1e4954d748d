//! Methods, set-ups, top-ups and settings → messages of the contract.

use crate::{parse::CustomerRef, parse_settlements::payment_name};
use payterms_chassis::{
    AppError, etag,
    render::{decimal, money, timestamp},
};
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{
    Charge, ChargeState, MethodKind, MethodSetup, Methods, PaymentMethod, TopUp, TopUpState, WalletSettings, method_setup::SetupState,
    top_up::Source,
};

impl CustomerRef {
    /// The customer's name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("tenants/{}/customers/{}", self.tenant, self.customer)
    }
}

fn method_name(customer: &str, method: Id<PaymentMethod>) -> String {
    format!("{customer}/paymentMethods/{method}")
}

/// A set-up.
#[must_use]
pub fn setup(customer: &str, setup: &MethodSetup) -> pb::MethodSetup {
    let state = match setup.state {
        SetupState::Created => pb::method_setup::State::Created,
        SetupState::Pending => pb::method_setup::State::Pending,
        SetupState::Active => pb::method_setup::State::Active,
        SetupState::Failed => pb::method_setup::State::Failed,
        SetupState::Expired => pb::method_setup::State::Expired,
    };
    pb::MethodSetup {
        name: format!("{customer}/methodSetups/{}", setup.id),
        state: state.into(),
        hosted_url: setup.hosted_url.clone(),
        payment_method: setup.method.map(|method| method_name(customer, method)).unwrap_or_default(),
        failure_reason: setup.failure_reason.clone(),
        expire_time: Some(timestamp(setup.expires_at)),
        create_time: Some(timestamp(setup.created_at)),
    }
}

fn kind(kind: MethodKind) -> i32 {
    match kind {
        MethodKind::Card => pb::payment_method::Kind::Card.into(),
        MethodKind::BankTransfer => pb::payment_method::Kind::BankTransfer.into(),
        MethodKind::BankDebit => pb::payment_method::Kind::BankDebit.into(),
        MethodKind::CreditLine => pb::payment_method::Kind::CreditLine.into(),
    }
}

/// A method, and what points to it.
#[must_use]
pub fn method(customer: &str, method: &PaymentMethod, methods: &Methods) -> pb::PaymentMethod {
    let state = if method.active { pb::payment_method::State::Active } else { pb::payment_method::State::Removed };
    pb::PaymentMethod {
        name: method_name(customer, method.id),
        kind: kind(method.kind),
        state: state.into(),
        brand: method.brand.clone(),
        last_four: method.last_four.clone(),
        expire_month: i32::try_from(method.expire_month).unwrap_or_default(),
        expire_year: method.expire_year,
        purchase_default: methods.purchase_default == Some(method.id),
        collection_method: methods.collection == Some(method.id),
        create_time: Some(timestamp(method.created_at)),
        charged_back: method.charged_back,
        mandate_reference: method.mandate.clone(),
    }
}

/// What a customer's methods are after a change.
#[must_use]
pub fn methods_changed(customer: &str, methods: &Methods) -> pb::PaymentMethodsChanged {
    let payment_methods = methods.active.iter().map(|own| method(customer, own, methods)).collect();
    pb::PaymentMethodsChanged { customer: customer.to_owned(), payment_methods }
}

/// A top-up into the wallet of that name.
///
/// # Errors
/// None that stored amounts can cause.
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
        tax_kind: crate::render::tax_kind(Some(top_up.tax_kind)).into(),
        tax_rate_percent: Some(decimal(top_up.tax_rate)),
        tax_version: top_up.tax_version,
        tax_sentence: top_up.tax_sentence.clone(),
        payment_method: method_name(customer, top_up.method),
        decline_code: top_up.decline_code.clone(),
        provider_charge_id: top_up.provider_charge_id.clone(),
        create_time: Some(timestamp(top_up.created_at)),
        update_time: Some(timestamp(top_up.updated_at)),
        source: source.into(),
    })
}

/// A charge of a customer's.
#[must_use]
pub fn charge(customer: &CustomerRef, charge: &Charge) -> pb::Charge {
    let state = match charge.state {
        ChargeState::Processing => pb::charge::State::Processing,
        ChargeState::Succeeded => pb::charge::State::Succeeded,
        ChargeState::Failed => pb::charge::State::Failed,
        ChargeState::ChargedBack => pb::charge::State::ChargedBack,
    };
    pb::Charge {
        name: format!("{}/charges/{}", customer.name(), charge.id),
        payment: payment_name(customer, charge.payment),
        payment_method: charge.method.map(|method| method_name(&customer.name(), method)).unwrap_or_default(),
        state: state.into(),
        amount: Some(money(charge.amount)),
        decline_code: charge.decline_code.clone(),
        provider_charge_id: charge.provider_charge_id.clone(),
        create_time: Some(timestamp(charge.created_at)),
        update_time: Some(timestamp(charge.updated_at)),
        charged_back: charge.charged_back.map(|own| money(own.amount)),
        request_id: charge.step.to_string(),
        from_invoices: charge.charged_back.map(|own| money(own.from_invoices)),
        from_surplus: charge.charged_back.map(|own| money(own.from_surplus)),
    }
}

/// Least amounts.
#[must_use]
pub fn minimums(minimums: &[(MethodKind, Money)]) -> Vec<pb::Minimum> {
    minimums.iter().map(|(own, least)| pb::Minimum { kind: kind(*own), amount: Some(money(*least)) }).collect()
}

/// Kinds of method.
#[must_use]
pub fn kinds(kinds: &[MethodKind]) -> Vec<i32> {
    kinds.iter().copied().map(kind).collect()
}

/// A tenant's settings.
#[must_use]
pub fn settings(tenant: &payterms_kernel::TenantId, settings: &WalletSettings) -> pb::WalletSettings {
    pb::WalletSettings {
        name: format!("tenants/{tenant}/walletSettings"),
        provider: settings.provider.clone(),
        provider_default: settings.provider_default,
        methods: kinds(&settings.methods),
        top_up_tax_kind: crate::render::tax_kind(Some(settings.top_up_tax_kind)).into(),
        minimums: minimums(&settings.minimums),
        postpaid_minimums: settings.postpaid_minimums.iter().copied().map(money).collect(),
        prepayment: settings.prepayment,
        prepayment_methods: kinds(&settings.prepayment_methods),
        etag: etag::etag(settings.version),
        purchased_expire_days: i32::try_from(settings.purchased_expire_days).unwrap_or_default(),
        warnings: settings.warnings().into_iter().map(str::to_owned).collect(),
    }
}
