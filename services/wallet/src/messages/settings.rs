//! A tenant's settings, and what they let a customer do.

use super::{
    lots::tax_kind,
    methods::{kind, method_kind},
    names::{CUSTOMER, customer_ref},
};
use crate::commands::{
    customers::CustomerRef,
    settings::{ConnectStripe, UpdateSettings},
};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    fields::Digits,
    net::outside::AddressRules,
    render::{money, timestamp},
};
use payterms_kernel::{Money, Reason, TenantId};
use payterms_proto::{
    google::r#type::Money as MoneyMessage,
    wallet::v1::{self as pb, payment_method::Kind},
};
use payterms_wallet_domain::{
    MethodKind, StripeConnection, TaxKind, WalletSettings,
    settings::ProviderRoute,
    stripe_connection::{is_account, is_webhook_secret, key_kind},
};
use tonic::Request;

const SETTINGS: &str = "walletSettings";
/// What a tenant offers. Credit lines are the credit service's.
const OFFERED: [Kind; 3] = [Kind::Card, Kind::BankTransfer, Kind::BankDebit];

/// Names settings to read.
pub fn get_wallet_settings(
    request: Request<pb::GetWalletSettingsRequest>,
) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.finish()?;
    Ok(tenant)
}

/// Changes settings.
pub fn update_wallet_settings(
    request: Request<pb::UpdateWalletSettingsRequest>,
) -> Result<(Call, UpdateSettings), AppError> {
    const CHANGING: [&str; 8] = [
        "provider",
        "provider_default",
        "provider_routes",
        "methods",
        "top_up_tax_kind",
        "minimums",
        "purchased_expire_days",
        "postpaid_minimums",
    ];
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let used = |path: &str| paths.iter().any(|named| named == path);
    let new = message.wallet_settings.unwrap_or_default();
    let tenant = fields.singleton("wallet_settings.name", &new.name, &[], SETTINGS).tenant;
    if used("provider") && !matches!(new.provider.as_str(), "" | "simulator" | "stripe") {
        fields.wrong(
            "wallet_settings.provider",
            Reason::FIELD_INVALID_CHARS,
            "Use stripe, simulator, or nothing.",
        );
    }
    let tax = used("top_up_tax_kind").then(|| {
        fields.choice::<pb::TaxKind>("wallet_settings.top_up_tax_kind", new.top_up_tax_kind)
    });
    let update = UpdateSettings {
        provider: new.provider.clone(),
        provider_routes: if used("provider_routes") {
            parse_routes(&mut fields, &new.provider_routes)
        } else {
            Vec::new()
        },
        provider_default: new.provider_default,
        methods: if used("methods") {
            parse_kinds(&mut fields, "wallet_settings.methods", &new.methods)
        } else {
            Vec::new()
        },
        top_up_tax_kind: if tax.flatten() == Some(pb::TaxKind::TaxedSale) {
            TaxKind::TaxedSale
        } else {
            TaxKind::Deposit
        },
        minimums: if used("minimums") {
            parse_minimums(&mut fields, &new.minimums)
        } else {
            Vec::new()
        },
        postpaid_minimums: if used("postpaid_minimums") {
            parse_commitments(&mut fields, &new.postpaid_minimums)
        } else {
            Vec::new()
        },
        purchased_expire_days: fields.number(
            "wallet_settings.purchased_expire_days",
            new.purchased_expire_days,
            0..=3_650,
        ),
        etag: fields.token("wallet_settings.etag", &new.etag, 0, 100),
        paths,
    };
    Ok((fields.write(&message.request_id, tenant)?, update))
}

fn parse_kinds(fields: &mut Fields, field: &str, numbers: &[i32]) -> Vec<MethodKind> {
    let mut kinds = Vec::new();
    for number in numbers.iter().take(10) {
        let kind = method_kind(fields, field, *number, &OFFERED);
        if kind.is_some_and(|kind| kinds.contains(&kind)) {
            fields.wrong(field, Reason::DUPLICATE_ITEM, "Name each kind once.");
        }
        kinds.extend(kind);
    }
    if numbers.len() > 10 {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, "Name at most 10 kinds.");
    }
    kinds
}

