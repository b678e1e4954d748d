//! Helpers of API handlers: they run a use case, repeat it if it lost a race, and build the
//! response.

use crate::{
    db::{
        marks::{self, Named},
        retry::retry,
        sql,
        tx::reused,
    },
    flow::Flows,
    wire::{
        answer::Answer,
        call::Call,
        error::{AppError, is_refusal_code},
        listing::Listing,
    },
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use payterms_kernel::{Kind, Marks, Reason, Refusal};
use prost::Message;
use std::fmt::Write;
use tokio::sync::mpsc;
use tonic::{Response, Status};
use tracing::Instrument;
use uuid::Uuid;

/// Runs a write, repeats it if it lost a race, and builds its response.
///
/// Before a refusal is returned, the request id is looked up once more. Of several equal requests
/// at once one is executed, and another may see its effect and refuse; the caller must get the
/// answer instead. Thanks to this lookup a use case may read, or call another service, before it
/// holds the locks under which it looks the request up.
///
/// # Errors
/// The use case's error as a status.
pub async fn write<M: Message + Default, F: Future<Output = Result<Answer<M>, AppError>>>(
    flows: &Flows,
    call: &Call,
    use_case: impl Fn() -> F,
) -> Result<Response<M>, Status> {
    let done = match retry(use_case).await {
        Err(error) if is_refused(&error) => stored_answer(flows, call).await?.ok_or(error),
        done => done,
    };
    Ok(done?.into_response())
}

/// As [`write`], of a resource that may have an own id of the tenant's. Before a refusal is
/// returned the own id is looked up too: who has lost the request id of a create sends it again
/// with another, and whatever stands in its way by now, the answer names the first one.
///
/// # Errors
/// `EXTERNAL_ID_TAKEN`, or the use case's error as a status.
pub async fn create<M: Message + Default, F: Future<Output = Result<Answer<M>, AppError>>>(
    flows: &Flows,
    call: &Call,
    named: Named,
    marks: &Marks,
    use_case: impl Fn() -> F,
) -> Result<Response<M>, Status> {
    let done = match retry(use_case).await {
        Err(error) if is_refused(&error) => match stored_answer(flows, call).await? {
            Some(answer) => Ok(answer),
            None => Err(first(flows, call, named, marks).await?.map_or(error, AppError::from)),
        },
        done => done,
    };
    Ok(done?.into_response())
}

/// The refusal that names the resource which has the own id of a refused create.
async fn first(
    flows: &Flows,
    call: &Call,
    named: Named,
    marks: &Marks,
) -> Result<Option<Refusal>, AppError> {
    let Some(external_id) = &marks.external_id else { return Ok(None) };
    let read = flows.db().read(&call.tenant).await?;
    marks::holder(&read, call, named, external_id, Uuid::nil()).await
}

/// Whether an error is a refusal of the request that its own earlier execution may explain. A
/// reused request id is not.
fn is_refused(error: &AppError) -> bool {
    match error {
        AppError::Refused(refusal) => {
            !matches!(refusal.kind, Kind::Exhausted | Kind::Unavailable)
                && refusal.reason != Reason::REQUEST_ID_REUSED
        }
        AppError::Upstream(status) => is_refusal_code(status.code()),
        AppError::Store(_) | AppError::Fault(_) => false,
    }
}

/// The stored answer of the same request, or that of its flow, for which this waits while the flow
/// is open.
async fn stored_answer<M: Message + Default>(
    flows: &Flows,
    call: &Call,
) -> Result<Option<Answer<M>>, AppError> {
    let mut select =
        "SELECT input_hash, answer, intent_id FROM requests WHERE tenant = $1 AND request_id = $2 AND refused IS NULL".to_owned();
    for table in flows.db().requests_in {
        let _ = write!(
            select,
            " UNION ALL SELECT input_hash, NULL, NULL FROM {table} WHERE tenant = $1 AND request_id = $2"
        );
    }
    let read = flows.db().read(&call.tenant).await?;
    let row =
        sql::one(&read, &select, vec![call.tenant.as_str().into(), call.request_id.into()]).await?;
    drop(read);
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<Vec<u8>>("", "input_hash")? != call.input_hash {
        return Err(reused(call).into());
    }
    if let Some(answer) = row.try_get::<Option<Vec<u8>>>("", "answer")? {
        return Ok(Some(Answer::replay(M::decode(answer.as_slice())?)));
    }
    match row.try_get::<Option<Uuid>>("", "intent_id")? {
        Some(_) => flows.answer(call, true).await.map(Some),
        None => Ok(None),
    }
}

/// Builds the response of a write that handles lost races itself.
///
/// # Errors
/// The use case's error as a status.
pub async fn once<M>(
    use_case: impl Future<Output = Result<Answer<M>, AppError>>,
) -> Result<Response<M>, Status> {
    Ok(use_case.await?.into_response())
}

/// Builds the response of a read.
///
/// # Errors
/// The use case's error as a status.
pub async fn read<M>(
    use_case: impl Future<Output = Result<M, AppError>>,
) -> Result<Response<M>, Status> {
    Ok(Response::new(use_case.await?))
}

/// Sends the pages of a list one after the other: `read` reads one, and answers it with the token
/// of the next, which is empty on the last. Each is read by itself when the one before it has been
/// taken, so an export holds no transaction and one page of memory.
///
/// A task of its own reads: the answer's body may be dropped at any moment, also in the middle of a
/// read.
pub fn export<M: Send + 'static, F: Future<Output = Result<(M, String), AppError>> + Send>(
    mut listing: Listing,
    read: impl Fn(Listing) -> F + Send + Sync + 'static,
) -> Response<BoxStream<'static, Result<M, Status>>> {
    let (sender, receiver) = mpsc::channel(1);
    let reading = async move {
        loop {
            let (page, next) = match read(listing.clone()).await {
                Ok((page, next)) => (Ok(page), next),
                Err(error) => (Err(Status::from(error)), String::new()),
            };
            if sender.send(page).await.is_err() || next.is_empty() {
                break;
            }
            listing.page.token = next;
        }
    };
    tokio::spawn(reading.in_current_span());
    Response::new(
        stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
            .boxed(),
    )
}
