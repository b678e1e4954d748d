//! Requests about a tenant's settings → commands of the domain.

#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::{CustomerRef, method_kind};
use payterms_chassis::{AppError, Call, Fields, fields::Digits};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{MethodKind, TaxKind};
use tonic::Request;

const SETTINGS: &str = "walletSettings";

/// Names settings to read.
pub fn get(request: Request<pb::GetWalletSettingsRequest>) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.finish()?;
    Ok(tenant)
}

/// New values of settings, and which of them count.
#[derive(Debug, Clone)]
pub struct Update {
    /// The provider.
    pub provider: String,
    /// Whether it is the default.
    pub provider_default: bool,
    /// The chosen kinds.
    pub methods: Vec<MethodKind>,
    /// What top-ups make.
    pub top_up_tax_kind: TaxKind,
    /// The least amounts.
    pub minimums: Vec<(MethodKind, Money)>,
    /// The least monthly commitments.
    pub postpaid_minimums: Vec<Money>,
    /// Days after which bought credit expires.
    pub purchased_expire_days: u32,
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// Changes settings.
pub fn update(request: Request<pb::UpdateWalletSettingsRequest>) -> Result<(Call, Update), AppError> {
    const CHANGING: [&str; 7] =
        ["provider", "provider_default", "methods", "top_up_tax_kind", "minimums", "purchased_expire_days", "postpaid_minimums"];
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let used = |path: &str| paths.iter().any(|own| own == path);
    let new = message.wallet_settings.unwrap_or_default();
    let tenant = fields.singleton("wallet_settings.name", &new.name, &[], SETTINGS).tenant;
    if used("provider") && !matches!(new.provider.as_str(), "" | "simulator") {
        fields.wrong("wallet_settings.provider", "FIELD_INVALID_CHARS", "Use simulator, or nothing.");
    }
    let tax = used("top_up_tax_kind").then(|| fields.choice::<pb::TaxKind>("wallet_settings.top_up_tax_kind", new.top_up_tax_kind));
    let update = Update {
        provider: new.provider.clone(),
        provider_default: new.provider_default,
        methods: if used("methods") { kinds(&mut fields, "wallet_settings.methods", &new.methods) } else { Vec::new() },
        top_up_tax_kind: if tax.flatten() == Some(pb::TaxKind::TaxedSale) { TaxKind::TaxedSale } else { TaxKind::Deposit },
        minimums: if used("minimums") { minimums(&mut fields, &new.minimums) } else { Vec::new() },
        postpaid_minimums: if used("postpaid_minimums") { commitments(&mut fields, &new.postpaid_minimums) } else { Vec::new() },
        purchased_expire_days: fields.number("wallet_settings.purchased_expire_days", new.purchased_expire_days, 0..=3_650),
        etag: fields.text("wallet_settings.etag", &new.etag, 0, 100),
        paths,
    };
    Ok((fields.write(&message.request_id, tenant)?, update))
}

fn kinds(fields: &mut Fields, field: &str, numbers: &[i32]) -> Vec<MethodKind> {
    let mut kinds = Vec::new();
    for number in numbers.iter().take(10) {
        let kind = method_kind(fields, field, *number);
        if kind.is_some_and(|kind| kinds.contains(&kind)) {
            fields.wrong(field, "DUPLICATE_ITEM", "Name each kind once.");
        }
        kinds.extend(kind);
    }
    if numbers.len() > 10 {
        fields.wrong(field, "TOO_MANY_ITEMS", "Name at most 10 kinds.");
    }
    kinds
}

fn minimums(fields: &mut Fields, messages: &[pb::Minimum]) -> Vec<(MethodKind, Money)> {
    let field = "wallet_settings.minimums";
    if messages.len() > 50 {
        fields.wrong(field, "TOO_MANY_ITEMS", "Send at most 50 minimums.");
        return Vec::new();
    }
    let mut parsed: Vec<(MethodKind, Money)> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let kind = method_kind(fields, &format!("{field}[{place}].kind"), message.kind);
        let least = fields.money(&format!("{field}[{place}].amount"), message.amount.as_ref(), Digits::MinorUnit);
        if parsed.iter().any(|(other, known)| Some(*other) == kind && known.currency() == least.currency()) {
            fields.wrong(&format!("{field}[{place}]"), "DUPLICATE_ITEM", "Write one minimum per kind and currency.");
        }
        parsed.extend(kind.map(|kind| (kind, least)));
    }
    parsed
}

fn commitments(fields: &mut Fields, messages: &[payterms_proto::google::r#type::Money]) -> Vec<Money> {
    let field = "wallet_settings.postpaid_minimums";
    if messages.len() > 50 {
        fields.wrong(field, "TOO_MANY_ITEMS", "Send at most 50 minimums.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (place, message) in messages.iter().take(50).enumerate() {
        let least = fields.money(&format!("{field}[{place}]"), Some(message), Digits::MinorUnit);
        if parsed.iter().any(|other| other.currency() == least.currency()) {
            fields.wrong(&format!("{field}[{place}]"), "DUPLICATE_ITEM", "Write one minimum per currency.");
        }
        parsed.push(least);
    }
    parsed
}

/// Turns prepayment on.
pub fn turn_on(request: Request<pb::TurnOnPrepaymentRequest>) -> Result<(Call, Vec<MethodKind>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    let offered = kinds(&mut fields, "methods", &message.methods);
    Ok((fields.write(&message.request_id, tenant)?, offered))
}

/// Turns prepayment off.
pub fn turn_off(request: Request<pb::TurnOffPrepaymentRequest>) -> Result<Call, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.write(&message.request_id, tenant)
}

/// Asks what a customer may do.
pub fn options(request: Request<pb::GetPrepaymentOptionsRequest>) -> Result<CustomerRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    fields.finish()?;
    Ok(CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) })
}
