//! Claims the due rows of auto-recharge, and loads what charges depend on.

use crate::{
    app::App,
    store::{customers, disputes, methods, recharges, settings, top_ups, wallets},
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::{
    Id, Money, Refusal, TenantId,
    calendar::{day_in, first_of_month, next_month_after, start_of_day},
};
use payterms_wallet_domain::{
    AutoRecharge, Customer, PaymentMethod, Wallet, WalletSettings,
    recharge::{Instants, MonthFigures, Rules},
    top_up,
};
use rust_decimal::Decimal;
use sea_orm::ConnectionTrait;

/// Claims a due row of a wallet under the wallet's lock; `None` if another replica has done it.
pub(super) async fn claim_due_wallet(
    app: &App,
    row: &DueRow,
) -> Result<Option<(WriteTx, Wallet)>, AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("wallet {:?}", row.subject)));
    };
    let call = row.call("wallet", id);
    let tx = app.db.begin_forward(&call).await?;
    let Some(locked) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop() else {
        return Ok(None);
    };
    Ok(take(&tx, row).await?.then_some((tx, locked.wallet)))
}

/// The rules of a wallet as far as they could charge anything: none where no method can be charged
/// without a person present on a day, and none may be so again by itself.
pub async fn rules_that_charge<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: &Wallet,
    today: NaiveDate,
) -> Result<AutoRecharge, AppError> {
    let saved = methods::of_customer(conn, tenant, wallet.customer).await?;
    let disputed = disputes::that_may_bring_back(conn, tenant, wallet.customer).await?;
    if saved.may_be_charged(&disputed, today) {
        recharges::find(conn, tenant, wallet.id).await
    } else {
        Ok(AutoRecharge::default())
    }
}

/// The instants that the end of a recharge is judged by.
pub(super) fn instants(tx: &WriteTx) -> Instants {
    let (zone, now) = (tx.time().zone, tx.now());
    let month_began = start_of_day(zone, first_of_month(day_in(zone, now)));
    Instants { now, month_began, next_month: next_month_after(zone, now) }
}

/// What the charges of a wallet's recharges depend on.
pub(super) struct RechargeTerms {
    pub(super) settings: WalletSettings,
    pub(super) customer: Customer,
    /// The collection method.
    pub(super) method: Option<PaymentMethod>,
    /// First day of the month.
    pub(super) month: NaiveDate,
    /// What recharges of the month have charged or may still charge.
    pub(super) charged: Money,
}

impl RechargeTerms {
    /// Loads them.
    pub(super) async fn load<C: ConnectionTrait>(
        conn: &C,
        tenant: &TenantId,
        wallet: &Wallet,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Self, AppError> {
        let month = first_of_month(day_in(zone, now));
        let saved = methods::of_customer(conn, tenant, wallet.customer).await?;
        Ok(Self {
            settings: settings::find(conn, tenant).await?,
            customer: customers::find(conn, tenant, wallet.customer)
                .await?
                .ok_or_else(Refusal::not_found)?,
            method: saved.collection.and_then(|id| saved.get(id).cloned()),
            month,
            charged: top_ups::recharged_since(conn, tenant, wallet, start_of_day(zone, month))
                .await?,
        })
    }

    /// What is charged for credit: with its tax, and at least the least charge. Where the tax is
    /// not known yet, it counts without: each recharge says what is missing.
    ///
    /// # Errors
    /// `AMOUNT_OUT_OF_RANGE`.
    pub(super) fn charge(&self, credit: Money) -> Result<Money, Refusal> {
        let rate = self.customer.must_have_tax().map_or(Decimal::ZERO, |tax| tax.rate_percent);
        let charged = top_up::amount_for_credit(credit, rate, self.settings.top_up_tax_kind)?;
        let least = self
            .method
            .as_ref()
            .and_then(|method| self.settings.minimum(method.kind, credit.currency()).ok());
        least.map_or(Ok(charged), |least| Ok(charged.max(least)?))
    }

    /// What bounds the month's charges.
    pub(super) fn figures(&self, rules: &Rules) -> Result<MonthFigures, Refusal> {
        rules.figures(self.month, self.charged, |credit| self.charge(credit))
    }
}
