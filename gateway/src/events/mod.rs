//! `EventService`: what happens in all services, merged from their logs. The gateway stores
//! nothing: how far a caller has read is in the caller's cursor.

mod cursor;
mod logs;
mod merge;
mod watch;

pub use cursor::CursorKey;

use futures::{
    StreamExt,
    future::{join_all, try_join_all},
    stream::{self, BoxStream},
};
use logs::Logs;
pub(crate) use logs::is_unreachable;
use merge::Page;
use payterms_chassis::{
    AppError, Fields,
    access::{Access, AccessTable},
    call::Grant,
    catalogue::Catalogue,
    peers::Peers,
};
use payterms_kernel::Reason;
use payterms_proto::{
    common::peers::v1::EventCursor,
    gateway::v1::{
        ListEventsRequest, ListEventsResponse, WatchEventsRequest, WatchEventsResponse,
        event_service_server::EventService,
    },
};
use std::{collections::BTreeMap, sync::Arc};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use watch::Watch;

/// Types that a caller may name.
const MOST_TYPES: usize = 100;

/// Serves events.
#[derive(Debug, Clone)]
pub struct Events {
    /// The services.
    pub peers: Peers,
    /// Decides which of them a caller may see.
    pub access: Arc<AccessTable>,
    /// Encrypts cursors.
    pub cursors: CursorKey,
    /// Cancelled when the gateway is to stop.
    pub stop: CancellationToken,
}

/// The cursors of one stream of events: of a parent, and of the types that were asked for.
#[derive(Debug, Clone)]
struct Cursors {
    key: CursorKey,
    bound: String,
}

impl Cursors {
    fn seal(&self, places: &EventCursor) -> Result<String, AppError> {
        self.key
            .seal(&self.bound, places)
            .ok_or_else(|| AppError::Fault("a cursor cannot be encrypted".to_owned()))
    }
}

/// What a request selects: the fields that both methods have.
struct Selection<'a> {
    parent: &'a str,
    types: &'a [String],
    cursor: &'a str,
    from_now: bool,
}

impl Events {
    /// Checks a request. Returns what is to be read, from which places, and how cursors are made.
    fn parse(
        &self,
        fields: &mut Fields,
        selection: &Selection<'_>,
    ) -> (Logs, EventCursor, Cursors) {
        let of_tenant = selection.parent.split('/').count() == 2;
        let parent =
            fields.name("parent", selection.parent, if of_tenant { &[] } else { &["customers"] });
        let types = self.types(fields, selection.types);
        let mut named: Vec<_> = selection.types.iter().map(String::as_str).collect();
        named.sort_unstable();
        named.dedup();
        let cursors = Cursors {
            key: self.cursors.clone(),
            bound: format!("{}\n{}", selection.parent, named.join(",")),
        };
        let mut places = EventCursor::default();
        if !selection.cursor.is_empty() {
            fields.token("cursor", selection.cursor, 0, cursor::LONGEST);
            match self.cursors.open(&cursors.bound, selection.cursor) {
                Some(opened) => places = opened,
                None => fields.wrong(
                    "cursor",
                    Reason::CURSOR_INVALID,
                    "Send the cursor with the parent and types that it was made for.",
                ),
            }
        }
        let scope = fields.scope();
        let logs = Logs {
            peers: self.peers.clone(),
            caller: scope.caller.clone(),
            customer: if of_tenant { String::new() } else { parent.id(0).to_string() },
            as_customer: scope.grant == Grant::OwnCustomer,
            types,
        };
        (logs, places, cursors)
    }

    /// The types to read, by service: those that were asked for, or all. A caller sees an event if
    /// it may read its resource, and one who sees the whole tenant if it may read every customer's.
    fn types(&self, fields: &mut Fields, wanted: &[String]) -> BTreeMap<String, Vec<String>> {
        if wanted.len() > MOST_TYPES {
            fields.wrong("types", Reason::TOO_MANY_ITEMS, "Name at most 100 types.");
        }
        let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let (roles, reach) = (fields.scope().caller.roles.clone(), fields.scope().grant);
        let is_visible = |read_by: &str| matches!(self.access.decide(read_by, &roles), Access::Granted(grant) if grant >= reach);
        let visible = Catalogue::shared().iter().filter(|(_, kind)| is_visible(&kind.read_by));
        for (name, kind) in visible
            .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
        {
            types.entry(kind.service().to_owned()).or_default().push(name.to_owned());
        }
        for (index, _) in wanted
            .iter()
            .enumerate()
            .take(MOST_TYPES)
            .filter(|(_, wanted)| !types.values().flatten().any(|name| name == *wanted))
        {
            let description = "There is no such type among those that you may see. Use types of the catalogue of events.";
            fields.wrong(&format!("types[{index}]"), Reason::EVENT_TYPE_UNKNOWN, description);
        }
        types
    }