fn parse_routes(fields: &mut Fields, messages: &[pb::ProviderRoute]) -> Vec<ProviderRoute> {
    let field = "wallet_settings.provider_routes";
    if messages.len() > 50 {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, "Send at most 50 routes.");
        return Vec::new();
    }
    let mut parsed: Vec<ProviderRoute> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let kind = method_kind(
            fields,
            &format!("{field}[{index}].kind"),
            message.kind,
            &[Kind::Card, Kind::BankDebit],
        );
        let code = message.currency_code.as_str();
        let currency = (!code.is_empty())
            .then(|| fields.currency(&format!("{field}[{index}].currency_code"), code));
        if !matches!(message.provider.as_str(), "simulator" | "stripe") {
            fields.wrong(
                &format!("{field}[{index}].provider"),
                Reason::FIELD_INVALID_CHARS,
                "Use stripe or simulator.",
            );
        }
        let same = |other: &pb::ProviderRoute| {
            (other.kind, &other.currency_code) == (message.kind, &message.currency_code)
        };
        if messages.iter().take(index).any(same) {
            fields.wrong(
                &format!("{field}[{index}]"),
                Reason::DUPLICATE_ITEM,
                "Write one route per kind and currency.",
            );
        }
        parsed.extend(kind.map(|kind| ProviderRoute {
            kind,
            currency,
            provider: message.provider.clone(),
        }));
    }
    parsed
}

fn parse_minimums(fields: &mut Fields, messages: &[pb::Minimum]) -> Vec<(MethodKind, Money)> {
    let field = "wallet_settings.minimums";
    if messages.len() > 50 {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, "Send at most 50 minimums.");
        return Vec::new();
    }
    let mut parsed: Vec<(MethodKind, Money)> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let kind = method_kind(fields, &format!("{field}[{index}].kind"), message.kind, &OFFERED);
        let least = fields.money(
            &format!("{field}[{index}].amount"),
            message.amount.as_ref(),
            Digits::MinorUnit,
        );
        if parsed
            .iter()
            .any(|(other, amount)| Some(*other) == kind && amount.currency() == least.currency())
        {
            fields.wrong(
                &format!("{field}[{index}]"),
                Reason::DUPLICATE_ITEM,
                "Write one minimum per kind and currency.",
            );
        }
        parsed.extend(kind.map(|kind| (kind, least)));
    }
    parsed
}

fn parse_commitments(fields: &mut Fields, messages: &[MoneyMessage]) -> Vec<Money> {
    let field = "wallet_settings.postpaid_minimums";
    if messages.len() > 50 {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, "Send at most 50 minimums.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (index, message) in messages.iter().take(50).enumerate() {
        let least = fields.money(&format!("{field}[{index}]"), Some(message), Digits::MinorUnit);
        if parsed.iter().any(|other| other.currency() == least.currency()) {
            fields.wrong(
                &format!("{field}[{index}]"),
                Reason::DUPLICATE_ITEM,
                "Write one minimum per currency.",
            );
        }
        parsed.push(least);
    }
    parsed
}

/// Connects an account at Stripe.
pub fn connect_stripe(
    request: Request<pb::ConnectStripeRequest>,
) -> Result<(Call, ConnectStripe), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    let secret_key = fields.token("secret_key", &message.secret_key, 1, 255);
    let kind = key_kind(&secret_key);
    if kind.is_none() && !secret_key.is_empty() {
        fields.wrong("secret_key", Reason::FIELD_INVALID_CHARS, "Use a secret or restricted key whole, as Stripe shows it: sk_test_, sk_live_, rk_test_ or rk_live_, then at least ten letters and digits.");
    }
    let webhook_secret = fields.token("webhook_secret", &message.webhook_secret, 1, 255);
    if !webhook_secret.is_empty() && !is_webhook_secret(&webhook_secret) {
        fields.wrong(
            "webhook_secret",
            Reason::FIELD_INVALID_CHARS,
            "Use the signing secret of the endpoint whole, as Stripe shows it: whsec_, then at least ten letters and digits.",
        );
    }
    let connected_account = fields.token("connected_account", &message.connected_account, 0, 100);
    if !connected_account.is_empty() && !is_account(&connected_account) {
        fields.wrong(
            "connected_account",
            Reason::FIELD_INVALID_CHARS,
            "Use the id of a connected account, such as acct_1A2b, or nothing.",
        );
    }
    let return_url = fields.token("return_url", &message.return_url, 1, 500);
    if !return_url.is_empty()
        && let Err(sentence) = AddressRules::default().check(&return_url)
    {
        fields.wrong("return_url", Reason::FIELD_INVALID_CHARS, sentence);
    }
    let call = fields.write(&message.request_id, tenant)?;
    let (live, key_ending) = kind.map(|kind| (kind.live, kind.ending)).unwrap_or_default();
    Ok((
        call,
        ConnectStripe {
            secret_key,
            live,
            key_ending,
            webhook_secret,
            connected_account,
            return_url,
        },
    ))
}

