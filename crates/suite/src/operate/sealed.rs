//! `payterms sealed` and `payterms reseal`: with which keys values are sealed, and sealing them
//! again with the one that seals now.

use crate::{
    Session,
    client::request_id,
    operate::{
        Outcome, Service,
        connection::ConnectionOptions,
        output::{self, Output, json_from, plain},
        sentence_of,
    },
};
use clap::Args;
use payterms_proto::common::v1::{
    CountSealedValuesRequest, ResealValuesRequest, SealedValues, sealed_values::KeyState,
};
use serde_json::json;
use std::{collections::BTreeSet, path::Path, time::Duration};
use tonic::Code;

/// How often, and with which pause, copies are looked at again that follow their owner by events,
/// and a call is repeated that nobody answered.
const LOOKS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// Options of `sealed` and `reseal`.
#[derive(Debug, Args)]
pub struct SealedOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant whose values are looked at; all tenants' if not given.
    #[arg(long)]
    pub tenant: Option<String>,
}

/// Counts of a service.
type Counted = (Service, SealedValues);

/// The whole of `sealed`.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run_sealed(options: &SealedOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let counted = count(&session, options.tenant.as_deref()).await?;
    print(options, &counted, None)
}

/// The whole of `reseal`.
///
/// # Errors
/// A sentence that says which call failed. What was done until then is done.
pub async fn run_reseal(options: &SealedOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let mut counted = count(&session, options.tenant.as_deref()).await?;
    let mut done = Resealed::default();
    let of_owners: BTreeSet<_> = counted
        .iter()
        .filter(|(_, values)| is_old(values))
        .map(|(service, values)| (*service, &values.tenant))
        .collect();
    for (service, tenant) in of_owners {
        reseal(&session, service, tenant, &mut done).await?;
    }
    for look in 0..LOOKS {
        let waits = counted.iter().any(|(_, values)| values.key_state() == KeyState::Opens);
        if !waits || !done.unopened.is_empty() {
            break;
        }
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        counted = count(&session, options.tenant.as_deref()).await?;
    }
    print(options, &counted, Some(&done))
}

/// What was done.
#[derive(Debug, Default)]
struct Resealed {
    row_count: i64,
    /// Rows whose values do not open, each with the reason.
    unopened: Vec<String>,
}

fn is_old(values: &SealedValues) -> bool {
    values.key_state() != KeyState::Seals
}

/// Counts the values of all services by their keys.
async fn count(session: &Session, tenant: Option<&str>) -> Result<Vec<Counted>, String> {
    let parent = tenant.map(|slug| format!("tenants/{slug}")).unwrap_or_default();
    let mut all: Vec<Counted> = Vec::new();
    for service in Service::ALL {
        let mut page_token = String::new();
        loop {
            let request = CountSealedValuesRequest { parent: parent.clone(), page_token };
            let answer = session.operations(service.name()).count_sealed_values(request).await;
            let answer =
                answer.map_err(|status| sentence_of(service.name(), &status))?.into_inner();
            for values in answer.sealed_values {
                let same = |(of, sum): &&mut Counted| {
                    *of == service
                        && (&sum.table, &sum.key_id, &sum.tenant)
                            == (&values.table, &values.key_id, &values.tenant)
                };
                match all.iter_mut().find(same) {
                    Some((_, sum)) => sum.value_count += values.value_count,
                    None => all.push((service, values)),
                }
            }
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    Ok(all)
}

/// Seals the values of a tenant again in a service, page after page. A page that nobody answered is
/// asked for again by the same id.
async fn reseal(
    session: &Session,
    service: Service,
    tenant: &str,
    done: &mut Resealed,
) -> Result<(), String> {
    let mut page_token = String::new();
    loop {
        let request =
            ResealValuesRequest { request_id: request_id(), parent: tenant.to_owned(), page_token };
        let mut attempt = 0;
        let answer = loop {
            attempt += 1;
            match session.operations(service.name()).reseal_values(request.clone()).await {
                Ok(answer) => break answer.into_inner(),
                Err(status) if attempt < LOOKS && status.code() == Code::Unavailable => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(status) => return Err(sentence_of(service.name(), &status)),
            }
        };
        done.row_count += i64::from(answer.row_count);
        done.unopened
            .extend(answer.unopened.iter().map(|row| format!("{} {tenant} {row}", service.name())));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn print(
    options: &SealedOptions,
    counted: &[Counted],
    done: Option<&Resealed>,
) -> Result<Outcome, String> {
    let is_well = counted.iter().all(|(_, values)| !is_old(values));
    match options.connection.output {
        Output::Json => {
            let values = counted
                .iter()
                .map(|(service, values)| json_from(service.name(), values))
                .collect::<Result<Vec<_>, _>>()?;
            let mut object = json!({ "well": is_well, "sealedValues": values });
            if let (Some(done), Some(object)) = (done, object.as_object_mut()) {
                object.insert("rowCount".to_owned(), done.row_count.into());
                object.insert("unopened".to_owned(), json!(done.unopened));
            }
            output::print_json(&object)?;
        }
        Output::Table => {
            let row = |(service, values): &Counted| {
                let state = match values.key_state() {
                    KeyState::Seals => "seals",
                    KeyState::Opens => "only opens",
                    KeyState::Missing => "is missing",
                    KeyState::Unspecified => "",
                };
                let of = if values.tenant.is_empty() { "all tenants" } else { &values.tenant };
                let cells = [service.name(), &values.table, of, &values.key_id, state].map(plain);
                cells.into_iter().chain([values.value_count.to_string()]).collect()
            };
            let head = ["service", "table", "of", "key", "which", "values"];
            output::print_table(&head, counted.iter().map(row).collect(), "Nothing is sealed.")?;
            if let Some(done) = done {
                output::line(&format!("Sealed again: {} rows.", done.row_count))?;
                done.unopened
                    .iter()
                    .try_for_each(|row| output::line(&plain(&format!("not opened: {row}"))))?;
            }
        }
    }
    Ok(if is_well { Outcome::Well } else { Outcome::Wrong })
}
