//! Opens disputes: books what an issuer has taken back.

use super::{
    ask_again::schedule_question,
    follow::{Followed, ProviderAnswer},
    save::{Change, publish_change},
};
use crate::{
    app::App,
    commands::{customers::CustomerRef, wallets::name_of},
    messages,
    store::{
        charges, disputes, methods, recharges, refunds, top_up_refunds, top_ups, transfers,
        wallets::{self, Locked},
    },
    use_cases::{
        charges::save::publish_charge,
        methods::save::publish_methods,
        recharges::{recharge, save::publish_recharge},
    },
};
use chrono::Days;
use payterms_chassis::{
    AppError, Call, WriteTx, error::not_yet, jobs::schedule, kill, render::money,
};
use payterms_kernel::{Id, Reason, TenantId, calendar::start_of_day};
use payterms_proto::wallet::v1::{ChargedBack, TopUpChanged};
use payterms_wallet_domain::{
    Charge, ChargeState, Dispute, PaymentMethod, TopUp, TopUpState,
    chargeback::{self, ReturnedCharge, TakenBack},
    dispute::{Disputed, ProviderDispute},
};

/// Days after which auto-recharge may charge again: the customer has been told of it by then.
const NOTICE: Days = Days::new(2);

/// Whether the dispute of which the provider tells is to be opened: it is not known yet, and none
/// before it stands. Under the lock of its wallet.
///
/// # Errors
/// `UNAVAILABLE` where another one was opened since the provider was asked: its answer may be older
/// than that.
async fn is_to_open(
    tx: &WriteTx,
    charge_id: &str,
    provider_answer: ProviderAnswer<'_>,
) -> Result<bool, AppError> {
    let known = disputes::of_charge(tx.conn(), &tx.call().tenant, charge_id).await?;
    if known.find(provider_answer.dispute).is_none()
        && known.0.last().map(|last| last.id) != provider_answer.last
    {
        return Err(not_yet(
            Reason::UNAVAILABLE,
            "Another dispute of the charge was recorded meanwhile. Send the notification again.",
        ));
    }
    Ok(known.may_open(provider_answer.dispute))
}

/// Takes a top-up back. One that was taken back before stays as it is.
pub(super) async fn open_of_top_up(
    app: &App,
    tenant: &TenantId,
    top_up: TopUp,
    provider_answer: ProviderAnswer<'_>,
) -> Result<Followed, AppError> {
    let call = Call::internal("wallet", tenant, "charge_returned", top_up.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[top_up.wallet]).await?.pop() else {
        return Ok(Followed::TakenIn);
    };
    let Some(mut top_up) = top_ups::find(tx.conn(), tenant, top_up.id).await? else {
        return Ok(Followed::TakenIn);
    };
    if !is_to_open(&tx, &top_up.provider_charge_id, provider_answer).await? {
        return Ok(Followed::TakenIn);
    }
    // What a refund under way gives back is known when it ends: only then it is known what is left
    // to take.
    if top_up.state == TopUpState::Processing
        || top_up_refunds::is_open(tx.conn(), tenant, top_up.id).await?
    {
        schedule_question(&tx, provider_answer.provider, &top_up.provider_charge_id).await?;
        tx.commit_rows().await?;
        return Ok(Followed::Waits);
    }
    let (provider_dispute, now) = (provider_answer.dispute, tx.now());
    let Some(taken) = chargeback::of_top_up(
        &mut top_up,
        &mut locked.wallet,
        tx.ids(),
        provider_dispute.amount,
        now,
    )?
    else {
        tracing::info!(top_up = %top_up.id, state = top_up.state.name(), taken = %provider_dispute.amount, "nothing of a top-up is taken back");
        return Ok(Followed::TakenIn);
    };
    top_ups::save(&tx, &top_up).await?;
    let rendered = messages::top_ups::top_up(&name_of(tenant, &locked.wallet), &top_up)?;
    tx.emit(
        "top_up",
        &top_up.id.to_string(),
        &TopUpChanged { top_up: Some(rendered.clone()), paid_owed: None, owed: None },
    )
    .await?;
    let charged = (
        tx.id(),
        Disputed::TopUp(top_up.id),
        Some(top_up.method),
        top_up.provider_charge_id.as_str(),
    );
    open(&mut tx, &mut locked, charged, (provider_dispute, taken), Some(rendered)).await?;
    kill::point("chargeback.before_commit");
    tx.commit_rows().await?;
    kill::point("chargeback.after_commit");
    Ok(Followed::TakenIn)
}

