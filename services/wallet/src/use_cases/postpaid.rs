//! Postpaid agreements: asked for, decided, ended early.

use super::{close_month, create_top_up::wallet_name, locked, recharge};
use crate::{
    App, jobs,
    parse::WalletRef,
    postpaid_messages::{self as messages, Decide},
    store::{
        customers, postpaid, recharges, settings,
        wallets::{self, Locked},
    },
};
use chrono::Months;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{cancel, schedule},
    page::Page,
};
use payterms_kernel::{
    Id, Refusal,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_proto::wallet::v1::{
    AskPostpaidResponse, DecidePostpaidResponse, GetPostpaidAgreementResponse, ListPostpaidAgreementsResponse, PostpaidAgreement,
    PostpaidAgreementChanged, TerminatePostpaidResponse,
};
use payterms_wallet_domain::{
    postpaid::{Agreement, Terms},
    recharge::Rules,
};
use uuid::Uuid;

/// Asks for an agreement.
///
/// # Errors
/// Those of [`Agreement::ask`], `POSTPAID_STATE` where the wallet has one, `RESOURCE_NOT_FOUND`.
pub async fn ask(app: &App, call: &Call, named: &WalletRef, terms: Terms) -> Result<Answer<AskPostpaidResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(live) = postpaid::live(tx.conn(), &call.tenant, own.wallet.id).await? {
        return Err(Refusal::state("POSTPAID_STATE", "An agreement of the wallet", live.state.name(), &[]).into());
    }
    let settings = settings::find(tx.conn(), &call.tenant).await?;
    let (id, now) = (tx.id(), tx.now());
    let agreement = Agreement::ask(id, &own.wallet, &settings, terms, now)?;
    let postpaid_agreement = Some(publish(&mut tx, &own, &agreement).await?);
    tx.commit(AskPostpaidResponse { postpaid_agreement }).await
}

async fn publish(tx: &mut WriteTx, own: &Locked, agreement: &Agreement) -> Result<PostpaidAgreement, AppError> {
    postpaid::save(tx, agreement).await?;
    let rendered = messages::agreement(&wallet_name(&tx.call().tenant, &own.wallet), agreement);
    let event = PostpaidAgreementChanged { postpaid_agreement: Some(rendered.clone()) };
    tx.emit("postpaid_agreement", &agreement.id.to_string(), &event).await?;
    Ok(rendered)
}

/// Says yes or no.
///
/// # Errors
/// Those of [`Agreement::approve`] and [`Agreement::refuse`], `RESOURCE_NOT_FOUND`.
pub async fn decide(
    app: &App,
    call: &Call,
    (named, id): (&WalletRef, Id<Agreement>),
    decide: &Decide,
) -> Result<Answer<DecidePostpaidResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found = postpaid::find(tx.conn(), &call.tenant, own.wallet.id, id).await?;
    let mut agreement = found.ok_or_else(Refusal::not_found)?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    if decide.approve {
        let settings = settings::find(tx.conn(), &call.tenant).await?;
        let customer = customers::find(tx.conn(), &call.tenant, named.customer).await?.ok_or_else(Refusal::not_found)?;
        let terms = Terms {
            commitment: decide.commitment.unwrap_or(agreement.terms.commitment),
            limit: decide.limit.unwrap_or(agreement.terms.limit),
        };
        agreement.approve((&mut own.wallet, &settings, &customer), terms, decide.explanation.clone(), (today, now))?;
        begin(&mut tx, &mut own).await?;
    } else {
        agreement.refuse(decide.explanation.clone(), now)?;
    }
    let postpaid_agreement = Some(publish(&mut tx, &own, &agreement).await?);
    tx.commit(DecidePostpaidResponse { postpaid_agreement }).await
}

/// The wallet is postpaid from now on: its month's end falls due, and auto-recharge is off.
async fn begin(tx: &mut WriteTx, own: &mut Locked) -> Result<(), AppError> {
    let (tenant, zone) = (tx.call().tenant.clone(), tx.time().zone);
    let subject = own.wallet.id.to_string();
    if own.wallet.closes.is_none() {
        let this = first_of_month(day_in(zone, tx.now()));
        own.wallet.closes = Some(this);
        let next = this.checked_add_months(Months::new(1)).unwrap_or(this);
        schedule(tx, jobs::CLOSE_MONTH, &subject, start_of_day(zone, next)).await?;
    }
    wallets::save_many(tx, std::slice::from_mut(own)).await?;
    let mut rules = recharges::find(tx.conn(), &tenant, own.wallet.id).await?;
    if !rules.rules.is_none() {
        rules.rules = Rules::default();
        rules.month_end_marked = false;
        rules.start_anew();
        rules.version = rules.version.saturating_add(1);
        recharge::publish(tx, &own.wallet, &rules).await?;
        cancel(tx, jobs::MONTH_END, &subject).await?;
    }
    Ok(())
}

/// Ends an agreement early.
///
/// # Errors
/// `POSTPAID_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn terminate(
    app: &App,
    call: &Call,
    (named, id): (&WalletRef, Id<Agreement>),
    explanation: &str,
) -> Result<Answer<TerminatePostpaidResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found = postpaid::find(tx.conn(), &call.tenant, own.wallet.id, id).await?;
    let mut agreement = found.ok_or_else(Refusal::not_found)?;
    close_month::terminate(&mut tx, &mut own, &mut agreement, explanation.to_owned()).await?;
    let postpaid_agreement = Some(messages::agreement(&named.name(), &agreement));
    tx.commit(TerminatePostpaidResponse { postpaid_agreement }).await
}

/// One agreement.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, (named, id): (&WalletRef, Id<Agreement>)) -> Result<GetPostpaidAgreementResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let found = postpaid::find(&conn, &named.tenant, named.wallet, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetPostpaidAgreementResponse { postpaid_agreement: Some(messages::agreement(&named.name(), &found)) })
}

/// A page of a wallet's agreements, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, named: &WalletRef, page: &Page) -> Result<ListPostpaidAgreementsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let mut found = postpaid::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    let name = named.name();
    Ok(ListPostpaidAgreementsResponse {
        postpaid_agreements: found.iter().map(|own| messages::agreement(&name, own)).collect(),
        next_page_token,
    })
}
