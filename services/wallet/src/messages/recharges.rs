//! Rules of auto-recharge.

use super::names::{WALLET, wallet_ref};
use crate::commands::{
    recharges::{RemoveAutoRecharge, UpdateAutoRecharge},
    wallets::WalletRef,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    fields::Digits,
    render::{date, money, timestamp},
};
use payterms_kernel::Reason;
use payterms_proto::wallet::v1::{self as pb, auto_recharge::ThresholdRecharge};
use payterms_wallet_domain::{
    AutoRecharge,
    recharge::{MonthFigures, Rules, Then},
};
use tonic::Request;

const LAST: &str = "autoRecharge";

/// Names the rules to read.
pub fn get_auto_recharge(
    request: Request<pb::GetAutoRechargeRequest>,
) -> Result<WalletRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.singleton("name", &message.name, WALLET, LAST);
    fields.finish()?;
    Ok(wallet_ref(&name))
}

/// Sets the rules.
pub fn update_auto_recharge(
    request: Request<pb::UpdateAutoRechargeRequest>,
) -> Result<(Call, UpdateAutoRecharge), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let new = message.auto_recharge.unwrap_or_default();
    let name = fields.singleton("auto_recharge.name", &new.name, WALLET, LAST);
    let below = new
        .threshold
        .as_ref()
        .map(|below| fields.money("auto_recharge.threshold", Some(below), Digits::MinorUnit));
    let then = new.threshold_recharge.as_ref().map(|then| match then {
        ThresholdRecharge::ThresholdAmount(amount) => Then::Amount(fields.money(
            "auto_recharge.threshold_amount",
            Some(amount),
            Digits::MinorUnit,
        )),
        ThresholdRecharge::ThresholdUpTo(target) => Then::UpTo(fields.money(
            "auto_recharge.threshold_up_to",
            Some(target),
            Digits::MinorUnit,
        )),
    });
    if below.is_some() != then.is_some() {
        fields.wrong(
            "auto_recharge.threshold_recharge",
            Reason::FIELD_REQUIRED,
            "Set a threshold and what it does, or neither.",
        );
    }
    let month_end = new.month_end_amount.as_ref();
    let rules = Rules {
        threshold: below.zip(then),
        month_end: month_end.map(|amount| {
            fields.money("auto_recharge.month_end_amount", Some(amount), Digits::MinorUnit)
        }),
        repair_negative: new.repair_negative,
        ceiling: new.monthly_ceiling.as_ref().map(|most| {
            fields.money("auto_recharge.monthly_ceiling", Some(most), Digits::MinorUnit)
        }),
    };
    let etag = fields.token("auto_recharge.etag", &new.etag, 0, 100);
    Ok((
        fields.write(&message.request_id, name.tenant.clone())?,
        UpdateAutoRecharge { wallet: wallet_ref(&name), rules, etag },
    ))
}

/// Retries a failed recharge.
pub fn retry_auto_recharge(
    request: Request<pb::RetryAutoRechargeRequest>,
) -> Result<(Call, WalletRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.singleton("name", &message.name, WALLET, LAST);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, wallet_ref(&name)))
}

/// Takes the rules away.
pub fn remove_auto_recharge(
    request: Request<pb::RemoveAutoRechargeRequest>,
) -> Result<(Call, RemoveAutoRecharge), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.singleton("name", &message.name, WALLET, LAST);
    let explanation = fields.text("explanation", &message.explanation, 1, 500);
    Ok((
        fields.write(&message.request_id, name.tenant.clone())?,
        RemoveAutoRecharge { wallet: wallet_ref(&name), explanation },
    ))
}

/// The rules of the wallet of that name, and their state at an instant; a snapshot has no figures
/// of the month.
#[must_use]
pub fn auto_recharge(
    wallet: &str,
    recharge: &AutoRecharge,
    figures: Option<MonthFigures>,
    now: DateTime<Utc>,
) -> pb::AutoRecharge {
    let state = match (recharge.open, recharge.failure.is_empty(), recharge.rules.is_none()) {
        (Some(_), ..) => pb::auto_recharge::State::Open,
        (None, false, _) => pb::auto_recharge::State::Failed,
        (None, true, true) => pb::auto_recharge::State::Off,
        (None, true, false) => pb::auto_recharge::State::Watching,
    };
    pb::AutoRecharge {
        name: format!("{wallet}/{LAST}"),
        threshold: recharge.rules.threshold.map(|(below, _)| money(below)),
        threshold_recharge: recharge.rules.threshold.map(|(_, then)| match then {
            Then::Amount(amount) => ThresholdRecharge::ThresholdAmount(money(amount)),
            Then::UpTo(target) => ThresholdRecharge::ThresholdUpTo(money(target)),
        }),
        month_end_amount: recharge.rules.month_end.map(money),
        repair_negative: recharge.rules.repair_negative,
        state: state.into(),
        open_top_up: recharge.open.map(|id| format!("{wallet}/topUps/{id}")).unwrap_or_default(),
        failure_reason: recharge.failure.clone(),
        etag: etag::etag(recharge.version),
        monthly_ceiling: recharge.rules.ceiling.map(money),
        failed_attempt_count: i32::try_from(recharge.ladder.attempts).unwrap_or(i32::MAX),
        next_retry_time: recharge.retry_at.map(timestamp),
        month: figures.map(|figures| date(figures.month)),
        ceiling_in_force: figures.and_then(|figures| figures.ceiling).map(money),
        ceiling_left: figures.and_then(|figures| figures.left).map(money),
        largest_charge: figures.and_then(|figures| figures.largest_charge).map(money),
        paused_until_time: recharge.pause_after(now).map(timestamp),
    }
}
