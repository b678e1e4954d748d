//! A line: who may apply, when a draw is owed, what suspends; and every pair of state and verb.

use crate::{
    Customer, EDGES, Invoice, Line, LineState, Programme, ProgrammeState, Suspension, Verb,
    draw::Figures, line::Offer, purchase_tests::in_plan,
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use payterms_kernel::{Actor, Currency, Id, IdSource, Money, Reason, calendar::PaymentTerm};
use uuid::Uuid;

pub(crate) fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

pub(crate) fn programme() -> Programme {
    Programme {
        id: Id::from_uuid(Uuid::nil()),
        title: "Pay later".into(),
        state: ProgrammeState::Open,
        currency: usd(0).currency(),
        cap: usd(5_000),
        term: PaymentTerm::EndOfFollowingMonth,
        countries: vec!["US".into()],
        tiers: vec!["gold".into()],
        invitation_only: false,
        cool_down_days: 90,
        plans_allowed: false,
        draws_during_plans: false,
        policy: Id::from_uuid(Uuid::nil()),
        offer_days: 30,
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

pub(crate) fn customer(country: &str, tier: &str) -> Customer {
    Customer { id: Id::from_uuid(Uuid::max()), country: country.into(), tier: tier.into() }
}

fn offered(now: DateTime<Utc>) -> Line {
    let offer = Offer {
        limit: usd(1_000),
        application: None,
        by: Actor::suite(),
        explanation: "Known.".into(),
    };
    Line::offer(Id::from_uuid(Uuid::nil()), &programme(), &customer("US", ""), offer, now).unwrap()
}

pub(crate) fn active(now: DateTime<Utc>) -> Line {
    let mut line = offered(now);
    line.begin(Verb::Activate, Actor::suite(), "", now).unwrap();
    line.moved(now);
    line
}

#[test]
fn who_may_apply_is_told_with_every_reason() {
    let this_programme = programme();
    let names = |country: &str, tier: &str, invited| {
        this_programme
            .against(&customer(country, tier), invited)
            .iter()
            .map(|condition| condition.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("US", "gold", false), Vec::<&str>::new());
    assert_eq!(names("FR", "silver", false), ["COUNTRY_NOT_ELIGIBLE", "TIER_NOT_ELIGIBLE"]);
    assert_eq!(
        names("FR", "silver", true),
        ["COUNTRY_NOT_ELIGIBLE"],
        "an invitation passes over the tier, not the country"
    );
    let closed = Programme { state: ProgrammeState::Closed, invitation_only: true, ..programme() };
    let against = closed.against(&customer("US", "gold"), false);
    assert_eq!(
        against.iter().map(|condition| condition.name).collect::<Vec<_>>(),
        ["PROGRAMME_CLOSED", "INVITATION_REQUIRED"]
    );
}

/// S1.5: bought on 1 June, owed on 31 July.
#[test]
fn bought_in_june_it_is_owed_at_the_end_of_july() {
    let now = "2026-06-01T15:00:00Z".parse().unwrap();
    let (mut line, mut ids) = (active(now), IdSource::new(now, b"seed", "test"));
    let invoice: Id<Invoice> = Id::from_uuid(Uuid::max());
    let (mut draws, _) = line
        .authorize(&mut ids, Uuid::nil(), &[(invoice, usd(700))], usd(5_000), None, now)
        .unwrap();
    let capped = line
        .clone()
        .authorize(&mut ids, Uuid::nil(), &[(invoice, usd(1))], usd(700), None, now)
        .unwrap_err();
    assert_eq!(capped.reason, Reason::CREDIT_LIMIT_EXCEEDED, "the cap was lowered since");
    let refused = line
        .authorize(&mut ids, Uuid::nil(), &[(invoice, usd(301))], usd(5_000), None, now)
        .unwrap_err();
    assert_eq!(refused.reason, Reason::CREDIT_LIMIT_EXCEEDED);
    assert_eq!(
        line.authorize(
            &mut ids,
            Uuid::nil(),
            &[(invoice, usd(1))],
            usd(5_000),
            Some(&in_plan()),
            now
        )
        .unwrap_err()
        .reason,
        Reason::INVOICE_IN_PLAN
    );
    line.capture(&mut draws[0], "2026-06-01".parse().unwrap(), now).unwrap().unwrap();
    assert_eq!(draws[0].due_on, "2026-07-31".parse().ok());
    assert_eq!(line.capture(&mut draws[0], "2026-06-02".parse().unwrap(), now), Ok(None), "once");
    line.next_due = draws[0].falls_due().unwrap();
    line.first_due = line.next_due;
    line.evaluate("2026-07-31".parse().unwrap(), now);
    assert_eq!(line.state, LineState::Active, "the last day is in time");
    line.evaluate("2026-08-01".parse().unwrap(), now);
    assert_eq!(
        (line.state, line.suspensions.as_slice()),
        (LineState::Suspended, [Suspension::PastDue].as_slice())
    );
    line.next_due = None;
    line.evaluate("2026-08-02".parse().unwrap(), now);
    assert_eq!(line.state, LineState::Suspended, "a block undoes no consequence");
    line.first_due = None;
    line.evaluate("2026-08-02".parse().unwrap(), now);
    assert_eq!(line.state, LineState::Active, "paying does");
}

#[test]
fn a_payment_that_is_taken_back_suspends_nothing_before_the_third_day() {
    let now = "2026-06-01T15:00:00Z".parse().unwrap();
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let (mut line, mut ids) = (active(now), IdSource::new(now, b"seed", "test"));
    let invoice: Id<Invoice> = Id::from_uuid(Uuid::max());
    let (mut draws, _) = line
        .authorize(&mut ids, Uuid::nil(), &[(invoice, usd(700))], usd(5_000), None, now)
        .unwrap();
    line.capture(&mut draws[0], day("2026-06-01"), now).unwrap().unwrap();
    let no_consequence_before = Some(day("2026-08-10"));
    let known = Figures {
        open: usd(700),
        due_on: day("2026-07-31"),
        blocked: false,
        written_off: false,
        no_consequence_before,
    };
    assert_eq!(line.follow(&mut draws[0], known, now).unwrap(), (true, None));
    assert_eq!(
        (draws[0].due_on, draws[0].falls_due().unwrap()),
        (Some(day("2026-07-31")), Some(day("2026-08-09")))
    );
    (line.next_due, line.first_due) =
        (draws[0].falls_due().unwrap(), draws[0].falls_due().unwrap());
    line.evaluate(day("2026-08-09"), now);
    assert_eq!(line.state, LineState::Active);
    line.evaluate(day("2026-08-10"), now);
    assert_eq!(line.state, LineState::Suspended);
}

#[test]
fn every_pair_of_state_and_verb_is_an_edge_or_refused() {
    let now = DateTime::UNIX_EPOCH;
    for state in LineState::ALL {
        for verb in Verb::ALL {
            let mut line = Line { state, ..offered(now) };
            let moved = match verb {
                Verb::Activate | Verb::Deactivate | Verb::Reactivate | Verb::Close => {
                    line.begin(verb, Actor::suite(), "", now).map(|()| line.moved(now))
                }
                Verb::Decline => line.decline(Actor::suite(), now),
                Verb::Suspend if state == LineState::Suspended => continue,
                Verb::Suspend => line.suspend(Actor::suite(), "", now),
                Verb::Restore => {
                    line.suspensions = vec![Suspension::ByTenant];
                    line.restore(Actor::suite(), "", now)
                }
                Verb::Expire => {
                    line.evaluate(NaiveDate::MIN, now + Days::new(31));
                    if line.state == state {
                        Err(payterms_kernel::Refusal::precondition(Reason::LINE_STATE, ""))
                    } else {
                        Ok(())
                    }
                }
            };
            let leads = EDGES.iter().any(|edge| edge.0 == state && edge.1 == verb);
            assert_eq!(moved.is_ok(), leads, "{state:?} {verb:?}");
            if let Err(refusal) = moved {
                assert_eq!(refusal.reason, Reason::LINE_STATE);
                assert_eq!(line.state, state);
            } else {
                assert!(
                    EDGES.contains(&(state, verb, line.state)),
                    "{state:?} {verb:?} {:?}",
                    line.state
                );
            }
        }
    }
}
