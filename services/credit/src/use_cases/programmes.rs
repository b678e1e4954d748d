//! Programmes, and whom they are for.

use crate::{
    App,
    parse::CustomerRef,
    parse_programmes::{Invite, ProgrammeRef, Update},
    render,
    store::{customers, lines, programmes},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag, page::Page};
use payterms_credit_domain::Programme;
use payterms_kernel::{Condition, Refusal, TenantId};
use payterms_proto::credit::v1::{
    CloseProgrammeResponse, CreateProgrammeResponse, CustomerInvited, GetCreditOptionsResponse, GetProgrammeResponse,
    InviteCustomerResponse, ListProgrammesResponse, Programme as ProgrammeMessage, ProgrammeChanged, UpdateProgrammeResponse,
};
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

/// Opens a programme.
///
/// # Errors
/// The database's.
pub async fn create(app: &App, call: &Call, asked: &Programme) -> Result<Answer<CreateProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let own = Programme { id: tx.id(), created_at: now, updated_at: now, ..asked.clone() };
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
    let invited = programmes::invited(&conn, &named.tenant, customer.id).await?;
    let live = lines::live(&conn, &named.tenant, customer.id, None).await?;
    let open = programmes::list(&conn, &named.tenant, (Uuid::max(), true), MOST_OPTIONS).await?;
    let option = |own: &Programme| {
        let mut against = own.against(&customer, invited.contains(&own.id));
        against.extend(live.iter().find(|line| line.currency() == own.currency).map(|line| Condition {
            name: "LINE_EXISTS",
            subject: render::line_name(&named.tenant, line),
            description: format!("The customer has a line in {} already.", own.currency),
        }));
        render::option(&named.tenant, own, &against)
    };
    Ok(GetCreditOptionsResponse { options: open.iter().map(option).collect() })
}
