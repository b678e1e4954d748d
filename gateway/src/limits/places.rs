//! What may be under way at once.
//!
//! Of everything there is so much in all. One caller may have a part of it, all who act for one
//! customer together as much as one caller, and a tenant as much as is left free: alone it gets
//! half of all, two that flood the gateway get a third each, and whoever comes next always finds
//! room.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is counted while it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Calls, from the first byte of their message to the end of their answer.
    Calls,
    /// Lists of events. Each gathers a page of up to 1 MiB of every service.
    EventLists,
    /// Streams from clients and from servers.
    Streams,
    /// Messages above 64 KiB that are being received.
    LargeMessages,
    /// Bytes of answers above 64 KiB that callers have not read yet. They occupy memory of the
    /// gateway.
    UnreadBytes,
}

/// How much may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Most {
    /// The name of what is counted, for the text of a refusal.
    pub what: &'static str,
    /// Of one caller, and of all who act for one customer.
    pub of_caller: usize,
    /// Of all, half of which one tenant may have.
    pub in_all: usize,
}

impl Kind {
    /// All kinds, in their order.
    pub(super) const ALL: [Self; 5] =
        [Self::Calls, Self::EventLists, Self::Streams, Self::LargeMessages, Self::UnreadBytes];

    /// How much may be under way at once.
    pub(crate) const fn most(self) -> Most {
        match self {
            // A busy back end has about five hundred at once. A service accepts 2,048.
            Self::Calls => Most { what: "calls", of_caller: 640, in_all: 2_048 },
            // One caller's have as many bytes as it may leave unread.
            Self::EventLists => Most { what: "lists of events", of_caller: 16, in_all: 64 },
            // A service accepts 256.
            Self::Streams => Most { what: "streams", of_caller: 48, in_all: 192 },
            // A process receives 64 at once.
            Self::LargeMessages => {
                Most { what: "messages above 64 KiB", of_caller: 16, in_all: 64 }
            }
            Self::UnreadBytes => {
                Most { what: "bytes of unread answers", of_caller: 64 << 20, in_all: 256 << 20 }
            }
        }
    }

    /// Its name as a label of metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::EventLists => "event_lists",
            Self::Streams => "streams",
            Self::LargeMessages => "large_messages",
            Self::UnreadBytes => "unread_bytes",
        }
    }
}

/// How much of each kind is under way.
#[derive(Debug, Default)]
pub(super) struct Counts([AtomicUsize; Kind::ALL.len()]);

impl Counts {
    fn of(&self, kind: Kind) -> &AtomicUsize {
        let Self([calls, event_lists, streams, large_messages, unread_bytes]) = self;
        match kind {
            Kind::Calls => calls,
            Kind::EventLists => event_lists,
            Kind::Streams => streams,
            Kind::LargeMessages => large_messages,
            Kind::UnreadBytes => unread_bytes,
        }
    }

    pub(super) fn get(&self, kind: Kind) -> usize {
        self.of(kind).load(Ordering::Relaxed)
    }

    /// Adds an amount, unless it would be more than `most` then. Whether it was added.
    #[must_use]
    pub(super) fn add_up_to(&self, kind: Kind, amount: usize, most: usize) -> bool {
        let sum = |count: usize| count.checked_add(amount).filter(|sum| *sum <= most);
        self.of(kind).fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
    }

    pub(super) fn add(&self, kind: Kind, amount: usize) {
        self.of(kind).fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn take_back(&self, kind: Kind, amount: usize) {
        self.of(kind).fetch_sub(amount, Ordering::Relaxed);
    }
}
