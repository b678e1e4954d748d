//! What one caller stands for: the accounts that its calls count for.

use super::{
    account::Account,
    answers::Allowance,
    bucket::Left,
    places::{Counts, Kind},
    rates::Rates,
};
use payterms_chassis::error::refused;
use payterms_kernel::{Kind as RefusalKind, Reason, Refusal};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tonic::Status;

/// The bytes of an answer larger than this count against its caller until it is read.
pub(crate) const SHORT_ANSWER: usize = 64 << 10;

/// What all callers of this gateway share.
#[derive(Debug)]
pub(super) struct Shared {
    /// How many gateways there are.
    pub gateways: AtomicU32,
    /// How many calls a second each account has.
    pub rates: Rates,
    /// What is under way in all.
    pub under_way: Counts,
}

/// The accounts of one caller.
#[derive(Debug)]
pub(super) struct Accounts {
    pub caller: Arc<Account>,
    pub customer: Option<Arc<Account>>,
    pub tenant: Arc<Account>,
    pub shared: Arc<Shared>,
}

/// What one caller may use.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Accounts>);

impl Standing {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self(Arc::new(accounts))
    }

    /// Takes a call from the rates of its accounts. The caller's comes first: who is refused by it
    /// takes nothing from others.
    ///
    /// # Errors
    /// `RATE_LIMITED`.
    pub(crate) fn take_call(&self) -> Result<Allowance, Box<Status>> {
        let Accounts { caller, customer, tenant, shared } = &*self.0;
        let gateways = shared.gateways.load(Ordering::Relaxed);
        let mut least: (&Account, Left) = (caller, caller.take(gateways, &shared.rates)?);
        for account in customer.iter().chain([tenant]) {
            let left = account.take(gateways, &shared.rates)?;
            if left.calls < least.1.calls {
                least = (account, left);
            }
        }
        Ok(least.0.allowance(least.1))
    }

    /// Counts this amount as under way.
    ///
    /// # Errors
    /// `OVERLOADED` if the caller, its customer or its tenant has too much under way.
    pub(crate) fn begin(&self, kind: Kind, amount: usize) -> Result<UnderWay, Box<Status>> {
        let Accounts { caller, customer, tenant, shared } = &*self.0;
        let most = kind.most();
        let refuse = |account: &Account, to_return: &[&Account]| {
            for account in to_return {
                account.under_way.take_back(kind, amount);
            }
            account.note_refusal(kind.label());
            Err(Box::new(overloaded(kind)))
        };
        if !caller.under_way.add_up_to(kind, amount, most.of_caller) {
            return refuse(caller, &[]);
        }
        if let Some(customer) = customer
            && !customer.under_way.add_up_to(kind, amount, most.of_caller)
        {
            return refuse(customer, &[caller]);
        }
        // As much as is free afterwards. What calls at the same moment take is not seen, so a
        // tenant may have a few too many.
        let free = most.in_all.saturating_sub(shared.under_way.get(kind)).saturating_sub(amount);
        if !tenant.under_way.add_up_to(kind, amount, free) {
            return match customer {
                Some(customer) => refuse(tenant, &[caller, customer]),
                None => refuse(tenant, &[caller]),
            };
        }
        shared.under_way.add(kind, amount);
        Ok(UnderWay { standing: self.clone(), kind, amount })
    }
}

/// Counts as under way until it is dropped.
#[derive(Debug)]
pub struct UnderWay {
    standing: Standing,
    kind: Kind,
    amount: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Accounts { caller, customer, tenant, shared } = &*self.standing.0;
        for counts in [&caller.under_way, &tenant.under_way, &shared.under_way] {
            counts.take_back(self.kind, self.amount);
        }
        if let Some(customer) = customer {
            customer.under_way.take_back(self.kind, self.amount);
        }
    }
}

/// An answer that is written anew for its caller. What it is longer then counts too.
#[derive(Debug, Clone)]
pub struct Unread {
    standing: Standing,
    /// Bytes that are counted already.
    counted: usize,
}

impl Unread {
    /// An answer of which this many bytes are counted.
    #[must_use]
    pub fn new(standing: Standing, counted: usize) -> Self {
        Self { standing, counted }
    }

