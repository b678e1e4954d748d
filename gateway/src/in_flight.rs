//! Counts what is under way, by caller and by tenant, so that one of them cannot use up what others need.

use payterms_chassis::{call::Caller, error::refused};
use payterms_kernel::{Kind, Refusal};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tonic::Status;

/// How much may be under way at once.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// The name of what is counted, for the text of a refusal.
    what: &'static str,
    pub(crate) of_caller: usize,
    of_tenant: usize,
}

/// Calls, from the first byte of their message to the end of their answer. A busy back end has about five hundred at once,
/// and a service accepts 2,048: so one caller can have less than a third of them, and one tenant leaves room for others.
pub const CALLS: Most = Most { what: "calls", of_caller: 640, of_tenant: 1_280 };
/// Lists of events. Each gathers a page of up to 1 MiB of every service, so one caller's have as many bytes as it may leave unread.
pub const EVENT_LISTS: Most = Most { what: "lists of events", of_caller: 16, of_tenant: 32 };
/// Streams from clients and from servers. A service accepts 256.
pub const STREAMS: Most = Most { what: "streams", of_caller: 48, of_tenant: 96 };
/// Messages above 64 KiB that are being received. A process receives 64 at once.
pub const LARGE_MESSAGES: Most = Most { what: "messages above 64 KiB", of_caller: 16, of_tenant: 32 };
/// Bytes of answers above 64 KiB that callers have not read yet. They occupy memory of the gateway.
pub const UNREAD_BYTES: Most = Most { what: "bytes of unread answers", of_caller: 64 << 20, of_tenant: 128 << 20 };

/// The bytes of an answer larger than this count against its caller until it is read.
pub const SHORT_ANSWER: usize = 64 << 10;

/// Calls with the same key are counted together: the tenant (`None` for callers without one) and the subject (`None` for
/// the whole tenant).
type Key = (Option<String>, Option<String>);

/// Counts what is under way of one kind.
#[derive(Debug, Clone)]
pub struct InFlight {
    counts: Arc<Mutex<HashMap<Key, usize>>>,
    most: Most,
}

/// Counts as under way until it is dropped.
#[derive(Debug)]
pub struct UnderWay {
    counts: InFlight,
    keys: [Key; 2],
    amount: usize,
}

impl InFlight {
    /// A count of nothing.
    #[must_use]
    pub fn new(most: Most) -> Self {
        Self { counts: Arc::default(), most }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one.
    ///
    /// # Errors
    /// `OVERLOADED` if the caller or its tenant has too much under way.
    pub fn begin(&self, caller: &Caller) -> Result<UnderWay, Box<Status>> {
        self.begin_many(caller, 1)
    }

    /// Adds this amount.
    ///
    /// # Errors
    /// `OVERLOADED` if the caller or its tenant has too much under way.
    pub fn begin_many(&self, caller: &Caller, amount: usize) -> Result<UnderWay, Box<Status>> {
        let tenant = caller.tenant.as_ref().map(ToString::to_string);
        let keys = [(tenant.clone(), Some(caller.subject.clone())), (tenant, None)];
        let mut counts = self.counts();
        let full = |key: &Key, most: usize| counts.get(key).copied().unwrap_or_default().saturating_add(amount) > most;
        if full(&keys[0], self.most.of_caller) || full(&keys[1], self.most.of_tenant) {
            return Err(Box::new(overloaded(self.most)));
        }
        for key in &keys {
            *counts.entry(key.clone()).or_default() += amount;
        }
        drop(counts);
        Ok(UnderWay { counts: self.clone(), keys, amount })
    }
}

/// An answer that is written anew for its caller. What it is longer then counts too.
#[derive(Debug, Clone)]
pub struct Unread {
    counts: InFlight,
    caller: Caller,
    /// Bytes that are counted already.
    counted: usize,
}

impl Unread {
    /// An answer of which this many bytes are counted.
    #[must_use]
    pub fn new(counts: InFlight, caller: Caller, counted: usize) -> Self {
        Self { counts, caller, counted }
    }