    async fn list(
        logs: &Logs,
        places: EventCursor,
        cursors: &Cursors,
        size: usize,
    ) -> Result<ListEventsResponse, AppError> {
        let limit = i32::try_from(size).unwrap_or(i32::MAX);
        let pages = join_all(logs.services().map(|service| {
            let after = places.places.get(service).cloned();
            async move { (service.to_owned(), logs.read(service, after, limit, None).await) }
        }));
        let (mut answered, mut unreachable) = (Vec::new(), Vec::new());
        for (service, page) in pages.await {
            match page {
                Ok(page) => answered.push((service, page)),
                Err(error) if is_unreachable(&error) => {
                    tracing::warn!(service, %error, "a part of the events could not be read");
                    unreachable.push(service);
                }
                Err(error) => return Err(error),
            }
        }
        let Page { events, places, more } = merge::merge(answered, places, size);
        Ok(ListEventsResponse { events, cursor: cursors.seal(&places)?, more, unreachable })
    }

    /// The places, with those at which to begin where there are none yet. This needs an answer of
    /// these services: a place that is looked up later could be behind events that were deleted
    /// meanwhile, and nobody would notice.
    async fn begin(
        logs: &Logs,
        mut places: EventCursor,
        from_now: bool,
    ) -> Result<EventCursor, AppError> {
        let from_now = begins_now(&places, from_now);
        let missing: Vec<_> =
            logs.services().filter(|service| !places.places.contains_key(*service)).collect();
        let begun = missing.into_iter().map(|service| async move {
            Ok::<_, AppError>((service.to_owned(), logs.place(service, from_now).await?))
        });
        places.places.extend(try_join_all(begun).await?);
        Ok(places)
    }
}

/// Whether reading begins at what happens from now on where a cursor has no place. A cursor that
/// has others was made before the service was there, or in another role: what its reader sees now
/// counts from now on, as it does in services that the reader saw in part.
fn begins_now(places: &EventCursor, from_now: bool) -> bool {
    from_now || !places.places.is_empty()
}

#[tonic::async_trait]
impl EventService for Events {
    type WatchEventsStream = BoxStream<'static, Result<WatchEventsResponse, Status>>;

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let ListEventsRequest { parent, types, cursor, from_now, page_size } = &message;
        let selection =
            Selection { parent, types, cursor, from_now: *from_now && cursor.is_empty() };
        let (logs, places, cursors) = self.parse(&mut fields, &selection);
        let size = fields.page_size(*page_size) as usize;
        fields.finish()?;
        let places = Self::begin(&logs, places, selection.from_now).await?;
        if selection.from_now {
            let cursor = cursors.seal(&places)?;
            return Ok(Response::new(ListEventsResponse {
                cursor,
                ..ListEventsResponse::default()
            }));
        }
        Ok(Response::new(Self::list(&logs, places, &cursors, size).await?))
    }

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let WatchEventsRequest { parent, types, cursor, from_now } = &message;
        let selection =
            Selection { parent, types, cursor, from_now: *from_now && cursor.is_empty() };
        let (logs, places, cursors) = self.parse(&mut fields, &selection);
        fields.finish()?;
        let places = Self::begin(&logs, places, selection.from_now).await?;
        let watch = Watch::begin(logs, places, cursors, self.stop.clone());
        let messages = stream::unfold(Some(watch), async |watch| {
            let mut watch = watch?;
            let message = watch.next().await;
            let goes_on = message.is_ok().then_some(watch);
            Some((message.map_err(Status::from), goes_on))
        });
        Ok(Response::new(messages.boxed()))
    }
}

#[cfg(test)]
mod tests {
    use super::begins_now;
    use payterms_proto::common::peers::v1::{EventCursor, EventPlace};

    #[test]
    fn what_a_cursor_has_not_seen_begins_now() {
        let of_wallet = EventCursor {
            places: [("wallet".to_owned(), EventPlace::default())].into_iter().collect(),
        };
        assert!(begins_now(&of_wallet, false), "a service that came later");
        assert!(
            !begins_now(&EventCursor::default(), false),
            "who begins anew reads all that is kept"
        );
        assert!(begins_now(&EventCursor::default(), true));
    }
}