    /// Counts what an answer of `written` bytes has beyond those that are counted already. A short
    /// one is not counted.
    ///
    /// # Errors
    /// `OVERLOADED` if the caller, its customer or its tenant has too much unread.
    pub fn count(&self, written: usize) -> Result<Option<UnderWay>, Box<Status>> {
        let more = if written > SHORT_ANSWER { written.saturating_sub(self.counted) } else { 0 };
        (more > 0).then(|| self.standing.begin(Kind::UnreadBytes, more)).transpose()
    }
}

fn overloaded(kind: Kind) -> Status {
    let most = kind.most();
    let message = format!(
        "At most {} {} are taken at once of one caller or customer, and of one tenant as many as others leave free. Retry after the delay.",
        most.of_caller, most.what
    );
    refused(Refusal::new(RefusalKind::Exhausted, Reason::OVERLOADED, message))
}

#[cfg(test)]
mod tests {
    use super::{Kind, SHORT_ANSWER, Standing, Unread};
    use crate::limits::{LimitOptions, Limits};
    use payterms_chassis::{call::Caller, error::reason};
    use payterms_kernel::Reason;
    use tonic::Code;
    use uuid::Uuid;

    fn limits() -> Limits {
        Limits::new(&LimitOptions::default())
    }

    fn caller(subject: &str, tenant: &str, customer: Option<Uuid>) -> Caller {
        Caller {
            subject: subject.to_owned(),
            roles: Vec::new(),
            tenant: tenant.parse().ok(),
            customer,
            run_id: None,
        }
    }

    fn standing(limits: &Limits, subject: &str, tenant: &str) -> Standing {
        limits.standing_of(&caller(subject, tenant, None))
    }

    /// Begins as many as there may be.
    fn flood(standing: &Standing, kind: Kind) -> Vec<super::UnderWay> {
        std::iter::from_fn(|| standing.begin(kind, 1).ok()).collect()
    }

    #[test]
    fn one_caller_leaves_places_for_others() {
        let limits = limits();
        let (ann, bob) = (standing(&limits, "ann", "acme"), standing(&limits, "bob", "acme"));
        let mut of_ann = flood(&ann, Kind::Calls);
        assert_eq!(of_ann.len(), 640);
        assert_eq!(ann.begin(Kind::Calls, 1).unwrap_err().code(), Code::ResourceExhausted);
        assert!(ann.begin(Kind::Streams, 1).is_ok(), "other kinds are counted apart");
        let of_bob = flood(&bob, Kind::Calls);
        assert_eq!(of_bob.len(), 1_024 - 640, "the tenant has half of all");
        of_ann.pop();
        assert!(
            standing(&limits, "ann", "acme").begin(Kind::Calls, 1).is_ok(),
            "another token of hers counts with this one"
        );
        drop((of_ann, of_bob));
        assert!(limits.is_idle(), "nothing is left of calls that are over");
    }

    #[test]
    fn however_many_tenants_flood_the_next_one_finds_room() {
        let limits = limits();
        let mut under_way = Vec::new();
        for tenants in 1..=12 {
            let floods: Vec<_> = (0..tenants)
                .flat_map(|tenant| {
                    ["a", "b"]
                        .map(|subject| standing(&limits, subject, &format!("tenant-{tenant}")))
                })
                .collect();
            // They take turns until nobody gets any more.
            loop {
                let begun: Vec<_> =
                    floods.iter().filter_map(|flood| flood.begin(Kind::Calls, 1).ok()).collect();
                if begun.is_empty() {
                    break;
                }
                under_way.extend(begun);
            }
            let next = flood(&standing(&limits, "next", "next"), Kind::Calls).len();
            let fair = 2_048 / (tenants + 2);
            assert!(next >= fair.min(640) / 2, "{next} of the next one beside {tenants}");
            under_way.clear();
        }
        assert!(limits.is_idle());
    }

