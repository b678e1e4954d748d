//! Policies: drafts, their trials, their publication.

use crate::{
    App,
    parse_policies::PolicyRef,
    render::customer_name,
    render_policies as render,
    store::{applications, policies},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag, page::Page, render::money};
use payterms_credit_domain::{Policy, PolicyState, decision::decide};
use payterms_kernel::{Money, Refusal, TenantId};
use payterms_proto::credit::v1::{
    BackTestPolicyResponse, BackTested, CreatePolicyResponse, GetPolicyResponse, ListPoliciesResponse, Policy as PolicyMessage,
    PolicyChanged, PublishPolicyResponse, TestPolicyResponse, UpdatePolicyResponse,
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Decisions that a policy is tried on.
const MOST_DECISIONS: i64 = 500;

async fn publish(tx: &mut WriteTx, own: &Policy) -> Result<PolicyMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    policies::save(tx.conn(), &tenant, own).await?;
    let rendered = render::policy(&tenant, own);
    tx.emit("policy", &own.id.to_string(), &PolicyChanged { policy: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

async fn found<C: ConnectionTrait>(conn: &C, named: &PolicyRef) -> Result<Policy, AppError> {
    Ok(policies::find(conn, &named.tenant, named.policy).await?.ok_or_else(Refusal::not_found)?)
}

async fn locked(tx: &WriteTx, named: &PolicyRef) -> Result<Policy, AppError> {
    Ok(policies::lock(tx.conn(), &named.tenant, named.policy).await?.ok_or_else(Refusal::not_found)?)
}

/// Writes a draft.
///
/// # Errors
/// The database's.
pub async fn create(app: &App, call: &Call, asked: &Policy) -> Result<Answer<CreatePolicyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let own = Policy { id: tx.id(), created_at: tx.now(), ..asked.clone() };
    let policy = Some(publish(&mut tx, &own).await?);
    tx.commit(CreatePolicyResponse { policy }).await
}

/// Replaces title, terms and cases of a draft.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `POLICY_STATE`, `CURRENCY_MISMATCH`.
pub async fn update(
    app: &App,
    call: &Call,
    named: &PolicyRef,
    (new, etag): (&Policy, &str),
) -> Result<Answer<UpdatePolicyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(etag, own.version)?;
    own.must_be_draft()?;
    Money::zero(new.currency).compare(Money::zero(own.currency)).map_err(Refusal::from)?;
    own.title.clone_from(&new.title);
    own.terms.clone_from(&new.terms);
    own.cases.clone_from(&new.cases);
    own.version = own.version.saturating_add(1);
    let policy = Some(publish(&mut tx, &own).await?);
    tx.commit(UpdatePolicyResponse { policy }).await
}

/// Lets a draft decide.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `POLICY_STATE`, `POLICY_CASES_FAILED`.
pub async fn release(app: &App, call: &Call, named: &PolicyRef) -> Result<Answer<PublishPolicyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let number = policies::last_number(tx.conn(), &call.tenant).await?.saturating_add(1);
    own.publish(number, tx.now())?;
    let policy = Some(publish(&mut tx, &own).await?);
    tx.commit(PublishPolicyResponse { policy }).await
}

/// What a policy's own cases come to.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn test(app: &App, named: &PolicyRef) -> Result<TestPolicyResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let own = found(&conn, named).await?;
    let tried = own.tried();
    Ok(TestPolicyResponse { cases: own.cases.iter().zip(&tried).map(|pair| render::tried(pair, own.currency)).collect() })
}

/// What a policy would have come to where another one decided.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn back_test(app: &App, named: &PolicyRef) -> Result<BackTestPolicyResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let own = found(&conn, named).await?;
    let kept = applications::newest(&conn, &named.tenant, own.currency, MOST_DECISIONS).await?;
    let amount = |micros| Some(money(Money::from_micros(own.currency, micros)));
    let decisions = kept.iter().map(|(application, customer, advice)| {
        let would_be = decide(&own.terms, &advice.features, advice.cap.micros());
        BackTested {
            application: format!("{}/creditApplications/{application}", customer_name(&named.tenant, *customer)),
            outcome: render::outcome(advice.decided.outcome).into(),
            limit: amount(advice.decided.limit),
            would_be: render::outcome(would_be.outcome).into(),
            limit_would_be: amount(would_be.limit),
        }
    });
    Ok(BackTestPolicyResponse { decisions: decisions.collect() })
}

/// One policy.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &PolicyRef) -> Result<GetPolicyResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    Ok(GetPolicyResponse { policy: Some(render::policy(&named.tenant, &found(&conn, named).await?)) })
}

/// A page of policies, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, tenant: &TenantId, page: &Page) -> Result<ListPoliciesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = policies::list(&conn, tenant, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    Ok(ListPoliciesResponse { policies: found.iter().map(|own| render::policy(tenant, own)).collect(), next_page_token })
}

/// Refuses a policy that does not decide yet.
///
/// # Errors
/// `POLICY_STATE`.
pub fn must_decide(own: &Policy) -> Result<(), Refusal> {
    match own.state {
        PolicyState::Published => Ok(()),
        PolicyState::Draft => Err(Refusal::state("POLICY_STATE", "The policy", own.state.name(), &["PublishPolicy"])),
    }
}
