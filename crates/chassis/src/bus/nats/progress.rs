//! What the relay of a source knows of the stream since it began to publish on it: up to where, and
//! up to where each subscriber has received it. No I/O: the rules by which a cursor may move stand
//! here, with their tests.
//!
//! A consumer's floor is the sequence up to which it has acknowledged everything. Sequences are
//! turned into positions by checkpoints, of which one is made for each batch that was published.
//! Nothing of it is stored: whoever begins anew publishes again what no cursor has passed.

use std::collections::VecDeque;

/// Checkpoints that are kept. If a subscriber stays away for long, every second one is dropped;
/// cursors then move in larger steps.
const MOST_CHECKPOINTS: usize = 4_096;

/// The state of a stream, as the broker tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamState {
    /// When it was created, in nanoseconds. Another one of the same name has another time.
    pub created: i128,
    /// The first sequence that is still there; one more than the last if none is.
    pub first: u64,
    /// The last sequence that was given.
    pub last: u64,
}

/// An event that was published, and what the broker answered.
#[derive(Debug, Clone)]
pub(super) struct Acked {
    /// The indices of the subscribers that it is for.
    pub heard_by: Vec<usize>,
    pub sequence: u64,
    /// Whether the broker had it already.
    pub duplicate: bool,
}

/// Everything up to a position was published, and for each subscriber the greatest sequence of an
/// event for it.
#[derive(Debug, Clone)]
struct Checkpoint {
    through: i64,
    greatest: Vec<u64>,
}

/// The publishing on one stream by one process.
#[derive(Debug)]
pub(super) struct Progress {
    created: i128,
    /// The greatest sequence that was given to an event since it began.
    last: u64,
    /// Messages up to here were deleted because everybody has received them.
    purged: u64,
    checkpoints: VecDeque<Checkpoint>,
}

impl Progress {
    /// Begins on a stream after the position that every one of these subscribers has passed.
    pub(super) fn begin(stream: StreamState, after: i64, subscribers: usize) -> Self {
        let first = Checkpoint { through: after, greatest: vec![0; subscribers] };
        Self {
            created: stream.created,
            last: 0,
            purged: stream.first.saturating_sub(1),
            checkpoints: VecDeque::from([first]),
        }
    }

    /// Up to where everything was published.
    pub(super) fn published(&self) -> i64 {
        self.checkpoints.back().map(|last| last.through).unwrap_or_default()
    }

    /// Notes that everything up to a position is published: these events, in the order of their
    /// positions.
    ///
    /// # Errors
    /// A sentence if the stream has lost something: its sequences began again, or what it had
    /// already is deleted.
    pub(super) fn note_published(&mut self, events: &[Acked], through: i64) -> Result<(), String> {
        let Some(mut next) = self.checkpoints.back().cloned() else {
            return Err("nothing was begun".to_owned());
        };
        for event in events {
            if event.sequence <= self.purged {
                return Err(format!(
                    "message {} is deleted and not received by everybody",
                    event.sequence
                ));
            }
            if !event.duplicate && event.sequence <= self.last {
                return Err(format!(
                    "message {} was given again, after {}",
                    event.sequence, self.last
                ));
            }
            self.last = self.last.max(event.sequence);
            for index in &event.heard_by {
                if let Some(greatest) = next.greatest.get_mut(*index) {
                    *greatest = event.sequence.max(*greatest);
                }
            }
        }
        next.through = next.through.max(through);
        if events.is_empty()
            && let Some(last) = self.checkpoints.back_mut()
        {
            *last = next;
            return Ok(());
        }
        self.checkpoints.push_back(next);
        if self.checkpoints.len() > MOST_CHECKPOINTS {
            let mut index = 0_usize;
            // The newest stays: it says up to where everything is published. A checkpoint that is
            // gone makes no cursor wrong.
            let newest = self.checkpoints.len().saturating_sub(1);
            self.checkpoints.retain(|_| {
                index = index.saturating_add(1);
                index % 2 == 1 || index > newest
            });
        }
        Ok(())
    }

