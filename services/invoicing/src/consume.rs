//! What invoicing does with the events of other services.

use crate::use_cases::{
    collections::follow_method::{follow_method, note_collection_method},
    disputes::follow::follow_dispute,
    invoices::{
        bill_metered_month::bill_metered_month, bill_purchase::bill_purchase,
        bill_usage_month::bill_usage_month,
    },
    mails::{
        credit_notices::{mail_advised_limit, mail_credit_application, mail_credit_line},
        expiry_notices::mail_expiring_credit,
        notices::{Owed, mail_prepayment_turned_off},
        plan_notices::mail_plan,
        postpaid_notices::mail_postpaid_decision,
        recharge_notices::{mail_recharge_failed, mail_recharge_removed},
        revocation_notices::mail_revocation,
    },
    payments::{charge_back::take_charge_back, resume::enqueue_resume},
    plans::follow::follow_plan,
    receipts::{credit::credit_receipt, issue::issue_receipt},
    statements::note_taken_back::{note_grant, note_revocation},
    webhook_endpoints::fail::disable_failed,
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, render::money_of};
use payterms_proto::{
    common::{peers::v1::WebhookFailed, v1::Event},
    credit::v1::{AdvisedLimitChanged, ApplicationChanged, CreditLineChanged, PurchaseCaptured},
    plans::v1::PlanChanged,
    wallet::v1::{
        AutoRechargeChanged, ChargeChanged, CreditRevocationChanged, DisputeChanged,
        ExpiringCreditChanged, GrantTakenBack, MeteredUsageClosed, PaymentMethodsChanged,
        PostpaidAgreementChanged, TopUpChanged, TopUpRefundChanged, UsageMonthClosed,
        WalletSettingsChanged, auto_recharge, charge::State, top_up,
    },
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default()
        .with::<ChargeChanged>(charge_changed)
        .with::<TopUpChanged>(top_up_changed)
        .with::<TopUpRefundChanged>(top_up_refund_changed)
        .with::<DisputeChanged>(dispute_changed)
        .with::<MeteredUsageClosed>(metered_usage_closed)
        .with::<UsageMonthClosed>(usage_month_closed)
        .with::<PostpaidAgreementChanged>(postpaid_agreement_changed)
        .with::<CreditRevocationChanged>(credit_revocation_changed)
        .with::<GrantTakenBack>(grant_taken_back)
        .with::<ExpiringCreditChanged>(expiring_credit_changed)
        .with::<AutoRechargeChanged>(auto_recharge_changed)
        .with::<WalletSettingsChanged>(wallet_settings_changed)
        .with::<PaymentMethodsChanged>(payment_methods_changed)
        .with::<PlanChanged>(plan_changed)
        .with::<CreditLineChanged>(line_changed)
        .with::<ApplicationChanged>(application_changed)
        .with::<AdvisedLimitChanged>(advised_limit_changed)
        .with::<PurchaseCaptured>(purchase_captured)
        .with::<WebhookFailed>(webhook_failed)
}

fn charge_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let charge = ChargeChanged::decode(event.data.clone())?.charge.unwrap_or_default();
        match charge.state() {
            State::Succeeded | State::Failed => enqueue_resume(tx, &charge.payment).await,
            State::ChargedBack => take_charge_back(tx, &charge).await,
            State::Processing | State::Unspecified => Ok(()),
        }
    })
}

fn top_up_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let TopUpChanged { top_up, paid_owed, owed } = TopUpChanged::decode(event.data.clone())?;
        let top_up = top_up.unwrap_or_default();
        // The receipt of what was bought is due even where the issuer has taken it back since.
        if matches!(top_up.state(), top_up::State::Succeeded | top_up::State::ChargedBack) {
            let owed = Owed {
                paid: paid_owed.as_ref().and_then(money_of),
                left: owed.as_ref().and_then(money_of),
            };
            issue_receipt(tx, &top_up, owed).await?;
        }
        Ok(())
    })
}

fn credit_revocation_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let changed = CreditRevocationChanged::decode(event.data.clone())?;
        note_revocation(tx, &changed).await?;
        mail_revocation(tx, &changed).await
    })
}

fn grant_taken_back<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        note_grant(tx, &GrantTakenBack::decode(event.data.clone())?, event.snapshot).await
    })
}

fn expiring_credit_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        mail_expiring_credit(tx, &ExpiringCreditChanged::decode(event.data.clone())?).await
    })
}

fn top_up_refund_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(
        async move { credit_receipt(tx, &TopUpRefundChanged::decode(event.data.clone())?).await },
    )
}

fn dispute_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move { follow_dispute(tx, DisputeChanged::decode(event.data.clone())?).await })
}

fn auto_recharge_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let AutoRechargeChanged { auto_recharge, removed_because, payment_method, told_before } =
            AutoRechargeChanged::decode(event.data.clone())?;
        let recharge = auto_recharge.unwrap_or_default();
        if !removed_because.is_empty() {
            mail_recharge_removed(tx, &recharge, &removed_because).await?;
        }
        // A snapshot repeats what was told before.
        if recharge.state() == auto_recharge::State::Failed && !event.snapshot && !told_before {
            mail_recharge_failed(tx, &recharge, payment_method.as_ref()).await?;
        }
        Ok(())
    })
}

fn wallet_settings_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let change = WalletSettingsChanged::decode(event.data.clone())?;
        if !change.turned_off_by.is_empty() {
            mail_prepayment_turned_off(tx, &change.turned_off_by).await?;
        }
        Ok(())
    })
}

fn payment_methods_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let changed = PaymentMethodsChanged::decode(event.data.clone())?;
        note_collection_method(tx, &changed).await?;
        if changed.collection_method_replaced { follow_method(tx, &changed).await } else { Ok(()) }
    })
}

fn application_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        mail_credit_application(tx, &ApplicationChanged::decode(event.data.clone())?).await
    })
}

fn advised_limit_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        mail_advised_limit(tx, &AdvisedLimitChanged::decode(event.data.clone())?).await
    })
}

fn line_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(
        async move { mail_credit_line(tx, &CreditLineChanged::decode(event.data.clone())?).await },
    )
}

fn purchase_captured<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move { bill_purchase(tx, &PurchaseCaptured::decode(event.data.clone())?).await })
}

fn plan_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let changed = PlanChanged::decode(event.data.clone())?;
        if let Some(plan) = &changed.plan {
            follow_plan(tx, plan).await?;
        }
        mail_plan(tx, &changed).await
    })
}

fn metered_usage_closed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        bill_metered_month(tx, &MeteredUsageClosed::decode(event.data.clone())?).await
    })
}

fn usage_month_closed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(
        async move { bill_usage_month(tx, &UsageMonthClosed::decode(event.data.clone())?).await },
    )
}

fn postpaid_agreement_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        mail_postpaid_decision(tx, &PostpaidAgreementChanged::decode(event.data.clone())?).await
    })
}

fn webhook_failed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move { disable_failed(tx, &WebhookFailed::decode(event.data.clone())?).await })
}
