//! One stream of events. It is driven by its reader alone: while nobody reads, nothing is asked
//! for, and at most one answer of each service waits.

use super::{
    Cursors,
    logs::{Logs, is_unreachable},
};
use crate::api_keys;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use payterms_chassis::{AppError, call::Caller, error::not_yet};
use payterms_kernel::Reason;
use payterms_proto::{
    common::peers::v1::{EventCursor, EventPlace, GetEventsResponse},
    gateway::v1::WatchEventsResponse,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// There is a message at least this often, so that both sides know that the other is there, and
/// progress is kept.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after this time. Then its caller's token is looked at again, and calls spread over
/// new replicas; a connection that is closed for its age leaves longer to what is under way.
const LONGEST: Duration = Duration::from_mins(4);
/// A stream by an API key ends after this time. What invoicing says about a key is believed for a
/// while, and a key that was revoked ends within a minute: with its streams.
const LONGEST_BY_KEY: Duration = Duration::from_secs(25);
/// How long a service may wait for an event before it answers that there is none.
const WAITS: Duration = Duration::from_secs(5);
/// How long to wait before a service that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// Events in one message.
const EVENTS: i32 = 100;

/// An answer of a service.
type Read = (String, Result<GetEventsResponse, AppError>);

/// A stream that is being read.
pub(super) struct Watch {
    logs: Arc<Logs>,
    places: EventCursor,
    cursors: Cursors,
    reads: FuturesUnordered<BoxFuture<'static, Read>>,
    unreachable: BTreeSet<String>,
    /// When the next heartbeat is due. The first message comes at once, so that its reader has a
    /// cursor.
    heartbeat: Instant,
    end: Instant,
    stop: CancellationToken,
}

impl Watch {
    /// Begins to read after these places.
    pub(super) fn begin(
        logs: Logs,
        places: EventCursor,
        cursors: Cursors,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let (heartbeat, end) = (now, now + longest(&logs.caller));
        let reads = FuturesUnordered::new();
        let watch = Self {
            logs: Arc::new(logs),
            places,
            cursors,
            reads,
            unreachable: BTreeSet::new(),
            heartbeat,
            end,
            stop,
        };
        for service in watch.logs.services() {
            watch.reads.push(watch.read(service, Duration::ZERO));
        }
        watch
    }

    /// Reads on in a service after a pause.
    fn read(&self, service: &str, pause: Duration) -> BoxFuture<'static, Read> {
        let (logs, service) = (self.logs.clone(), service.to_owned());
        let after: Option<EventPlace> = self.places.places.get(&service).cloned();
        Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let page = logs.read(&service, after, EVENTS, Some(WAITS)).await;
            (service, page)
        })
    }

    /// The next message.
    ///
    /// # Errors
    /// The refusal of a service, which ends the stream; UNAVAILABLE where it is to be begun anew.
    pub(super) async fn next(&mut self) -> Result<WatchEventsResponse, AppError> {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(again("The gateway stops.")),
                () = tokio::time::sleep_until(self.end) => return Err(again("The stream has lasted its time.")),
                () = tokio::time::sleep_until(self.heartbeat) => return self.message(Vec::new()),
                Some((service, page)) = self.reads.next() => {
                    if let Some(events) = self.take(&service, page)? {
                        return self.message(events);
                    }
                }
            }
        }
    }

    /// Takes the answer of a service and reads on. Returns the events of a message, if there is
    /// anything to say.
    fn take(
        &mut self,
        service: &str,
        page: Result<GetEventsResponse, AppError>,
    ) -> Result<Option<Vec<payterms_proto::common::v1::PublicEvent>>, AppError> {
        match page {
            Ok(page) => {
                if let Some(place) = page.place {
                    self.places.places.insert(service.to_owned(), place);
                }
                self.reads.push(self.read(service, Duration::ZERO));
                let is_back = self.unreachable.remove(service);
                let events: Vec<_> =
                    page.events.into_iter().filter_map(|placed| placed.event).collect();
                Ok((is_back || !events.is_empty()).then_some(events))
            }
            Err(error) if is_unreachable(&error) => {
                tracing::debug!(service, %error, "a service's events wait");
                self.reads.push(self.read(service, PAUSE));
                Ok(self.unreachable.insert(service.to_owned()).then(Vec::new))
            }
            Err(error) => Err(error),
        }
    }

    fn message(
        &mut self,
        events: Vec<payterms_proto::common::v1::PublicEvent>,
    ) -> Result<WatchEventsResponse, AppError> {
        self.heartbeat = Instant::now() + HEARTBEAT;
        let unreachable = self.unreachable.iter().cloned().collect();
        Ok(WatchEventsResponse { events, cursor: self.cursors.seal(&self.places)?, unreachable })
    }
}

/// How long a caller's stream lasts.
fn longest(caller: &Caller) -> Duration {
    if caller.subject.starts_with(api_keys::SUBJECT) { LONGEST_BY_KEY } else { LONGEST }
}

fn again(why: &str) -> AppError {
    not_yet(Reason::UNAVAILABLE, &format!("{why} Call again with the last cursor."))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, longest};
    use crate::api_keys::BELIEVED;
    use payterms_chassis::call::Caller;

    #[test]
    fn a_stream_outlives_a_revoked_key_by_no_more_than_a_minute() {
        let by = |subject: &str| Caller {
            subject: subject.to_owned(),
            roles: Vec::new(),
            tenant: None,
            customer: None,
            run_id: None,
        };
        assert!(
            longest(&by("api-key:1")) + BELIEVED.to_std().unwrap()
                < std::time::Duration::from_mins(1)
        );
        assert_eq!(longest(&by("ann")), LONGEST);
    }
}