/// Disconnects an account at Stripe.
pub fn disconnect_stripe(request: Request<pb::DisconnectStripeRequest>) -> Result<Call, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.write(&message.request_id, tenant)
}

/// Turns prepayment on.
pub fn turn_on_prepayment(
    request: Request<pb::TurnOnPrepaymentRequest>,
) -> Result<(Call, Vec<MethodKind>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    let offered = parse_kinds(&mut fields, "methods", &message.methods);
    Ok((fields.write(&message.request_id, tenant)?, offered))
}

/// Turns prepayment off.
pub fn turn_off_prepayment(
    request: Request<pb::TurnOffPrepaymentRequest>,
) -> Result<Call, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.write(&message.request_id, tenant)
}

/// Names the customer whose options are read.
pub fn get_prepayment_options(
    request: Request<pb::GetPrepaymentOptionsRequest>,
) -> Result<CustomerRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, CUSTOMER);
    fields.finish()?;
    Ok(customer_ref(&name))
}

/// Least amounts.
#[must_use]
pub fn minimums(minimums: &[(MethodKind, Money)]) -> Vec<pb::Minimum> {
    minimums
        .iter()
        .map(|(method, least)| pb::Minimum { kind: kind(*method), amount: Some(money(*least)) })
        .collect()
}

/// Routes to providers.
fn provider_routes(routes: &[ProviderRoute]) -> Vec<pb::ProviderRoute> {
    let rendered = |route: &ProviderRoute| pb::ProviderRoute {
        kind: kind(route.kind),
        currency_code: route.currency.map(|code| code.to_string()).unwrap_or_default(),
        provider: route.provider.clone(),
    };
    routes.iter().map(rendered).collect()
}

/// Kinds of method.
#[must_use]
pub fn kinds(kinds: &[MethodKind]) -> Vec<i32> {
    kinds.iter().copied().map(kind).collect()
}

/// A tenant's settings.
#[must_use]
pub fn wallet_settings(tenant: &TenantId, settings: &WalletSettings) -> pb::WalletSettings {
    pb::WalletSettings {
        name: format!("tenants/{tenant}/walletSettings"),
        provider: settings.provider.clone(),
        provider_default: settings.provider_default,
        provider_routes: provider_routes(&settings.provider_routes),
        methods: kinds(&settings.methods),
        top_up_tax_kind: tax_kind(Some(settings.top_up_tax_kind)).into(),
        minimums: minimums(&settings.minimums),
        postpaid_minimums: settings.postpaid_minimums.iter().copied().map(money).collect(),
        prepayment: settings.prepayment,
        prepayment_methods: kinds(&settings.prepayment_methods),
        etag: etag::etag(settings.version),
        purchased_expire_days: i32::try_from(settings.purchased_expire_days).unwrap_or_default(),
        warnings: settings.warnings().into_iter().map(str::to_owned).collect(),
        stripe: settings.stripe.as_ref().map(|each| stripe_connection(tenant, each)),
    }
}

fn stripe_connection(
    tenant: &TenantId,
    stripe_connection: &StripeConnection,
) -> pb::StripeConnection {
    pb::StripeConnection {
        account: stripe_connection.account.clone(),
        connected_account: stripe_connection.on_behalf,
        live: stripe_connection.live,
        key_ending: stripe_connection.key_ending.clone(),
        return_url: stripe_connection.return_url.clone(),
        notification_path: format!("/notifications/stripe/{tenant}"),
        connect_time: Some(timestamp(stripe_connection.connected_at)),
    }
}
