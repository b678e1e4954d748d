//! What is said of an invoice that a payment plan blocks.

use super::{
    Context, Explanation, Source, Topic, explain,
    tests::{DECLINED, day, on, usd},
};
use crate::{
    block::{Block, BlockReason},
    explain_plan::{NextInstalment, PlanOutlook, next_of},
    payment::tests::invoices,
};
use payterms_kernel::calendar::start_of_day;

/// An invoice that a plan blocks, and what is said of it.
fn planned(plan: PlanOutlook, source: Source) -> Explanation {
    let mut invoice = invoices(&[100]).remove(0);
    invoice.block = Some(Block {
        reason: BlockReason::PlanActive,
        owner: "tenants/acme/plan".into(),
        since: day("2026-01-01"),
    });
    explain(&invoice, on("2026-01-10"), &Context { plan: Some(plan), source, ..DECLINED }).unwrap()
}

#[test]
fn of_a_plan_it_says_what_is_collected_when_and_when_the_plan_ends() {
    let next = Some(NextInstalment { unpaid: usd(55), due: day("2026-01-28") });
    let plan = PlanOutlook {
        automatic: true,
        next,
        last_day: Some(day("2026-02-02")),
        ..PlanOutlook::default()
    };
    let said = planned(plan.clone(), Source::Method);
    let midnight = |text: &str| Some(start_of_day(chrono_tz::Tz::Australia__Sydney, day(text)));
    assert_eq!((said.next.topic, said.next.at), (Topic::Collection, midnight("2026-01-28")));
    assert!(
        said.next.sentence.ends_with("instalment of 55.00 USD is collected from the customer's collection method on 2026-01-28."),
        "{:?}",
        said.next
    );
    let ends =
        said.facts.iter().find(|fact| fact.sentence.contains("unpaid after 2026-02-02")).unwrap();
    assert_eq!((ends.topic, ends.at), (Topic::Block, midnight("2026-02-03")));
    assert!(
        said.facts.iter().all(|fact| !fact.sentence.contains("not collected by itself")),
        "{said:?}"
    );
    let without = planned(plan.clone(), Source::None).next.sentence;
    assert!(without.contains("no saved payment method can be charged"), "{without}");
    let by_hand =
        planned(PlanOutlook { automatic: false, ..plan.clone() }, Source::Method).next.sentence;
    assert!(
        by_hand.starts_with(
            "The customer pays the payment plan's instalment of 55.00 USD by 2026-01-28"
        ),
        "{by_hand}"
    );
    // Until the day before anything follows from what a lost dispute has opened again.
    let mut again = invoices(&[100]).remove(0);
    again.no_consequence_before = Some(day("2026-02-03"));
    let plan_by_hand = PlanOutlook { automatic: false, ..plan.clone() };
    let said = explain(&again, on("2026-01-31"), &Context { plan: Some(plan_by_hand), ..DECLINED })
        .unwrap();
    assert!(
        said.facts
            .iter()
            .any(|fact| fact.sentence.contains("instalment of 55.00 USD by 2026-02-02")),
        "{said:?}"
    );
    let due = Some(NextInstalment { unpaid: usd(55), due: day("2026-01-09") });
    let tried = PlanOutlook {
        next: due,
        failures: 2,
        failure: "the card was declined by its bank",
        next_try: midnight("2026-01-12"),
        ..plan
    };
    let said = planned(tried.clone(), Source::Method).next;
    assert!(
        said.sentence.starts_with("2 tries to collect")
            && said.sentence.ends_with("It is tried again on 2026-01-12."),
        "{said:?}"
    );
    assert_eq!(said.at, midnight("2026-01-12"));
    let stopped = planned(PlanOutlook { next_try: None, ..tried }, Source::Method);
    assert!(
        stopped.facts.iter().any(|fact| fact.sentence.contains("It is not tried again by itself")),
        "{stopped:?}"
    );
    assert_eq!(
        (stopped.next.topic, stopped.next.at),
        (Topic::Block, midnight("2026-02-03")),
        "its end comes next"
    );
    let proposed = planned(
        PlanOutlook { answer_by: midnight("2026-01-15"), ..PlanOutlook::default() },
        Source::Method,
    )
    .next;
    assert!(
        proposed.sentence.contains("answered by 2026-01-15")
            && proposed.at == midnight("2026-01-15"),
        "{proposed:?}"
    );
}