    #[test]
    fn all_who_act_for_a_customer_count_like_one_caller() {
        let limits = limits();
        let (customer, other) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        let of = |subject: &str, customer| limits.standing_of(&caller(subject, "acme", customer));
        let under_way = [
            flood(&of("ann", customer), Kind::Streams),
            flood(&of("bob", customer), Kind::Streams),
        ];
        assert_eq!(under_way.each_ref().map(Vec::len), [48, 0]);
        assert_eq!(flood(&of("cid", other), Kind::Streams).len(), 48);
        assert_eq!(flood(&of("dan", None), Kind::Streams).len(), 48);
        drop(under_way);
        assert!(limits.is_idle());
    }

    #[test]
    fn bytes_are_counted_as_they_are() {
        let limits = limits();
        let (ann, most) = (standing(&limits, "ann", "acme"), Kind::UnreadBytes.most().of_caller);
        let all = ann.begin(Kind::UnreadBytes, most).unwrap();
        assert!(
            ann.begin(Kind::UnreadBytes, 1).is_err()
                && ann.begin(Kind::UnreadBytes, usize::MAX).is_err()
        );
        drop((all, standing(&limits, "bob", "acme").begin(Kind::UnreadBytes, 1).unwrap()));
        assert!(limits.is_idle());
    }

    #[test]
    fn what_is_written_anew_counts_as_it_is_written() {
        let limits = limits();
        let ann = standing(&limits, "ann", "acme");
        let of = |counted| Unread::new(ann.clone(), counted);
        assert!(of(0).count(SHORT_ANSWER).unwrap().is_none());
        assert!(of(100_000).count(90_000).unwrap().is_none(), "it became shorter");
        let written = of(10 << 20).count(40 << 20).unwrap();
        assert!(written.is_some() && ann.begin(Kind::UnreadBytes, 35 << 20).is_err());
        drop((ann.begin(Kind::UnreadBytes, 34 << 20).unwrap(), written));
        assert_eq!(of(0).count(65 << 20).unwrap_err().code(), Code::ResourceExhausted);
        assert!(limits.is_idle());
    }

    #[test]
    fn places_that_many_threads_take_are_all_given_back() {
        let limits = limits();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let one = standing(
                    &limits,
                    &format!("{}", thread % 3),
                    &format!("tenant-{}", thread % 2),
                );
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let held: Vec<_> = (0..round % 200)
                            .filter_map(|_| one.begin(Kind::Calls, 1).ok())
                            .collect();
                        drop(held);
                    }
                });
            }
        });
        assert!(limits.is_idle());
    }

    #[test]
    fn who_is_refused_by_its_own_rate_takes_nothing_from_others() {
        let options = LimitOptions {
            caller_calls_per_second: 1,
            tenant_calls_per_second: 20,
            ..LimitOptions::default()
        };
        let limits = Limits::new(&options);
        let ann = standing(&limits, "ann", "acme");
        let admitted = |one: &Standing| (0..100).filter(|_| one.take_call().is_ok()).count();
        // A second more or less does not matter here.
        assert!((20..=21).contains(&admitted(&ann)));
        let refused = ann.take_call().unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_deref()),
            (Code::ResourceExhausted, Some(Reason::RATE_LIMITED.name()))
        );
        let text = |name: &str| refused.metadata().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            ["retry-after", "ratelimit", "ratelimit-policy"].map(text),
            ["1", "\"caller\";r=0;t=20", "\"caller\";q=20;w=20"]
        );
        let bob = standing(&limits, "bob", "acme");
        let mut headers = http::HeaderMap::new();
        bob.take_call().unwrap().write(&mut headers);
        assert_eq!(headers["ratelimit"], "\"caller\";r=19;t=1");
        assert_eq!(headers["ratelimit-policy"], "\"caller\";q=20;w=20");
        assert!(
            (19..=20).contains(&admitted(&bob)),
            "the tenant has 40, of which those refused to ann took none"
        );
        let cid = standing(&limits, "cid", "acme");
        let refused = (0..100).find_map(|_| cid.take_call().err()).unwrap();
        assert!(
            refused.message().starts_with("All callers of this tenant"),
            "{}",
            refused.message()
        );
        assert!(
            standing(&limits, "ann", "globex").take_call().is_ok(),
            "another tenant's ann is somebody else"
        );
    }
}
