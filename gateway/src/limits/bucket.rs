//! How many calls may be made in a second, counted by the generic cell rate algorithm: calls may
//! come in bursts, and on average not faster than the rate.

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use std::{num::NonZeroU32, time::Duration};

/// A burst may have as many calls as come in so many seconds,
const BURST_SECONDS: u32 = 2;
/// and so many in any case: a page of a browser makes some at once, however low the rate is.
const SMALLEST_BURST: u32 = 20;

/// Counts calls against a rate.
#[derive(Debug)]
pub(super) struct Bucket<C: Clock = MonotonicClock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
    rate: u32,
}

/// What is left after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// Calls that may be made at once.
    pub calls: u32,
    /// How long it takes until the whole burst may be made again, if nothing is called meanwhile.
    pub whole_in: Duration,
}

impl<C: Clock> Bucket<C> {
    /// A bucket for so many calls a second, one at least, of which none has been made.
    pub(super) fn new(rate: u32, clock: C) -> Self {
        let quota = Quota::per_second(nonzero(rate)).allow_burst(nonzero(burst(rate)));
        Self { limiter: RateLimiter::direct_with_clock(quota, clock).with_middleware(), rate }
    }

    /// Calls a second.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes one call at one of so many gateways. Each takes as many for a call as there are
    /// gateways, so that together they admit what one would.
    ///
    /// # Errors
    /// After how long there is one.
    pub(super) fn take(&self, gateways: u32) -> Result<Left, Duration> {
        // With more gateways than a burst has calls each admits a little more than its share, since
        // it could admit none otherwise.
        let weight = nonzero(gateways.min(burst(self.rate)));
        match self.limiter.check_n(weight) {
            Ok(Ok(state)) => {
                let left = state.remaining_burst_capacity();
                let taken = burst(self.rate).saturating_sub(left);
                Ok(Left {
                    calls: left / weight,
                    whole_in: Duration::from_secs(taken.div_ceil(self.rate.max(1)).into()),
                })
            }
            Ok(Err(early)) => Err(early.wait_time_from(self.limiter.clock().now())),
            // A weight is no larger than the burst.
            Err(_) => Err(Duration::from_secs(1)),
        }
    }
}

/// How many calls may be made at once at this rate.
pub(super) fn burst(rate: u32) -> u32 {
    rate.saturating_mul(BURST_SECONDS).max(SMALLEST_BURST)
}

/// In how many seconds a burst is whole again.
pub(super) fn window(rate: u32) -> u32 {
    burst(rate).div_ceil(rate.max(1))
}

fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Left, burst, window};
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    fn admitted(bucket: &Bucket<FakeRelativeClock>, gateways: u32, calls: usize) -> usize {
        (0..calls).filter(|_| bucket.take(gateways).is_ok()).count()
    }

    #[test]
    fn a_burst_may_be_made_at_once_and_then_the_rate() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::new(100, clock.clone());
        assert_eq!(bucket.take(1), Ok(Left { calls: 199, whole_in: Duration::from_secs(1) }));
        assert_eq!(admitted(&bucket, 1, 1_000), 199);
        assert_eq!(bucket.take(1), Err(Duration::from_millis(10)));
        clock.advance(Duration::from_millis(9));
        assert_eq!(bucket.take(1), Err(Duration::from_millis(1)), "what was refused took nothing");
        clock.advance(Duration::from_millis(1));
        assert_eq!(admitted(&bucket, 1, 1_000), 1);
        for _ in 0..50 {
            clock.advance(Duration::from_millis(200));
            assert_eq!(admitted(&bucket, 1, 1_000), 20);
        }
        clock.advance(Duration::from_hours(24));
        assert_eq!(
            admitted(&bucket, 1, 1_000),
            200,
            "time without calls saves no more than a burst"
        );
    }

    #[test]
    fn gateways_admit_together_what_one_would() {
        for (gateways, most) in [(1, 200), (2, 200), (3, 198), (6, 198)] {
            let clock = FakeRelativeClock::default();
            let all: Vec<_> = (0..gateways).map(|_| Bucket::new(100, clock.clone())).collect();
            let together =
                || all.iter().map(|bucket| admitted(bucket, gateways, 1_000)).sum::<usize>();
            assert_eq!(together(), most, "{gateways}");
            clock.advance(Duration::from_secs(1));
            // What a division leaves over at first may be admitted now.
            assert!((294..=300).contains(&(most + together())), "{gateways}");
        }
        let few = Bucket::new(1, FakeRelativeClock::default());
        assert_eq!(admitted(&few, 100, 10), 1, "however many there are, each admits some");
    }

    #[test]
    fn a_low_rate_has_a_burst_too() {
        assert_eq!((burst(1), window(1)), (20, 20));
        assert_eq!((burst(15), window(15)), (30, 2));
        assert_eq!((burst(u32::MAX), window(u32::MAX)), (u32::MAX, 1));
        let bucket = Bucket::new(1_000_000, FakeRelativeClock::default());
        assert_eq!(admitted(&bucket, 1, 100), 100);
    }
}
