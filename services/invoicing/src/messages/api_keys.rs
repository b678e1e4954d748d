//! API keys: requests → commands, and keys → messages.

use super::customers::customer_name;
use crate::commands::api_keys::{CreateApiKey, RotateApiKey};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields,
    access::{AccessTable, is_for_peers},
    api_key::is_of_pattern,
    page::Page,
    render::timestamp,
};
use payterms_invoicing_domain::{
    ApiKey,
    api_key::{ApiKeyState, Permission, Role},
};
use payterms_kernel::{Id, Reason, Refusal, TenantId};
use payterms_proto::invoicing::{peers::v1 as peers, v1 as pb};
use std::collections::BTreeSet;
use tonic::Request;

const API_KEY: &[&str] = &["apiKeys"];
/// Patterns of methods at most, and characters of one.
const MOST_METHODS: usize = 50;
const LONGEST_METHOD: usize = 150;
/// Secrets of a key that are shown.
const SHOWN_SECRETS: usize = 10;
/// Bytes of a SHA-256.
const HASH_BYTES: usize = 32;

/// Creates a key.
///
/// # Errors
/// What is wrong with the fields; `RESOURCE_NOT_FOUND` for a customer of another tenant.
pub fn create_api_key(
    request: Request<pb::CreateApiKeyRequest>,
) -> Result<(Call, CreateApiKey), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &[]);
    let display_name = fields.text("display_name", &message.display_name, 1, 100);
    let roles = roles(&mut fields, &message.roles);
    let methods = methods(&mut fields, &message.methods);
    let customer = (!message.customer.is_empty())
        .then(|| fields.name("customer", &message.customer, &["customers"]));
    check_reach(&mut fields, &roles, customer.is_some());
    let expires_at = fields.optional_instant("expire_time", message.expire_time.as_ref());
    let is_foreign = customer.as_ref().is_some_and(|customer| customer.tenant != name.tenant);
    let permission = Permission {
        roles,
        methods,
        customer: customer.map(|customer| Id::from_uuid(customer.id(0))),
    };
    let call = fields.write(&message.request_id, name.tenant)?;
    if is_foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((call, CreateApiKey { display_name, permission, expires_at }))
}

fn roles(fields: &mut Fields, numbers: &[i32]) -> Vec<Role> {
    if numbers.is_empty() {
        fields.wrong("roles", Reason::FIELD_REQUIRED, "Name 1 to 7 roles.");
    }
    if numbers.len() > Role::ALL.len() {
        fields.wrong("roles", Reason::TOO_MANY_ITEMS, "Name at most 7 roles.");
        return Vec::new();
    }
    let chosen = numbers.iter().enumerate().filter_map(|(place, number)| {
        let role = fields.choice::<pb::api_key::Role>(&format!("roles[{place}]"), *number)?;
        Role::ALL.into_iter().find(|each| role_message(*each) == role)
    });
    // Named twice is named once.
    chosen.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Roles of the tenant see all of it, and roles of a customer that customer: a key is one or the
/// other.
fn check_reach(fields: &mut Fields, roles: &[Role], has_customer: bool) {
    let of_customer = roles.iter().filter(|role| role.is_of_customer()).count();
    if of_customer > 0 && !has_customer {
        fields.wrong(
            "customer",
            Reason::FIELD_REQUIRED,
            "Name the customer that the key acts for, or give it roles of the tenant.",
        );
    }
    if of_customer < roles.len() && has_customer {
        fields.wrong(
            "roles",
            Reason::ENUM_INVALID,
            "A key for a customer has roles of a customer alone: CUSTOMER_ADMIN, BILLING_MANAGER, MEMBER.",
        );
    }
}

fn methods(fields: &mut Fields, patterns: &[String]) -> Vec<String> {
    if patterns.len() > MOST_METHODS {
        fields.wrong(
            "methods",
            Reason::TOO_MANY_ITEMS,
            format!("Name at most {MOST_METHODS} methods; * at the end stands for many."),
        );
        return Vec::new();
    }
    let access = AccessTable::load();
    for (place, pattern) in patterns.iter().enumerate() {
        let field = format!("methods[{place}]");
        fields.token(&field, pattern, 1, LONGEST_METHOD);
        let names = |path: &str| {
            !is_for_peers(path) && is_of_pattern(pattern, path.trim_start_matches('/'))
        };
        if !access.as_ref().is_ok_and(|access| access.cells().any(|(path, _)| names(path))) {
            let sentence = "Write the name of a method, such as payterms.wallet.v1.PostingService/PostDebit, or the beginning of some and *.";
            fields.wrong(&field, Reason::METHOD_PATTERN_INVALID, sentence);
        }
    }
    patterns.to_vec()
}

/// Makes another secret of a key.
///
/// # Errors
/// What is wrong with the fields.
pub fn rotate_api_key(
    request: Request<pb::RotateApiKeyRequest>,
) -> Result<(Call, RotateApiKey), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, API_KEY);
    let previous_until =
        fields.optional_instant("previous_expire_time", message.previous_expire_time.as_ref());
    let rotation = RotateApiKey { key: Id::from_uuid(name.id(0)), previous_until };
    Ok((fields.write(&message.request_id, name.tenant)?, rotation))
}