    /// Counts what an answer of `written` bytes has beyond those that are counted already. A short one is not counted.
    ///
    /// # Errors
    /// `OVERLOADED` if the caller or its tenant has too much unread.
    pub fn count(&self, written: usize) -> Result<Option<UnderWay>, Box<Status>> {
        let more = if written > SHORT_ANSWER { written.saturating_sub(self.counted) } else { 0 };
        (more > 0).then(|| self.counts.begin_many(&self.caller, more)).transpose()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut counts = self.counts.counts();
        for key in &self.keys {
            let left = counts.get(key).map_or(0, |count| count.saturating_sub(self.amount));
            if left == 0 {
                counts.remove(key);
            } else {
                counts.insert(key.clone(), left);
            }
        }
    }
}

fn overloaded(most: Most) -> Status {
    let Most { what, of_caller, of_tenant } = most;
    let message =
        format!("At most {of_caller} {what} of one caller, and {of_tenant} of one tenant, are taken at once. Retry after the delay.");
    refused(Refusal::new(Kind::Exhausted, "OVERLOADED", message))
}

#[cfg(test)]
mod tests {
    use super::{CALLS, InFlight, SHORT_ANSWER, UNREAD_BYTES, Unread};
    use payterms_chassis::call::Caller;

    fn caller(subject: &str, tenant: &str) -> Caller {
        Caller { subject: subject.to_owned(), roles: Vec::new(), tenant: tenant.parse().ok(), customer: None, run_id: None }
    }

    #[test]
    fn one_caller_and_one_tenant_leave_places_for_others() {
        let counts = InFlight::new(CALLS);
        let mut under_way: Vec<_> = (0..CALLS.of_caller).map(|_| counts.begin(&caller("ann", "acme")).unwrap()).collect();
        assert_eq!(counts.begin(&caller("ann", "acme")).unwrap_err().code(), tonic::Code::ResourceExhausted);
        under_way.extend((CALLS.of_caller..CALLS.of_tenant).map(|_| counts.begin(&caller("bob", "acme")).unwrap()));
        assert!(counts.begin(&caller("cid", "acme")).is_err(), "the tenant has its share");
        let other = counts.begin(&caller("ann", "globex")).unwrap();
        under_way.pop();
        drop(counts.begin(&caller("cid", "acme")).unwrap());
        drop((under_way, other));
        assert!(counts.counts().is_empty(), "nothing is left of calls that are over");
    }

    #[test]
    fn bytes_are_counted_as_they_are() {
        let counts = InFlight::new(UNREAD_BYTES);
        let most = counts.begin_many(&caller("ann", "acme"), UNREAD_BYTES.of_caller).unwrap();
        assert!(counts.begin_many(&caller("ann", "acme"), 1).is_err());
        drop((most, counts.begin_many(&caller("bob", "acme"), 1).unwrap()));
        assert!(counts.counts().is_empty());
    }

    #[test]
    fn what_is_written_anew_counts_as_it_is_written() {
        let (counts, ann) = (InFlight::new(UNREAD_BYTES), caller("ann", "acme"));
        let of = |counted| Unread::new(counts.clone(), ann.clone(), counted);
        assert!(of(0).count(SHORT_ANSWER).unwrap().is_none());
        assert!(of(100_000).count(90_000).unwrap().is_none(), "it became shorter");
        let written = of(10 << 20).count(40 << 20).unwrap();
        assert!(written.is_some() && counts.begin_many(&ann, 35 << 20).is_err());
        drop((counts.begin_many(&ann, 34 << 20).unwrap(), written));
        assert_eq!(of(0).count(65 << 20).unwrap_err().code(), tonic::Code::ResourceExhausted);
        assert!(counts.counts().is_empty());
    }
}
