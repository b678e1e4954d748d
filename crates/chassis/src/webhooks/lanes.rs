//! How many requests are under way at once. An endpoint has few, and one while it fails; those that
//! fail share places of their own. So neither a slow endpoint nor many dead ones hold up another.

use crate::webhooks::claims::DueTarget;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;
use uuid::Uuid;

/// Requests to one endpoint.
const OF_ENDPOINT: usize = 4;
/// Requests to all endpoints whose last request has succeeded, and to all others.
const SOUND: usize = 256;
const FAILING: usize = 64;

/// The requests that are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes {
    taken: Arc<Mutex<Taken>>,
    freed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Taken {
    sound: usize,
    failing: usize,
    by_endpoint: HashMap<(String, Uuid), usize>,
}

/// The place of one request. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    lanes: Lanes,
    endpoint: (String, Uuid),
    failing: bool,
}

impl Lanes {
    /// How many more requests may go to an endpoint.
    pub(super) fn free(&self, due: &DueTarget) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_endpoint =
            taken.by_endpoint.get(&(due.tenant.clone(), due.endpoint)).copied().unwrap_or_default();
        let (most, of_lane, lane) = if due.failing {
            (1, taken.failing, FAILING)
        } else {
            (OF_ENDPOINT, taken.sound, SOUND)
        };
        most.saturating_sub(of_endpoint).min(lane.saturating_sub(of_lane))
    }

    /// Takes a place.
    pub(super) fn take(&self, due: &DueTarget) -> Place {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = (due.tenant.clone(), due.endpoint);
        let of_endpoint = taken.by_endpoint.entry(endpoint.clone()).or_default();
        *of_endpoint = of_endpoint.saturating_add(1);
        let lane = if due.failing { &mut taken.failing } else { &mut taken.sound };
        *lane = lane.saturating_add(1);
        Place { lanes: self.clone(), endpoint, failing: due.failing }
    }

    /// Waits until a place is free again.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.lanes.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left =
            taken.by_endpoint.get(&self.endpoint).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            taken.by_endpoint.remove(&self.endpoint);
        } else {
            taken.by_endpoint.insert(self.endpoint.clone(), left);
        }
        let lane = if self.failing { &mut taken.failing } else { &mut taken.sound };
        *lane = lane.saturating_sub(1);
        drop(taken);
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::{FAILING, Lanes, OF_ENDPOINT};
    use crate::webhooks::claims::DueTarget;
    use uuid::Uuid;

    #[test]
    fn many_dead_endpoints_leave_places_for_the_others() {
        let lanes = Lanes::default();
        let due = |number: usize, failing| DueTarget {
            tenant: "acme".to_owned(),
            endpoint: Uuid::from_u128(number as u128),
            failing,
        };
        let dead: Vec<_> = (0..FAILING).map(|number| lanes.take(&due(number, true))).collect();
        assert_eq!((lanes.free(&due(1, true)), lanes.free(&due(1_000, true))), (0, 0));
        let sound = due(2_000, false);
        let mut places: Vec<_> = (0..OF_ENDPOINT).map(|_| lanes.take(&sound)).collect();
        assert_eq!((lanes.free(&sound), lanes.free(&due(2_001, false))), (0, OF_ENDPOINT));
        places.pop();
        assert_eq!(lanes.free(&sound), 1);
        drop(dead);
        assert_eq!(lanes.free(&due(1, true)), 1);
    }
}
