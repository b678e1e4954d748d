//! Table `wallet_settings`.

use super::{amount, amounts_text, currency, lots, methods, money, unknown};
use payterms_chassis::AppError;
use payterms_kernel::{Money, TenantId};
use payterms_wallet_domain::{
    MethodKind, StripeConnection, WalletSettings, settings::ProviderRoute,
    stripe_connection::StripeAccount,
};
use sea_orm::{ActiveValue::Set, Iterable, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallet_settings")]
#[expect(clippy::struct_excessive_bools, reason = "columns are what they are")]
/// A row. Lists are words with a space between; a minimum is `KIND:CODE:millionths`, a commitment
/// `CODE:millionths`, a route `KIND:CODE:provider`, with an empty code for every currency.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    provider: String,
    provider_routes: String,
    provider_default: bool,
    methods: String,
    top_up_tax_kind: String,
    minimums: String,
    postpaid_minimums: String,
    prepayment: bool,
    prepayment_methods: String,
    invoices_hidden: bool,
    purchased_expire_days: i64,
    version: i64,
    approval_limits: String,
    stripe_account: String,
    stripe_on_behalf: bool,
    stripe_live: bool,
    stripe_key_ending: String,
    stripe_return_url: String,
    stripe_key: Option<Vec<u8>>,
    stripe_webhook_secret: Option<Vec<u8>>,
    stripe_connected_at: Option<ChronoDateTimeUtc>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn minimum(word: &str) -> Result<(MethodKind, Money), AppError> {
    let parts: Vec<_> = word.split(':').collect();
    let [kind, code, micros] = parts.as_slice() else { return Err(unknown("minimum", word)) };
    Ok((methods::kind(kind)?, money(code, micros.parse().map_err(|_| unknown("minimum", word))?)?))
}

fn route(word: &str) -> Result<ProviderRoute, AppError> {
    let parts: Vec<_> = word.split(':').collect();
    let [kind, code, provider] = parts.as_slice() else { return Err(unknown("route", word)) };
    let currency = if code.is_empty() { None } else { Some(currency(code)?) };
    Ok(ProviderRoute { kind: methods::kind(kind)?, currency, provider: (*provider).to_owned() })
}

fn settings(row: &Model) -> Result<WalletSettings, AppError> {
    let kinds =
        |words: &str| words.split_whitespace().map(methods::kind).collect::<Result<Vec<_>, _>>();
    Ok(WalletSettings {
        provider: row.provider.clone(),
        provider_routes: row
            .provider_routes
            .split_whitespace()
            .map(route)
            .collect::<Result<_, _>>()?,
        provider_default: row.provider_default,
        methods: kinds(&row.methods)?,
        top_up_tax_kind: lots::tax_kind(&row.top_up_tax_kind)?,
        minimums: row.minimums.split_whitespace().map(minimum).collect::<Result<_, _>>()?,
        postpaid_minimums: row
            .postpaid_minimums
            .split_whitespace()
            .map(amount)
            .collect::<Result<_, _>>()?,
        prepayment: row.prepayment,
        prepayment_methods: kinds(&row.prepayment_methods)?,
        invoices_hidden: row.invoices_hidden,
        approval_limits: row
            .approval_limits
            .split_whitespace()
            .map(amount)
            .collect::<Result<_, _>>()?,
        purchased_expire_days: u32::try_from(row.purchased_expire_days).unwrap_or_default(),
        stripe: stripe(row),
        former_stripe: former_stripe(row),
        version: row.version,
    })
}

/// The account at Stripe; none while nothing is sealed.
fn stripe(row: &Model) -> Option<StripeConnection> {
    Some(StripeConnection {
        account: row.stripe_account.clone(),
        on_behalf: row.stripe_on_behalf,
        live: row.stripe_live,
        key_ending: row.stripe_key_ending.clone(),
        return_url: row.stripe_return_url.clone(),
        sealed_key: row.stripe_key.clone()?,
        sealed_webhook_secret: row.stripe_webhook_secret.clone()?,
        connected_at: row.stripe_connected_at?,
    })
}

/// The account that was connected last, of which nothing is sealed any more.
fn former_stripe(row: &Model) -> Option<StripeAccount> {
    let is_former = row.stripe_key.is_none() && !row.stripe_account.is_empty();
    is_former.then(|| StripeAccount { account: row.stripe_account.clone(), live: row.stripe_live })
}

/// The settings of a tenant; the defaults if none were ever saved.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<WalletSettings, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).one(conn).await?;
    row.as_ref().map_or_else(|| Ok(WalletSettings::fresh()), settings)
}

