//! Disputes over invoices: blocked, standing again, lost.

use crate::{
    Invoice, InvoiceState, Payment, TenderState,
    block::{Block, BlockReason},
    chargeback::{Reversed, Taken},
    collection::CollectionState,
    explain::{Calendar, Context, explain},
    payment::{
        PaymentRequest, Source, ask,
        tests::{customer, invoices},
    },
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{Currency, IdSource, Money, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const DISPUTE: &str = "tenants/acme/customers/c/disputes/d";
const PLAN: &str = "tenants/acme/customers/c/plans/p";

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

fn ids(seed: &str) -> IdSource {
    IdSource::new(NOW, b"seed", seed)
}

fn today() -> NaiveDate {
    NOW.date_naive()
}

/// 50.00 and 60.00 are paid by card with 10.00 beyond them, and all of it is taken back.
fn taken_back() -> (Vec<Invoice>, Payment, Reversed) {
    let mut these_invoices = invoices(&[5_000, 6_000]);
    for invoice in &mut these_invoices {
        invoice.content.collect_automatically = true;
    }
    let tenders = vec![(Source::Card(Uuid::nil()), Some(usd(12_000)))];
    let asked =
        PaymentRequest { invoices: Vec::new(), tenders, surplus_allowed: true, deferred_on: None };
    let mut payment =
        ask(&mut ids("ask"), customer().id, &mut these_invoices, &asked, NOW).unwrap();
    payment.tenders.iter_mut().for_each(|tender| tender.state = TenderState::Succeeded);
    payment.close(&mut these_invoices, NOW).unwrap();
    let taken = Taken { place: 0, from_invoices: usd(11_000), from_surplus: usd(1_000) };
    let reversed = payment.charged_back(taken, &mut these_invoices, NOW, NOW).unwrap().unwrap();
    for invoice in &mut these_invoices {
        invoice.dispute_opened(DISPUTE, today(), NOW);
    }
    (these_invoices, payment, reversed)
}

#[test]
fn what_is_disputed_is_blocked_and_not_collected() {
    let (mut invoices, ..) = taken_back();
    for invoice in &mut invoices {
        let block = invoice.block.clone().unwrap();
        assert_eq!(
            (block.reason, block.owner.as_str(), invoice.collection.next_at),
            (BlockReason::Disputed, DISPUTE, None)
        );
        assert_eq!(invoice.collection.state, CollectionState::Scheduled);
        assert_eq!(invoice.collect(&mut ids("collect"), NOW).unwrap(), None);
        let calendar =
            Calendar { reminder_days: &[3], zone: chrono_tz::Tz::UTC, today: today(), now: NOW };
        let explanation = explain(invoice, calendar, &Context::default()).unwrap();
        assert!(
            explanation.facts.iter().any(|fact| fact.sentence.contains("disputed at its issuer"))
                && explanation.next.sentence.contains("WinDispute")
        );
    }
}

#[test]
fn a_payment_that_stands_again_pays_on_its_own_day_what_is_open_and_the_rest_becomes_credit() {
    let (mut invoices, mut payment, reversed) = taken_back();
    // The second invoice is paid by other money meanwhile.
    let (second, first) = (invoices.pop().unwrap(), invoices.pop().unwrap());
    let mut invoices = vec![first, second];
    let other = PaymentRequest {
        invoices: vec![(invoices[1].id, None)],
        tenders: vec![(Source::Card(Uuid::max()), None)],
        surplus_allowed: false,
        deferred_on: None,
    };
    let mut again = ask(&mut ids("again"), customer().id, &mut invoices[1..], &other, NOW).unwrap();
    again.tenders.iter_mut().for_each(|tender| tender.state = TenderState::Succeeded);
    again.close(&mut invoices[1..], NOW).unwrap();
    let refunds = payment
        .stand_again(0, &reversed, &mut invoices, &mut ids("won"), NOW + TimeDelta::days(30))
        .unwrap();
    let paid: Money =
        invoices.iter().map(|invoice| invoice.paid).try_fold(usd(0), Money::plus).unwrap();
    assert_eq!(
        (paid, invoices[0].state, invoices[1].state),
        (usd(11_000), InvoiceState::Paid, InvoiceState::Paid)
    );
    assert!(
        invoices.iter().all(|invoice| invoice.paid_by_day.len() == 1),
        "on the day that it was paid first"
    );
    assert_eq!(refunds.len(), 1);
    let part = &refunds[0].parts[0];
    assert_eq!(
        (refunds[0].invoice, part.to_credit, part.amount),
        (invoices[1].id, true, refunds[0].amount)
    );
    let tender = &payment.tenders[0];
    assert_eq!(
        (tender.charged_back, tender.refunded, payment.surplus),
        (usd(0), refunds[0].amount, usd(1_000))
    );
    let stands = payment
        .allocations
        .iter()
        .map(|allocation| allocation.paid.plus(allocation.refunded).unwrap())
        .try_fold(usd(0), Money::plus)
        .unwrap();
    assert_eq!(stands.plus(payment.surplus).unwrap(), usd(12_000), "nothing is lost");
}

#[test]
fn the_block_goes_to_another_open_dispute_and_a_plan_keeps_its_own() {
    let (mut invoices, ..) = taken_back();
    let invoice = &mut invoices[0];
    invoice.dispute_opened("other", today(), NOW);
    assert_eq!(invoice.disputed_by, DISPUTE, "the first one's");
    invoice.dispute_ended(DISPUTE, Some("other"), today(), NOW).unwrap();
    assert_eq!(
        (invoice.disputed_by.as_str(), invoice.block.as_ref().unwrap().owner.as_str()),
        ("other", "other")
    );
    let plan = |reason| Block { reason, owner: PLAN.into(), since: today() };
    assert_eq!(
        invoice.set_block(plan(BlockReason::PlanProposed), NOW).unwrap_err().reason,
        Reason::INVOICE_BLOCKED,
        "nobody proposes one now"
    );
    invoice.set_block(plan(BlockReason::PlanActive), NOW).unwrap();
    assert_eq!(invoice.block.as_ref().unwrap().owner, PLAN, "one that was paid goes on");
    invoice.lift_block(PLAN, today(), NOW).unwrap();
    assert_eq!(invoice.block.as_ref().unwrap().owner, "other", "the dispute is still open");
    invoice.dispute_ended("other", None, today(), NOW).unwrap();
    assert_eq!(
        (invoice.block.clone(), invoice.disputed_by.as_str(), invoice.collection.next_at),
        (None, "", Some(NOW))
    );
}

#[test]
fn what_is_lost_is_collected_on_the_later_of_its_due_date_and_the_day_of_notice() {
    let (mut invoices, ..) = taken_back();
    let invoice = &mut invoices[0];
    let due = invoice.issue.as_ref().unwrap().due_date;
    let at = |day: NaiveDate| payterms_kernel::calendar::start_of_day(chrono_tz::Tz::UTC, day);
    invoice.dispute_ended(DISPUTE, None, today(), NOW).unwrap();
    let (before, after) = (at(due) - TimeDelta::days(3), at(due) + TimeDelta::days(3));
    invoice.collection.next_at = Some(before);
    invoice.collect_again(chrono_tz::Tz::UTC, before, NOW);
    assert_eq!(invoice.collection.next_at, Some(at(due)));
    invoice.collection.next_at = Some(before);
    invoice.collect_again(chrono_tz::Tz::UTC, after, NOW);
    assert_eq!(invoice.collection.next_at, Some(after));
}