    /// Checks that the stream is still that on which it has published, and has everything that
    /// somebody may not have received. Floors that were read before it are then of this stream.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(super) fn check(&self, stream: StreamState) -> Result<(), String> {
        if stream.created != self.created {
            return Err("it was made anew".to_owned());
        }
        if stream.last < self.last {
            return Err(format!(
                "it ends at message {}, and {} was acknowledged to be there",
                stream.last, self.last
            ));
        }
        if stream.first > self.purged.saturating_add(1) {
            return Err(format!(
                "its messages before {} are deleted, and received up to {} at the least",
                stream.first, self.purged
            ));
        }
        Ok(())
    }

    /// The position up to which a subscriber has received everything, and the greatest sequence of
    /// an event for it up to there (0 if none was); none if it is not known yet.
    pub(super) fn received(&self, subscriber: usize, floor: u64) -> Option<(i64, u64)> {
        let greatest = |checkpoint: &Checkpoint| {
            checkpoint.greatest.get(subscriber).copied().unwrap_or(u64::MAX)
        };
        let reached = self.checkpoints.partition_point(|checkpoint| greatest(checkpoint) <= floor);
        let checkpoint = self.checkpoints.get(reached.checked_sub(1)?)?;
        Some((checkpoint.through, greatest(checkpoint)))
    }

    /// Whether every subscriber has received everything, given their floors.
    pub(super) fn all_received(&self, floors: &[u64]) -> bool {
        self.checkpoints.back().is_none_or(|last| {
            last.greatest.iter().zip(floors).all(|(greatest, floor)| greatest <= floor)
        })
    }

    /// Forgets checkpoints that every subscriber has passed. Returns the sequence up to which
    /// messages are of no use to anybody.
    pub(super) fn settle(&mut self, floors: &[u64]) -> u64 {
        let passed = |checkpoint: &Checkpoint| {
            checkpoint.greatest.iter().zip(floors).all(|(greatest, floor)| greatest <= floor)
        };
        while self.checkpoints.get(1).is_some_and(passed) {
            self.checkpoints.pop_front();
        }
        let Some(newest) = self.checkpoints.back() else { return self.purged };
        // The floor of a subscriber for which nothing came stays behind; it wants none of what is
        // there.
        let useless = newest
            .greatest
            .iter()
            .zip(floors)
            .map(|(greatest, floor)| if greatest <= floor { self.last } else { *floor });
        useless.min().unwrap_or(self.purged).max(self.purged)
    }

    /// Messages that were deleted so far.
    pub(super) fn purged(&self) -> u64 {
        self.purged
    }

    /// Notes that messages up to a sequence were deleted.
    pub(super) fn note_purged(&mut self, through: u64) {
        self.purged = self.purged.max(through);
    }
}

#[cfg(test)]
mod tests {
    use super::{Acked, MOST_CHECKPOINTS, Progress, StreamState};
    use proptest::prelude::*;

    const FRESH: StreamState = StreamState { created: 1, first: 101, last: 100 };

    fn new(sequence: u64, heard_by: &[usize]) -> Acked {
        Acked { heard_by: heard_by.to_vec(), sequence, duplicate: false }
    }

    #[test]
    fn a_cursor_moves_to_what_was_acknowledged_and_no_further() {
        let mut progress = Progress::begin(FRESH, 10, 2);
        progress.note_published(&[new(101, &[0]), new(102, &[0, 1])], 12).unwrap();
        progress.note_published(&[new(103, &[1])], 15).unwrap();
        assert_eq!(progress.received(0, 0), Some((10, 0)));
        assert_eq!(
            progress.received(0, 101),
            Some((10, 0)),
            "a batch is received when all of it is"
        );
        assert_eq!(progress.received(0, 102), Some((15, 102)), "nothing more is for it");
        assert_eq!(progress.received(1, 102), Some((12, 102)));
        assert!(!progress.all_received(&[102, 102]));
        assert!(progress.all_received(&[102, 103]));
        progress.note_published(&[], 20).unwrap();
        assert_eq!((progress.published(), progress.received(1, 103)), (20, Some((20, 103))));
    }