/// Names a key to revoke.
///
/// # Errors
/// What is wrong with the fields.
pub fn revoke_api_key(
    request: Request<pb::RevokeApiKeyRequest>,
) -> Result<(Call, Id<ApiKey>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, API_KEY);
    let id = Id::from_uuid(name.id(0));
    Ok((fields.write(&message.request_id, name.tenant)?, id))
}

/// Names a key to read.
///
/// # Errors
/// What is wrong with the fields.
pub fn get_api_key(
    request: Request<pb::GetApiKeyRequest>,
) -> Result<(TenantId, Id<ApiKey>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, API_KEY);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0))))
}

/// Asks for keys.
///
/// # Errors
/// What is wrong with the fields.
pub fn list_api_keys(
    request: Request<pb::ListApiKeysRequest>,
) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((tenant, page))
}

/// Names a secret by its hash.
///
/// # Errors
/// What is wrong with the hash.
pub fn resolve_api_key(request: Request<peers::ResolveApiKeyRequest>) -> Result<Vec<u8>, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    if message.secret_hash.len() != HASH_BYTES {
        fields.wrong("secret_hash", Reason::FIELD_OUT_OF_RANGE, "Send the 32 bytes of a SHA-256.");
    }
    fields.finish()?;
    Ok(message.secret_hash.to_vec())
}

fn role_message(role: Role) -> pb::api_key::Role {
    match role {
        Role::Owner => pb::api_key::Role::Owner,
        Role::Admin => pb::api_key::Role::Admin,
        Role::Staff => pb::api_key::Role::Staff,
        Role::Service => pb::api_key::Role::Service,
        Role::CustomerAdmin => pb::api_key::Role::CustomerAdmin,
        Role::BillingManager => pb::api_key::Role::BillingManager,
        Role::Member => pb::api_key::Role::Member,
    }
}

/// A key of a tenant.
#[must_use]
pub fn api_key(tenant: &TenantId, api_key: &ApiKey, now: DateTime<Utc>) -> pb::ApiKey {
    let state = match api_key.state(now) {
        ApiKeyState::Active => pb::api_key::State::Active,
        ApiKeyState::Expired => pb::api_key::State::Expired,
        ApiKeyState::Revoked => pb::api_key::State::Revoked,
    };
    let secrets = api_key.secrets.iter().rev().take(SHOWN_SECRETS).map(|secret| pb::ApiKeySecret {
        last_four: secret.last_four.clone(),
        create_time: Some(timestamp(secret.created_at)),
        expire_time: secret.ends_at.map(timestamp),
    });
    pb::ApiKey {
        name: format!("tenants/{tenant}/apiKeys/{}", api_key.id),
        display_name: api_key.display_name.clone(),
        roles: api_key.permission.roles.iter().map(|role| role_message(*role).into()).collect(),
        methods: api_key.permission.methods.clone(),
        customer: api_key
            .permission
            .customer
            .map(|customer| customer_name(tenant, customer))
            .unwrap_or_default(),
        state: state.into(),
        expire_time: api_key.expires_at.map(timestamp),
        secrets: secrets.collect(),
        created_by: api_key.created_by.clone(),
        last_use_time: api_key.last_used_at.map(timestamp),
        revoke_time: api_key.revoked_at.map(timestamp),
        create_time: Some(timestamp(api_key.created_at)),
        update_time: Some(timestamp(api_key.updated_at)),
    }
}

/// What who holds a secret of a key may do.
#[must_use]
pub fn resolved(
    tenant: &TenantId,
    api_key: &ApiKey,
    ends_at: Option<DateTime<Utc>>,
) -> peers::ResolvedApiKey {
    peers::ResolvedApiKey {
        id: api_key.id.to_string(),
        tenant: tenant.to_string(),
        roles: api_key.permission.roles.iter().map(|role| role.name().to_owned()).collect(),
        methods: api_key.permission.methods.clone(),
        customer: api_key
            .permission
            .customer
            .map(|customer| customer.to_string())
            .unwrap_or_default(),
        expire_time: ends_at.map(timestamp),
    }
}
