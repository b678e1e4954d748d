//! What a customer may apply for, and all that is against it.

use crate::{
    app::App,
    commands::customers::CustomerRef,
    messages::{
        names::{application_name, line_name},
        programmes::credit_option,
    },
    store::{applications, customers, lines, programmes},
};
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_credit_domain::{Application, Customer, Line, Programme, application::cool_down};
use payterms_kernel::{Condition, Id, Reason, Refusal, TenantId};
use payterms_proto::credit::v1::GetCreditOptionsResponse;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Programmes that a customer is shown.
const MOST_OPTIONS: u64 = 100;

/// What a customer may apply for, and all that is against it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` for a customer whom credit does not know.
pub async fn get_credit_options(
    app: &App,
    named: &CustomerRef,
) -> Result<GetCreditOptionsResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let customer = customers::find(&conn, &named.tenant, named.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let open = programmes::list(&conn, &named.tenant, Uuid::max(), true, MOST_OPTIONS).await?;
    let now = app.db.tenant_now(&named.tenant).await?;
    let standing = Standing::of(&conn, &named.tenant, customer).await?;
    let option = |programme: &Programme| {
        let (against, until) = standing.against(&named.tenant, programme, now);
        credit_option(&named.tenant, programme, &against, until)
    };
    Ok(GetCreditOptionsResponse { options: open.iter().map(option).collect() })
}

/// How a customer stands with the tenant's programmes.
#[derive(Debug)]
pub struct Standing {
    customer: Customer,
    invited: Vec<Id<Programme>>,
    live: Vec<Line>,
    open: Vec<(Id<Application>, String)>,
    cooling: Vec<(Id<Programme>, DateTime<Utc>)>,
}

impl Standing {
    /// Reads it.
    pub async fn of<C: ConnectionTrait>(
        conn: &C,
        tenant: &TenantId,
        customer: Customer,
    ) -> Result<Self, AppError> {
        let invited = programmes::invited(conn, tenant, customer.id).await?;
        let live = lines::live(conn, tenant, customer.id, None).await?;
        let (open, cooling) = applications::standing(conn, tenant, customer.id).await?;
        Ok(Self { customer, invited, live, open, cooling })
    }

    /// All that is against an application now, and until when a cool-down runs.
    #[must_use]
    pub fn against(
        &self,
        tenant: &TenantId,
        programme: &Programme,
        now: DateTime<Utc>,
    ) -> (Vec<Condition>, Option<DateTime<Utc>>) {
        let mut against = programme.against(&self.customer, self.invited.contains(&programme.id));
        let until = self
            .cooling
            .iter()
            .find(|(id, until)| *id == programme.id && *until > now)
            .map(|(_, until)| *until);
        against.extend(until.map(|until| cool_down(until, programme)));
        against.extend(self.live.iter().find(|line| line.currency() == programme.currency).map(
            |line| Condition {
                name: Reason::LINE_EXISTS.name(),
                subject: line_name(tenant, line),
                description: format!("The customer has a line in {} already.", programme.currency),
            },
        ));
        against.extend(self.open.iter().find(|(_, code)| code == programme.currency.code()).map(
            |(id, _)| Condition {
                name: "APPLICATION_OPEN",
                subject: application_name(tenant, self.customer.id, id),
                description: format!(
                    "The customer has an open application in {} already.",
                    programme.currency
                ),
            },
        ));
        (against, until)
    }
}
