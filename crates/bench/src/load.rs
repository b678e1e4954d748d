//! Callers: as many as are asked for, each with its next call when the last is answered; or calls
//! at a steady pace.

use futures::future::join_all;
use payterms_kernel::{Clock, SystemClock};
use rand::Rng;
use std::time::{Duration, Instant};
use uuid::{Builder, Uuid};

/// What a turn came to.
#[derive(Debug, Default)]
pub struct Done {
    /// Request ids that were acknowledged.
    pub ids: Vec<Uuid>,
    /// From the first call to the last answer.
    pub seconds: f64,
    /// How long each call took, in milliseconds, sorted; of a steady pace alone.
    pub waits: Vec<f64>,
}

impl Done {
    /// The wait that a share of the calls does not exceed.
    pub fn wait_of(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list"
        )]
        let place = (self.waits.len() as f64 * share) as usize;
        self.waits.get(place.min(self.waits.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Callers for a time. A call answers the ids that it did; one that fails ends its caller.
pub async fn closed<F>(
    callers: usize,
    lasting: Duration,
    call: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Done
where
    F: Future<Output = Option<Vec<Uuid>>> + Send,
{
    let started = Instant::now();
    let until = started + lasting;
    let all = (0..callers).map(|caller| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            while Instant::now() < until {
                let Some(done) = call(caller).await else { break };
                ids.extend(done);
            }
            ids
        })
    });
    let ids = join_all(all.collect::<Vec<_>>())
        .await
        .into_iter()
        .flat_map(|ids| ids.expect("a caller"))
        .collect();
    Done { ids, seconds: started.elapsed().as_secs_f64(), waits: Vec::new() }
}

/// Calls at a steady pace, whether or not those before are answered; a wait counts from when the
/// call was due.
pub async fn paced<F>(
    a_second: u32,
    lasting: Duration,
    call: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Done
where
    F: Future<Output = Option<Vec<Uuid>>> + Send,
{
    let started = tokio::time::Instant::now();
    let step = Duration::from_secs(1) / a_second;
    let mut all = Vec::new();
    for place in 0.. {
        let due = started + step * place;
        if due >= started + lasting {
            break;
        }
        tokio::time::sleep_until(due).await;
        let call = call.clone();
        all.push(tokio::spawn(async move {
            let ids = call(place as usize).await.expect("a call at a steady pace is answered");
            (ids, due.elapsed().as_secs_f64() * 1_000.0)
        }));
    }
    let mut done = Done::default();
    for one in join_all(all).await {
        let (ids, wait) = one.expect("a caller");
        done.ids.extend(ids);
        done.waits.push(wait);
    }
    done.seconds = started.elapsed().as_secs_f64();
    done.waits.sort_by(f64::total_cmp);
    done
}

/// One of so many, by chance.
pub fn any(of: usize) -> usize {
    rand::rng().random_range(0..of)
}

/// A fresh request id that rises with time: a client's best choice, since it goes to the end of an
/// index.
pub fn fresh_id() -> Uuid {
    let millis = u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}
