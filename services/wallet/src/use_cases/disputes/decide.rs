//! Decides disputes, by the provider's word or a person's: whichever comes first counts.

use super::save::{Change, publish_change};
use crate::{
    app::App,
    commands::{customers::CustomerRef, disputes::DecideDispute, wallets::name_of},
    messages,
    store::{
        charges, disputes, lots, methods, recharges, refunds, settings, top_ups,
        wallets::{self, Locked},
    },
    use_cases::{
        charges::save::publish_charge,
        lots::expire::schedule_expiry,
        methods::save::publish_methods,
        recharges::{end_stops::end_stops, save::publish_recharge},
    },
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, kill, render::money};
use payterms_kernel::{Id, Money, Refusal, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{
    Charge, Dispute, Lot, Methods, TopUp,
    dispute::{Decider, Disputed, Outcome},
    dispute_won::{self, GivenBack},
    recharge,
};
use prost::Message;

/// Records that a dispute is won.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `DISPUTE_STATE`.
pub async fn win_dispute(
    app: &App,
    call: &Call,
    command: &DecideDispute,
) -> Result<Answer<pb::WinDisputeResponse>, AppError> {
    Box::pin(decide_by_person(app, call, command, Outcome::Won, |dispute| pb::WinDisputeResponse {
        dispute: Some(dispute),
    }))
    .await
}

/// Records that a dispute is lost.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `DISPUTE_STATE`.
pub async fn lose_dispute(
    app: &App,
    call: &Call,
    command: &DecideDispute,
) -> Result<Answer<pb::LoseDisputeResponse>, AppError> {
    Box::pin(decide_by_person(app, call, command, Outcome::Lost, |dispute| {
        pb::LoseDisputeResponse { dispute: Some(dispute) }
    }))
    .await
}

async fn decide_by_person<M: Message + Default>(
    app: &App,
    call: &Call,
    command: &DecideDispute,
    outcome: Outcome,
    respond: fn(pb::Dispute) -> M,
) -> Result<Answer<M>, AppError> {
    let named = &command.dispute;
    let mut tx = app.db.begin(call).await?;
    let found = disputes::find(tx.conn(), &call.tenant, named.dispute).await?;
    let found = found
        .filter(|dispute| dispute.customer == named.customer.customer)
        .ok_or_else(Refusal::not_found)?;
    let (mut locked, others) = lock_wallets(&tx, &found).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    // As it is under the lock of its wallet.
    let mut dispute =
        disputes::find(tx.conn(), &call.tenant, found.id).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let rendered = if dispute.decide(outcome, Decider::Person(command.explanation.clone()), now)? {
        publish_decision(&mut tx, &mut locked, &others, &mut dispute).await?
    } else {
        messages::disputes::dispute(&call.tenant, &dispute)
    };
    let answer = tx.commit(respond(rendered)).await?;
    kill::point("dispute.after_decision");
    Ok(answer)
}

/// Records the provider's decision. Where a person has decided otherwise before it is noted on the
/// dispute, and nothing else follows.
pub(super) async fn decide_by_provider(
    app: &App,
    tenant: &TenantId,
    found: &Dispute,
    outcome: Outcome,
) -> Result<(), AppError> {
    let call = Call::internal("wallet", tenant, "dispute_decided", found.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some((mut locked, others)) = lock_wallets(&tx, found).await? else { return Ok(()) };
    let Some(mut dispute) = disputes::find(tx.conn(), tenant, found.id).await? else {
        return Ok(());
    };
    let (now, told_before) = (tx.now(), dispute.told);
    if dispute.decide(outcome, Decider::Provider, now)? {
        kill::point("dispute.before_decision");
        publish_decision(&mut tx, &mut locked, &others, &mut dispute).await?;
    } else if dispute.told == told_before {
        return Ok(());
    } else {
        if dispute.state != outcome.state() {
            tracing::warn!(dispute = %dispute.id, state = dispute.state.name(), told = outcome.name(), "the provider has decided otherwise");
        }
        let saved = methods::of_customer(tx.conn(), tenant, dispute.customer).await?;
        let top_up = disputed_top_up(&tx, &locked, &dispute).await?;
        publish_change(
            &mut tx,
            &mut locked,
            &dispute,
            Change { top_up, methods: &saved, paid_owed: None },
        )
        .await?;
    }
    tx.commit_rows().await?;
    kill::point("dispute.after_decision");
    Ok(())
}

async fn disputed_top_up(
    tx: &WriteTx,
    locked: &Locked,
    dispute: &Dispute,
) -> Result<Option<pb::TopUp>, AppError> {
    let Disputed::TopUp(id) = dispute.disputed else { return Ok(None) };
    let tenant = &tx.call().tenant;
    let top_up = top_ups::find(tx.conn(), tenant, id).await?;
    top_up
        .map(|top_up| messages::top_ups::top_up(&name_of(tenant, &locked.wallet), &top_up))
        .transpose()
}

/// Locks the wallet of a dispute, and the customer's others with rules of auto-recharge: a dispute
/// that is won may end their stops.
async fn lock_wallets(
    tx: &WriteTx,
    dispute: &Dispute,
) -> Result<Option<(Locked, Vec<Locked>)>, AppError> {
    let mut ids =
        recharges::wallets_of_customer(tx.conn(), &tx.call().tenant, dispute.customer).await?;
    if !ids.contains(&dispute.wallet) {
        ids.push(dispute.wallet);
    }
    let (mut lockeds, others): (Vec<_>, Vec<_>) = wallets::lock_many(tx, &ids)
        .await?
        .into_iter()
        .partition(|locked| locked.wallet.id == dispute.wallet);
    Ok(lockeds.pop().map(|locked| (locked, others)))
}

/// Books a decision, and publishes all that it changes.
async fn publish_decision(
    tx: &mut WriteTx,
    locked: &mut Locked,
    others: &[Locked],
    dispute: &mut Dispute,
) -> Result<pb::Dispute, AppError> {
    let tenant = tx.call().tenant.clone();
    let mut saved = methods::lock(tx, dispute.customer).await?;
    let won = dispute.state == Outcome::Won.state();
    let owed = locked.wallet.owed;
    let mut is_restored = false;
    if won {
        let lots = taken_from(tx, locked, dispute).await?;
        let restored = match dispute.disputed {
            Disputed::TopUp(id) => give_top_up_back(tx, locked, &*dispute, &lots, id).await?,
            Disputed::Charge { charge, .. } => {
                give_charge_back(tx, locked, &mut *dispute, &lots, charge).await?
            }
        };
        for lot in locked.wallet.lots.iter().filter(|lot| restored.contains(&lot.id)) {
            if let Some(expiry) = lot.expires_at {
                schedule_expiry(tx, locked.wallet.id, lot.id, expiry).await?;
            }
        }
        let mut rules = recharges::find(tx.conn(), &tenant, locked.wallet.id).await?;
        if rules.end_pause() {
            publish_recharge(tx, &locked.wallet, &rules).await?;
        }
        is_restored =
            clear_method(tx, &mut saved, [std::slice::from_ref(&*locked), others], dispute).await?;
        let customer = CustomerRef { tenant: tenant.clone(), customer: dispute.customer };
        let event = pb::DisputeWon {
            wallet: Some(messages::wallets::wallet(&tenant, &locked.wallet, tx.now())?),
            amount: Some(money(dispute.taken.amount)),
            dispute: messages::disputes::dispute_name(&customer, dispute.id),
        };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    let top_up = disputed_top_up(tx, locked, dispute).await?;
    if let Some(top_up) = top_up.clone().filter(|_| won)
        && let Disputed::TopUp(id) = dispute.disputed
    {
        tx.emit(
            "top_up",
            &id.to_string(),
            &pb::TopUpChanged { top_up: Some(top_up), paid_owed: None, owed: None },
        )
        .await?;
    }
    let paid_owed = Some(owed.minus(locked.wallet.owed)?).filter(|_| won);
    let rendered =
        publish_change(tx, locked, dispute, Change { top_up, methods: &saved, paid_owed }).await?;
    // What waits for the dispute, or for another one, is known once its decision is stored.
    if dispute.method.is_some() {
        publish_methods(
            tx,
            &CustomerRef { tenant, customer: dispute.customer },
            &saved,
            is_restored,
        )
        .await?;
    }
    Ok(rendered)
}

/// The lots that a dispute has taken credit from, ready to take it again, used up or not.
async fn taken_from(
    tx: &WriteTx,
    locked: &mut Locked,
    dispute: &Dispute,
) -> Result<Vec<(Lot, Money)>, AppError> {
    let found = lots::find_many(
        tx.conn(),
        &tx.call().tenant,
        dispute.lots.iter().map(|(lot, _)| lot.uuid()),
    )
    .await?;
    let fault = |lot: Id<Lot>| AppError::Fault(format!("dispute {} of lot {lot}", dispute.id));
    let with_lot = |(id, part): &(Id<Lot>, Money)| {
        Ok((found.get(&id.uuid()).cloned().ok_or_else(|| fault(*id))?, *part))
    };
    let lots = dispute.lots.iter().map(with_lot).collect::<Result<Vec<_>, AppError>>()?;
    locked.recall(lots.iter().map(|(lot, _)| lot.clone()));
    Ok(lots)
}

/// The credit of a top-up and its tax are there again.
async fn give_top_up_back(
    tx: &mut WriteTx,
    locked: &mut Locked,
    dispute: &Dispute,
    lots: &[(Lot, Money)],
    id: Id<TopUp>,
) -> Result<Vec<Id<Lot>>, AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("dispute {} without its top-up", dispute.id));
    let mut top_up = top_ups::find(tx.conn(), &tenant, id).await?.ok_or_else(fault)?;
    let this_lot = match top_up.lot {
        Some(lot) => lots::find(tx.conn(), &tenant, locked.wallet.id, lot).await?,
        None => None,
    };
    locked.recall(this_lot.clone());
    let now = tx.now();
    let expires_at =
        settings::find(tx.conn(), &tenant).await?.purchased_expiry(tx.time().zone, now);
    let given = GivenBack { taken: dispute.taken, lots };
    let restored = dispute_won::won_top_up(
        &mut top_up,
        &mut locked.wallet,
        tx.ids(),
        given,
        this_lot.as_ref(),
        expires_at,
        now,
    )?;
    top_ups::save(tx, &top_up).await?;
    Ok(restored)
}

/// Reinstates a charge, and restores the credit that it had created.
async fn give_charge_back(
    tx: &mut WriteTx,
    locked: &mut Locked,
    dispute: &mut Dispute,
    lots: &[(Lot, Money)],
    id: Id<Charge>,
) -> Result<Vec<Id<Lot>>, AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("dispute {} without its charge", dispute.id));
    let mut charge = charges::find(tx.conn(), &tenant, id).await?.ok_or_else(fault)?;
    let now = tx.now();
    let expires_at =
        settings::find(tx.conn(), &tenant).await?.purchased_expiry(tx.time().zone, now);
    let unmoved =
        refunds::unmoved_of(tx.conn(), &tenant, charge.id, locked.wallet.currency).await?;
    let given = GivenBack { taken: dispute.taken, lots };
    let restored = dispute_won::won_charge(
        &mut charge,
        &mut locked.wallet,
        tx.ids(),
        given,
        unmoved,
        expires_at,
        now,
    )?;
    refunds::credit_unmoved(tx, charge.id).await?;
    dispute.unmoved = unmoved;
    publish_charge(tx, &CustomerRef { tenant, customer: dispute.customer }, &charge).await?;
    Ok(restored)
}