#[test]
fn no_day_that_is_over_is_told_as_what_comes() {
    let sydney = chrono_tz::Tz::Australia__Sydney;
    // A plan that is paid by hand, within its days of grace.
    let next = Some(NextInstalment { unpaid: usd(70), due: day("2026-01-05") });
    let late = planned(
        PlanOutlook { next, last_day: Some(day("2026-01-12")), ..PlanOutlook::default() },
        Source::Method,
    );
    let this_text = "The payment plan's instalment of 70.00 USD was due on 2026-01-05 and is late: the customer pays it by 2026-01-12.";
    assert!(late.facts.iter().any(|fact| fact.sentence.starts_with(this_text)), "{late:?}");
    assert_eq!(late.next.at, Some(start_of_day(sydney, day("2026-01-13"))), "its end comes next");
    // Open again after a lost dispute: it is tried on the day by which its customer knows.
    let again = PlanOutlook {
        automatic: true,
        next,
        next_try: Some(start_of_day(sydney, day("2026-01-11"))),
        ..PlanOutlook::default()
    };
    let said = planned(again, Source::Method).next;
    assert!(
        said.sentence
            .ends_with("is collected from the customer's collection method on 2026-01-11."),
        "{said:?}"
    );
    // What is reserved by an announced transfer is not reminded.
    let mut invoice = invoices(&[100]).remove(0);
    invoice.pending = invoice.amounts.total;
    let until = start_of_day(sydney, day("2026-02-04"));
    let reserved = Context { transfer: Some((invoice.pending, until)), ..DECLINED };
    let said = explain(&invoice, on("2026-01-22"), &reserved).unwrap();
    let reminder = said.facts.iter().find(|fact| fact.topic == Topic::Reminder).unwrap();
    assert!(
        reminder.sentence.ends_with("where that comes to nothing, it is on 2026-02-04.")
            && reminder.at.is_none(),
        "{reminder:?}"
    );
}

#[test]
fn an_invoice_in_a_plan_that_is_kept_is_not_past_due_and_its_debit_under_way_comes_next() {
    let next = Some(NextInstalment { unpaid: usd(55), due: day("2026-01-10") });
    let plan = PlanOutlook {
        automatic: true,
        next,
        under_way: true,
        last_day: Some(day("2026-01-15")),
        ..PlanOutlook::default()
    };
    let said = planned(plan.clone(), Source::Method);
    assert_eq!(
        said.next.sentence,
        "The payment plan's instalment of 55.00 USD is being collected: the payment under way pays it, or the try has failed."
    );
    let due = |said: &Explanation| {
        said.facts.iter().find(|fact| fact.topic == Topic::Due).unwrap().sentence.clone()
    };
    assert!(
        due(&said).starts_with(
            "Without the payment plan it was due on 2026-01-02: the plan's own dates count"
        ),
        "{said:?}"
    );
    let late = planned(PlanOutlook { late: true, ..plan }, Source::Method);
    assert!(
        due(&late).starts_with("It was due on 2026-01-02 and is past due by 8 days."),
        "{late:?}"
    );
}

#[test]
fn what_is_open_of_a_plan_is_what_its_last_instalments_lack() {
    let plan = [(day("2026-01-20"), usd(55)), (day("2026-02-20"), usd(55))];
    for (open, expected) in [
        (110, Some((55, "2026-01-20"))),
        (77, Some((22, "2026-01-20"))),
        (55, Some((55, "2026-02-20"))),
        (0, None),
    ] {
        let next = next_of(&plan, usd(open)).unwrap();
        assert_eq!(
            next,
            expected.map(|(unpaid, due)| NextInstalment { unpaid: usd(unpaid), due: day(due) }),
            "{open}"
        );
    }
}