/// Takes a charge of a payment back. One that was taken back before stays as it is.
pub(super) async fn open_of_charge(
    app: &App,
    tenant: &TenantId,
    charge: Charge,
    provider_answer: ProviderAnswer<'_>,
) -> Result<Followed, AppError> {
    let call = Call::internal("wallet", tenant, "charge_returned", charge.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[charge.wallet]).await?.pop() else {
        return Ok(Followed::TakenIn);
    };
    let Some(mut charge) = charges::find(tx.conn(), tenant, charge.id).await? else {
        return Ok(Followed::TakenIn);
    };
    if !is_to_open(&tx, &charge.provider_charge_id, provider_answer).await? {
        return Ok(Followed::TakenIn);
    }
    if charge.state == ChargeState::Processing {
        schedule_question(&tx, provider_answer.provider, &charge.provider_charge_id).await?;
        tx.commit_rows().await?;
        return Ok(Followed::Waits);
    }
    let currency = locked.wallet.currency;
    let refunded =
        refunds::sum_of(tx.conn(), tenant, charge.payment, Some(charge.id), currency).await?;
    let surplus = transfers::surplus_of(tx.conn(), tenant, charge.payment, currency).await?;
    let others = charges::of_payment(tx.conn(), tenant, charge.payment).await?;
    let surplus = chargeback::surplus_left(surplus, &others, charge.payment)?;
    let provider_dispute = provider_answer.dispute;
    let returned = ReturnedCharge { amount: provider_dispute.amount, refunded, surplus };
    let now = tx.now();
    let Some(taken) =
        chargeback::of_charge(&mut charge, &mut locked.wallet, tx.ids(), returned, now)?
    else {
        tracing::info!(charge = %charge.id, state = charge.state.name(), taken = %provider_dispute.amount, "nothing of a charge is taken back");
        return Ok(Followed::TakenIn);
    };
    let id = tx.id();
    if let Some(back) = &mut charge.charged_back {
        back.dispute = Some(id.uuid());
    }
    let customer = CustomerRef { tenant: tenant.clone(), customer: locked.wallet.customer };
    publish_charge(&mut tx, &customer, &charge).await?;
    let disputed =
        Disputed::Charge { charge: charge.id, payment: charge.payment, step: charge.step };
    let charged = (id, disputed, charge.method, charge.provider_charge_id.as_str());
    open(&mut tx, &mut locked, charged, (provider_dispute, taken), None).await?;
    kill::point("chargeback.before_commit");
    tx.commit_rows().await?;
    kill::point("chargeback.after_commit");
    Ok(Followed::TakenIn)
}

/// Stores the dispute, stops charging the method without a person present, and lets auto-recharge
/// wait until the customer has been told.
async fn open(
    tx: &mut WriteTx,
    locked: &mut Locked,
    (id, disputed, method, charge_id): (Id<Dispute>, Disputed, Option<Id<PaymentMethod>>, &str),
    (provider_dispute, taken): (&ProviderDispute, TakenBack),
    top_up: Option<payterms_proto::wallet::v1::TopUp>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, zone) = (tx.now(), tx.time().zone);
    let customer = locked.wallet.customer;
    let lots = chargeback::lots_taken(&locked.wallet);
    let dispute = Dispute::open(
        id,
        customer,
        locked.wallet.id,
        (disputed, method, charge_id),
        (provider_dispute, taken, lots),
        now,
    );
    let mut saved = methods::lock(tx, customer).await?;
    let found = match method {
        Some(id) => methods::find(tx.conn(), &tenant, customer, id).await?,
        None => None,
    };
    if let Some(mut method) = found {
        method.charged_back = true;
        methods::save(tx, customer, &method).await?;
        saved.stop_charging(method.id, tx.today());
        methods::save_pointers(tx, customer, &saved).await?;
    }
    if taken.credit.is_positive() {
        let mut rules = recharges::find(tx.conn(), &tenant, locked.wallet.id).await?;
        if !rules.rules.is_none() {
            let until = start_of_day(
                zone,
                tx.today().checked_add_days(NOTICE).unwrap_or(chrono::NaiveDate::MAX),
            );
            rules.pause(until);
            publish_recharge(tx, &locked.wallet, &rules).await?;
            schedule(tx, recharge::JOB, &locked.wallet.id.to_string(), until).await?;
        }
    }
    let after = messages::wallets::wallet(&tenant, &locked.wallet, now)?;
    let event = ChargedBack { wallet: Some(after), amount: Some(money(taken.amount)) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    publish_change(tx, locked, &dispute, Change { top_up, methods: &saved, paid_owed: None })
        .await?;
    // What waits for the dispute is known once that is stored.
    if method.is_some() {
        publish_methods(tx, &CustomerRef { tenant, customer }, &saved, false).await?;
    }
    Ok(())
}
