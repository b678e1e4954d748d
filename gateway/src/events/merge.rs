//! Pages of several logs, merged into one. Each log keeps its order, and among the logs the earlier
//! event comes first.

use payterms_proto::common::{
    peers::v1::{EventCursor, GetEventsResponse},
    v1::PublicEvent,
};
use std::{cmp::Reverse, collections::VecDeque};

/// A merged page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub events: Vec<PublicEvent>,
    /// The places after the events. Those of services that did not answer are as they were.
    pub places: EventCursor,
    /// Whether there is more to read now.
    pub more: bool,
}

/// The first `size` events of these pages of services.
pub(super) fn merge(
    pages: Vec<(String, GetEventsResponse)>,
    mut places: EventCursor,
    size: usize,
) -> Page {
    let mut more = false;
    let mut logs: Vec<_> = pages
        .into_iter()
        .map(|(service, page)| {
            more |= page.more;
            (service, VecDeque::from(page.events), page.place)
        })
        .collect();
    let mut events = Vec::with_capacity(size);
    while events.len() < size {
        let first =
            logs.iter_mut().filter(|(_, log, _)| !log.is_empty()).max_by_key(|(_, log, _)| {
                let time = log.front().and_then(|placed| placed.event.as_ref()?.time);
                Reverse(time.map(|time| (time.seconds, time.nanos)))
            });
        let Some((service, log, _)) = first else { break };
        let Some(placed) = log.pop_front() else { break };
        events.extend(placed.event);
        if let Some(place) = placed.place {
            places.places.insert(service.clone(), place);
        }
    }
    for (service, log, end) in logs {
        more |= !log.is_empty();
        if let Some(end) = end.filter(|_| log.is_empty()) {
            // A log that was read to the end of its page: what was passed over is read too.
            places.places.insert(service, end);
        }
    }
    Page { events, places, more }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use payterms_proto::common::{
        peers::v1::{EventCursor, EventPlace, GetEventsResponse, get_events_response::PlacedEvent},
        v1::PublicEvent,
    };

    fn place(position: i64) -> EventPlace {
        EventPlace { position, ..EventPlace::default() }
    }

    /// A page whose events are named by their seconds, each at ten times its number in the page.
    fn page(seconds: &[i64], end: i64) -> GetEventsResponse {
        let event = |(number, seconds): (i64, &i64)| {
            let time = Some(prost_types::Timestamp { seconds: *seconds, nanos: 0 });
            PlacedEvent {
                event: Some(PublicEvent {
                    id: seconds.to_string(),
                    time,
                    ..PublicEvent::default()
                }),
                place: Some(place(number * 10)),
            }
        };
        GetEventsResponse {
            events: (1..).zip(seconds).map(event).collect(),
            place: Some(place(end)),
            more: false,
        }
    }

    #[test]
    fn each_log_keeps_its_order_and_the_rest_stays_for_later() {
        // In a log the time may go back: a transaction that began earlier was committed later.
        let pages = || {
            vec![
                ("a".to_owned(), page(&[1, 4, 3], 99)),
                ("b".to_owned(), page(&[2, 5], 77)),
                ("c".to_owned(), page(&[], 55)),
            ]
        };
        let known = EventCursor { places: [("d".to_owned(), place(8))].into_iter().collect() };
        let ids = |page: &super::Page| {
            page.events.iter().map(|event| event.id.clone()).collect::<Vec<_>>()
        };
        let positions = |page: &super::Page| {
            ["a", "b", "c", "d"]
                .map(|service| page.places.places.get(service).map(|place| place.position))
        };
        let first = merge(pages(), known.clone(), 3);
        assert_eq!((ids(&first), first.more), (vec!["1".into(), "2".into(), "4".into()], true));
        assert_eq!(positions(&first), [Some(20), Some(10), Some(55), Some(8)]);
        let all = merge(pages(), known, 10);
        assert_eq!(
            (ids(&all), all.more),
            (vec!["1".into(), "2".into(), "4".into(), "3".into(), "5".into()], false)
        );
        assert_eq!(positions(&all), [Some(99), Some(77), Some(55), Some(8)]);
        let none = merge(pages(), EventCursor::default(), 0);
        assert_eq!(
            positions(&none),
            [None, None, Some(55), None],
            "what was not taken is read again"
        );
    }
}