/// The settings of a tenant, kept from changing until the write transaction ends: what begins at a
/// provider does so with the account that is connected, and a disconnect that comes meanwhile
/// waits, and sees what has begun.
pub async fn hold<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<WalletSettings, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).lock_shared().one(conn).await?;
    row.as_ref().map_or_else(|| Ok(WalletSettings::fresh()), settings)
}

/// Locks the settings of a tenant. The row is inserted if it is missing, because a missing row
/// cannot be locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<WalletSettings, AppError> {
    let keep = OnConflict::column(Column::Tenant).update_column(Column::Tenant).to_owned();
    Entity::insert(row(tenant, &WalletSettings::fresh()))
        .on_conflict(keep)
        .exec_without_returning(conn)
        .await?;
    let row = Entity::find_by_id(tenant.to_string()).lock_exclusive().one(conn).await?;
    row.as_ref().map_or_else(|| Ok(WalletSettings::fresh()), settings)
}

fn route_word(route: &ProviderRoute) -> String {
    let code = route.currency.map(|code| code.to_string()).unwrap_or_default();
    format!("{}:{code}:{}", route.kind.name(), route.provider)
}

fn row(tenant: &TenantId, settings: &WalletSettings) -> ActiveModel {
    let kinds =
        |kinds: &[MethodKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ");
    let minimum = |(kind, least): &(MethodKind, Money)| {
        format!("{}:{}:{}", kind.name(), least.currency(), least.micros())
    };
    let (stripe, account) = (settings.stripe.as_ref(), settings.stripe_account());
    let text =
        |of: fn(&StripeConnection) -> &String| Set(stripe.map(of).cloned().unwrap_or_default());
    ActiveModel {
        tenant: Set(tenant.to_string()),
        provider: Set(settings.provider.clone()),
        provider_routes: Set(settings
            .provider_routes
            .iter()
            .map(route_word)
            .collect::<Vec<_>>()
            .join(" ")),
        provider_default: Set(settings.provider_default),
        methods: Set(kinds(&settings.methods)),
        top_up_tax_kind: Set(lots::tax_name(settings.top_up_tax_kind).to_owned()),
        minimums: Set(settings.minimums.iter().map(minimum).collect::<Vec<_>>().join(" ")),
        postpaid_minimums: Set(amounts_text(&settings.postpaid_minimums)),
        prepayment: Set(settings.prepayment),
        prepayment_methods: Set(kinds(&settings.prepayment_methods)),
        invoices_hidden: Set(settings.invoices_hidden),
        purchased_expire_days: Set(settings.purchased_expire_days.into()),
        version: Set(settings.version),
        approval_limits: Set(amounts_text(&settings.approval_limits)),
        stripe_account: Set(account
            .as_ref()
            .map(|account| account.account.clone())
            .unwrap_or_default()),
        stripe_on_behalf: Set(stripe.is_some_and(|connection| connection.on_behalf)),
        stripe_live: Set(account.is_some_and(|account| account.live)),
        stripe_key_ending: text(|connection| &connection.key_ending),
        stripe_return_url: text(|connection| &connection.return_url),
        stripe_key: Set(stripe.map(|connection| connection.sealed_key.clone())),
        stripe_webhook_secret: Set(
            stripe.map(|connection| connection.sealed_webhook_secret.clone())
        ),
        stripe_connected_at: Set(stripe.map(|connection| connection.connected_at)),
    }
}

/// Saves the settings of a tenant.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    settings: &WalletSettings,
) -> Result<(), AppError> {
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant));
    let upsert = OnConflict::column(Column::Tenant).update_columns(changing).to_owned();
    Entity::insert(row(tenant, settings)).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
