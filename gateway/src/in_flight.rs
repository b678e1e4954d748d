//! How many calls are under way, by caller and by tenant, so that nobody takes all the places of a service.

use payterms_chassis::{call::Caller, error::refused};
use payterms_kernel::{Kind, Refusal};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tonic::Status;

/// Calls of one caller at once: more than a busy back end's five hundred, less than a third of what a service takes.
const OF_CALLER: usize = 640;
/// Calls of one tenant at once. A service takes 2,048, so one tenant leaves places for the others.
const OF_TENANT: usize = 1_280;

/// Whose calls are counted together: a tenant (or those without one), and a subject of it (none: the tenant as a whole).
type Key = (Option<String>, Option<String>);

/// Calls that are under way.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashMap<Key, usize>>>);

/// One call under way; it is over when this is dropped.
#[derive(Debug)]
pub struct UnderWay {
    counts: InFlight,
    keys: [Key; 2],
}

impl InFlight {
    fn counts(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call in.
    ///
    /// # Errors
    /// `OVERLOADED` where the caller or its tenant has too many under way.
    pub fn begin(&self, caller: &Caller) -> Result<UnderWay, Box<Status>> {
        let tenant = caller.tenant.as_ref().map(ToString::to_string);
        let keys = [(tenant.clone(), Some(caller.subject.clone())), (tenant, None)];
        let mut counts = self.counts();
        let full = |key: &Key, most: usize| counts.get(key).is_some_and(|count| *count >= most);
        if full(&keys[0], OF_CALLER) || full(&keys[1], OF_TENANT) {
            return Err(Box::new(overloaded()));
        }
        for key in &keys {
            *counts.entry(key.clone()).or_default() += 1;
        }
        drop(counts);
        Ok(UnderWay { counts: self.clone(), keys })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut counts = self.counts.counts();
        for key in &self.keys {
            let left = counts.get(key).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                counts.remove(key);
            } else {
                counts.insert(key.clone(), left);
            }
        }
    }
}

fn overloaded() -> Status {
    let message =
        format!("At most {OF_CALLER} calls of one caller, and {OF_TENANT} of one tenant, are taken at once. Retry after the delay.");
    refused(Refusal::new(Kind::Exhausted, "OVERLOADED", message))
}

#[cfg(test)]
mod tests {
    use super::{InFlight, OF_CALLER, OF_TENANT};
    use payterms_chassis::call::Caller;

    fn caller(subject: &str, tenant: &str) -> Caller {
        Caller { subject: subject.to_owned(), roles: Vec::new(), tenant: tenant.parse().ok(), customer: None, run_id: None }
    }

    #[test]
    fn one_caller_and_one_tenant_leave_places_for_others() {
        let counts = InFlight::default();
        let mut under_way: Vec<_> = (0..OF_CALLER).map(|_| counts.begin(&caller("ann", "acme")).unwrap()).collect();
        assert_eq!(counts.begin(&caller("ann", "acme")).unwrap_err().code(), tonic::Code::ResourceExhausted);
        under_way.extend((OF_CALLER..OF_TENANT).map(|_| counts.begin(&caller("bob", "acme")).unwrap()));
        assert!(counts.begin(&caller("cid", "acme")).is_err(), "the tenant has its share");
        let other = counts.begin(&caller("ann", "globex")).unwrap();
        under_way.pop();
        drop(counts.begin(&caller("cid", "acme")).unwrap());
        drop((under_way, other));
        assert!(counts.counts().is_empty(), "nothing is left of calls that are over");
    }
}
