//! Programmes, and whom they are for.

use crate::{
    App,
    parse::CustomerRef,
    parse_programmes::{Invite, ProgrammeRef, Update},
    render,
    store::{applications, customers, lines, policies, programmes},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag, page::Page};
use payterms_credit_domain::{Customer, Policy, Programme, application::cool_down};
use payterms_kernel::{Condition, Id, Money, Refusal, TenantId};
use payterms_proto::credit::v1::{
    CloseProgrammeResponse, CreateProgrammeResponse, CustomerInvited, GetCreditOptionsResponse, GetProgrammeResponse,
    InviteCustomerResponse, ListProgrammesResponse, Programme as ProgrammeMessage, ProgrammeChanged, UpdateProgrammeResponse,
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Programmes that a customer is shown.
const MOST_OPTIONS: u64 = 100;

async fn publish(tx: &mut WriteTx, own: &Programme) -> Result<ProgrammeMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    programmes::save(tx.conn(), &tenant, own).await?;
    let rendered = render::programme(&tenant, own);
    tx.emit("programme", &own.id.to_string(), &ProgrammeChanged { programme: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

async fn locked(tx: &WriteTx, named: &ProgrammeRef) -> Result<Programme, AppError> {
    let found = programmes::lock(tx.conn(), &named.tenant, named.programme).await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

/// The published policy that a programme names, or the standard one.
async fn deciding(tx: &WriteTx, own: &Programme) -> Result<Id<Policy>, AppError> {
    let tenant = &tx.call().tenant;
    if own.policy.uuid().is_nil() {
        return Ok(policies::standard(tx.conn(), tenant, own.currency, tx.now()).await?.id);
    }
    let policy = policies::find(tx.conn(), tenant, own.policy).await?.ok_or_else(Refusal::not_found)?;
    super::policies::must_decide(&policy)?;
    Money::zero(policy.currency).compare(own.cap).map_err(Refusal::from)?;
    Ok(policy.id)
}

/// Opens a programme.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `POLICY_STATE`, `CURRENCY_MISMATCH` for the policy.
pub async fn create(app: &App, call: &Call, asked: &Programme) -> Result<Answer<CreateProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let policy = deciding(&tx, asked).await?;
    let own = Programme { id: tx.id(), policy, created_at: now, updated_at: now, ..asked.clone() };
    let programme = Some(publish(&mut tx, &own).await?);
    tx.commit(CreateProgrammeResponse { programme }).await
}

/// Changes the fields that the mask names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `PROGRAMME_STATE`, `CURRENCY_MISMATCH`.
pub async fn update(app: &App, call: &Call, named: &ProgrammeRef, update: &Update) -> Result<Answer<UpdateProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&update.etag, own.version)?;
    own.must_be_open()?;
    update.apply(&mut own)?;
    own.policy = deciding(&tx, &own).await?;
    own.touch(tx.now());
    let programme = Some(publish(&mut tx, &own).await?);
    tx.commit(UpdateProgrammeResponse { programme }).await
}

/// Takes no more applications and offers.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PROGRAMME_STATE`.
pub async fn close(app: &App, call: &Call, named: &ProgrammeRef) -> Result<Answer<CloseProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.close(tx.now())?;
    let programme = Some(publish(&mut tx, &own).await?);
    tx.commit(CloseProgrammeResponse { programme }).await
}

/// One programme.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &ProgrammeRef) -> Result<GetProgrammeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let own = programmes::find(&conn, &named.tenant, named.programme).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetProgrammeResponse { programme: Some(render::programme(&named.tenant, &own)) })
}

/// A page of programmes, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, tenant: &TenantId, page: &Page) -> Result<ListProgrammesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = programmes::list(&conn, tenant, (before, false), page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    Ok(ListProgrammesResponse { programmes: found.iter().map(|own| render::programme(tenant, own)).collect(), next_page_token })
}

/// Invites a customer, or takes that back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PROGRAMME_STATE`.
pub async fn invite(app: &App, call: &Call, asked: &Invite) -> Result<Answer<InviteCustomerResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let own = locked(&tx, &asked.programme).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.must_be_open()?;
    customers::find(tx.conn(), &call.tenant, asked.customer).await?.ok_or_else(Refusal::not_found)?;
    programmes::invite(tx.conn(), &call.tenant, (own.id, asked.customer), asked.invited).await?;
    let event = CustomerInvited {
        programme: render::programme_name(&call.tenant, own.id),
        customer: render::customer_name(&call.tenant, asked.customer),
        invited: asked.invited,
    };
    tx.emit("invitation", &format!("{}/{}", own.id, asked.customer), &event).await?;
    tx.commit(InviteCustomerResponse { invited: asked.invited }).await
}

/// What a customer may apply for, and all that is against it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` for a customer whom credit does not know.
pub async fn options(app: &App, named: &CustomerRef) -> Result<GetCreditOptionsResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let customer = customers::find(&conn, &named.tenant, named.customer).await?.ok_or_else(Refusal::not_found)?;
    let open = programmes::list(&conn, &named.tenant, (Uuid::max(), true), MOST_OPTIONS).await?;
    let now = app.db.tenant_now(&named.tenant).await?;
    let standing = Standing::of(&conn, &named.tenant, customer).await?;
    let option = |own: &Programme| {
        let (against, until) = standing.against(&named.tenant, own, now);
        render::option(&named.tenant, own, &against, until)
    };
    Ok(GetCreditOptionsResponse { options: open.iter().map(option).collect() })
}

/// How a customer stands with the tenant's programmes.
#[derive(Debug)]
pub struct Standing {
    customer: Customer,
    invited: Vec<Id<Programme>>,
    live: Vec<payterms_credit_domain::Line>,
    open: Vec<(Id<payterms_credit_domain::Application>, String)>,
    cooling: Vec<(Id<Programme>, DateTime<Utc>)>,
}

impl Standing {
    /// Reads it.
    ///
    /// # Errors
    /// The database's.
    pub async fn of<C: ConnectionTrait>(conn: &C, tenant: &TenantId, customer: Customer) -> Result<Self, AppError> {
        let invited = programmes::invited(conn, tenant, customer.id).await?;
        let live = lines::live(conn, tenant, customer.id, None).await?;
        let (open, cooling) = applications::standing(conn, tenant, customer.id).await?;
        Ok(Self { customer, invited, live, open, cooling })
    }

    /// All that is against an application now, and until when a cool-down runs.
    #[must_use]
    pub fn against(&self, tenant: &TenantId, own: &Programme, now: DateTime<Utc>) -> (Vec<Condition>, Option<DateTime<Utc>>) {
        let mut against = own.against(&self.customer, self.invited.contains(&own.id));
        let until = self.cooling.iter().find(|(id, until)| *id == own.id && *until > now).map(|(_, until)| *until);
        against.extend(until.map(|until| cool_down(until, own)));
        against.extend(self.live.iter().find(|line| line.currency() == own.currency).map(|line| Condition {
            name: "LINE_EXISTS",
            subject: render::line_name(tenant, line),
            description: format!("The customer has a line in {} already.", own.currency),
        }));
        against.extend(self.open.iter().find(|(_, code)| code == own.currency.code()).map(|(id, _)| Condition {
            name: "APPLICATION_OPEN",
            subject: format!("{}/creditApplications/{id}", render::customer_name(tenant, self.customer.id)),
            description: format!("The customer has an open application in {} already.", own.currency),
        }));
        (against, until)
    }
}