/// The method may be charged without a person present again, unless another charge of it was taken
/// back; where none can be, it is the collection method again, and what has stopped for want of one
/// begins anew. Returns whether it is.
async fn clear_method(
    tx: &mut WriteTx,
    saved: &mut Methods,
    wallets: [&[Locked]; 2],
    dispute: &Dispute,
) -> Result<bool, AppError> {
    let tenant = tx.call().tenant.clone();
    let Some(id) = dispute.method else { return Ok(false) };
    // What is won stands again by now. A chargeback from before there were disputes counts too.
    if charges::is_any_taken_back(tx.conn(), &tenant, id).await?
        || top_ups::is_any_taken_back(tx.conn(), &tenant, id).await?
    {
        return Ok(false);
    }
    let Some(mut method) = methods::find(tx.conn(), &tenant, dispute.customer, id).await? else {
        return Ok(false);
    };
    method.charged_back = false;
    methods::save(tx, dispute.customer, &method).await?;
    let is_restored = saved.stand_again(id, tx.today());
    if is_restored {
        methods::save_pointers(tx, dispute.customer, saved).await?;
    }
    for wallets in wallets.into_iter().filter(|_| is_restored) {
        // It is the method that had been chosen: what it had finally refused stays refused.
        end_stops(tx, wallets, recharge::Change::MethodAdded).await?;
    }
    Ok(is_restored)
}
