//! What a handler of the API calls: it runs the use case, again where it lost a race, and makes the response.

use crate::{
    db::{retry::retry, sql, tx::reused},
    flow::Flows,
    wire::{
        answer::Answer,
        call::Call,
        error::{AppError, says_no},
    },
};
use payterms_kernel::Kind;
use prost::Message;
use std::fmt::Write;
use tonic::{Response, Status};

/// Runs a write, again if it lost a race, and makes its response.
///
/// Before a refusal goes out, the request id is looked up once more: of several equal requests at once one is done, and
/// what the others find must not pass for the state that the caller asked about. So a use case may read, or ask another
/// service, before it holds the locks under which it looks the request up.
///
/// # Errors
/// The status of the use case's error.
pub async fn write<M: Message + Default, F: Future<Output = Result<Answer<M>, AppError>>>(
    flows: &Flows,
    call: &Call,
    use_case: impl Fn() -> F,
) -> Result<Response<M>, Status> {
    let done = match retry(use_case).await {
        Err(error) if is_refused(&error) => done_already(flows, call).await?.ok_or(error),
        done => done,
    };
    Ok(done?.into_response())
}

/// Whether an error says no to what was asked. That a request id was used for something else is said after the lookup.
fn is_refused(error: &AppError) -> bool {
    match error {
        AppError::Refused(refusal) => !matches!(refusal.kind, Kind::Exhausted | Kind::Unavailable) && refusal.reason != "REQUEST_ID_REUSED",
        AppError::Upstream(status) => says_no(status.code()),
        AppError::Store(_) | AppError::Fault(_) => false,
    }
}

/// What the same request has come to: its answer, or that of its flow, which is waited for while it is open.
async fn done_already<M: Message + Default>(flows: &Flows, call: &Call) -> Result<Option<Answer<M>>, AppError> {
    let mut select =
        "SELECT input_hash, answer, intent_id FROM requests WHERE tenant = $1 AND request_id = $2 AND refused IS NULL".to_owned();
    for table in flows.db().requests_in {
        let _ = write!(select, " UNION ALL SELECT input_hash, NULL, NULL FROM {table} WHERE tenant = $1 AND request_id = $2");
    }
    let read = flows.db().read(&call.tenant).await?;
    let row = sql::one(&read, &select, vec![call.tenant.as_str().into(), call.request_id.into()]).await?;
    drop(read);
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<Vec<u8>>("", "input_hash")? != call.input_hash {
        return Err(reused(call).into());
    }
    if let Some(answer) = row.try_get::<Option<Vec<u8>>>("", "answer")? {
        return Ok(Some(Answer::replay(M::decode(answer.as_slice())?)));
    }
    match row.try_get::<Option<uuid::Uuid>>("", "intent_id")? {
        Some(_) => flows.answer(call, true).await.map(Some),
        None => Ok(None),
    }
}

/// Makes the response of a write that is tried again by itself.
///
/// # Errors
/// The status of the use case's error.
pub async fn once<M>(use_case: impl Future<Output = Result<Answer<M>, AppError>>) -> Result<Response<M>, Status> {
    Ok(use_case.await?.into_response())
}

/// Makes the response of a read.
///
/// # Errors
/// The status of the use case's error.
pub async fn read<M>(use_case: impl Future<Output = Result<M, AppError>>) -> Result<Response<M>, Status> {
    Ok(Response::new(use_case.await?))
}