    #[test]
    fn what_nobody_needs_is_deleted() {
        let mut progress = Progress::begin(FRESH, 0, 3);
        progress.note_published(&[new(101, &[0]), new(102, &[1])], 2).unwrap();
        assert_eq!(progress.settle(&[100, 100, 100]), 100, "nobody has anything");
        assert_eq!(progress.settle(&[101, 100, 100]), 100, "the second has not");
        assert_eq!(progress.settle(&[101, 102, 100]), 102, "nothing was for the third");
        progress.note_purged(102);
        let after = StreamState { created: 1, first: 103, last: 102 };
        progress.check(after).unwrap();
        assert_eq!(progress.received(1, 102), Some((2, 102)));
    }

    #[test]
    fn a_stream_that_lost_something_is_noticed() {
        let mut progress = Progress::begin(FRESH, 0, 1);
        progress.note_published(&[new(101, &[0]), new(102, &[0])], 2).unwrap();
        let state = StreamState { created: 1, first: 101, last: 102 };
        progress.check(state).unwrap();
        progress.check(StreamState { last: 104, ..state }).unwrap();
        assert!(progress.check(StreamState { created: 2, ..state }).unwrap_err().contains("anew"));
        assert!(
            progress.check(StreamState { last: 101, ..state }).unwrap_err().contains("ends at")
        );
        assert!(
            progress.check(StreamState { first: 102, ..state }).unwrap_err().contains("deleted")
        );
        assert!(progress.note_published(&[new(102, &[0])], 3).unwrap_err().contains("again"));
        let had = |sequence| Acked { duplicate: true, ..new(sequence, &[0]) };
        progress.note_published(&[had(101)], 3).unwrap();
        assert!(progress.note_published(&[had(100)], 4).unwrap_err().contains("deleted"));
    }

    proptest! {
        /// Whatever is acknowledged in whatever order, and however many checkpoints were dropped:
        /// no cursor passes an event that its subscriber has not acknowledged.
        #[test]
        fn no_cursor_passes_what_was_not_acknowledged(
            events in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 1..60),
            repeat in 1_usize..200,
            floors in proptest::collection::vec(0_u64..13_000, 2),
        ) {
            let mut progress = Progress::begin(StreamState { created: 1, first: 1, last: 0 }, 0, 2);
            let mut published = Vec::new();
            for (position, (first, second, duplicate)) in (1_i64..).zip(events.iter().cycle().take(events.len() * repeat)) {
                let heard_by: Vec<_> = [*first, *second].into_iter().enumerate().filter_map(|(index, hears)| hears.then_some(index)).collect();
                let sequence = u64::try_from(position).unwrap();
                let duplicate = *duplicate && sequence > 1;
                let event = Acked { sequence: if duplicate { sequence - 1 } else { sequence }, duplicate, heard_by };
                progress.note_published(std::slice::from_ref(&event), position).unwrap();
                published.push((position, event));
            }
            prop_assert!(progress.checkpoints.len() <= MOST_CHECKPOINTS);
            prop_assert_eq!(progress.published(), i64::try_from(published.len()).unwrap());
            for (index, floor) in floors.iter().enumerate() {
                let (through, _) = progress.received(index, *floor).unwrap();
                for (position, event) in &published {
                    prop_assert!(*position > through || !event.heard_by.contains(&index) || event.sequence <= *floor);
                }
            }
            let useless = progress.settle(&floors);
            for (_, event) in &published {
                prop_assert!(event.sequence > useless || event.heard_by.iter().all(|index| event.sequence <= floors[*index]));
            }
        }
    }
}
