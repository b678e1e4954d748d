//! Tests of settlement.

use super::{
    InvoiceTax, PaymentHold, REFUSED, available_for, capture, held_before, hold, never_held,
    release, surplus,
};
use crate::{
    Account, HoldState, LotKind, TaxKind, TransferKind, Wallet,
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use proptest::prelude::*;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

fn payment(amount: Money, tax: InvoiceTax) -> PaymentHold {
    PaymentHold { payment: Uuid::nil(), amount, tax }
}

fn ids() -> IdSource {
    IdSource::new(NOW, b"seed", "test")
}

fn wallet(ids: &mut IdSource, lots: &[(i64, Option<TaxKind>)]) -> Wallet {
    let mut wallet =
        Wallet::open(ids.make(), Id::from_uuid(Uuid::nil()), Currency::parse("USD").unwrap(), NOW);
    for (cents, tax_kind) in lots {
        let kind = if tax_kind.is_some() { LotKind::Purchased } else { LotKind::Granted };
        let new = NewLot {
            kind,
            tax_kind: *tax_kind,
            priority: 0,
            amount: usd(*cents),
            expires_at: None,
            description: String::new(),
        };
        wallet
            .add_lot(
                ids,
                new,
                LotFunding {
                    kind: TransferKind::TopUp,
                    source: Account::ProviderClearing,
                    tax: usd(0),
                    recharge: false,
                },
                NOW,
            )
            .unwrap();
    }
    wallet.transfers.clear();
    wallet
}

#[test]
fn credit_that_was_taxed_when_bought_pays_no_taxed_invoice() {
    let mut ids = ids();
    let mut wallet = wallet(
        &mut ids,
        &[(1_000, Some(TaxKind::TaxedSale)), (500, Some(TaxKind::Deposit)), (200, None)],
    );
    assert_eq!(
        (
            available_for(&wallet, InvoiceTax::Taxed, NOW).unwrap(),
            available_for(&wallet, InvoiceTax::Untaxed, NOW).unwrap()
        ),
        (usd(700), usd(1_700))
    );
    let refused =
        hold(&mut wallet, &mut ids, payment(usd(701), InvoiceTax::Taxed), NOW).unwrap_err();
    assert_eq!(refused.reason, Reason::INSUFFICIENT_FUNDS);
    let mut held = hold(&mut wallet, &mut ids, payment(usd(700), InvoiceTax::Taxed), NOW).unwrap();
    assert_eq!(available_for(&wallet, InvoiceTax::Taxed, NOW).unwrap(), usd(0));
    capture(&mut wallet, &mut held, &mut ids, NOW).unwrap();
    assert_eq!((wallet.posted, held.state), (usd(1_000), HoldState::Captured));
    let settled: Vec<_> = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == Account::InvoiceSettlement)
        .collect();
    assert_eq!(settled[0].amount, usd(700));
    assert!(
        wallet.transfers.iter().all(
            |transfer| transfer.is_balanced().unwrap() && transfer.payment == Some(Uuid::nil())
        )
    );
}

#[test]
fn only_whole_minor_units_move_and_the_rest_stays() {
    let mut ids = ids();
    let mut wallet = wallet(&mut ids, &[(1_000, None)]);
    wallet.lots[0].remaining = Money::from_micros(wallet.currency, 9_999_999);
    assert_eq!(available_for(&wallet, InvoiceTax::Untaxed, NOW).unwrap(), usd(999));
}

#[test]
fn released_is_released_and_a_late_hold_is_refused() {
    let mut ids = ids();
    let mut wallet = wallet(&mut ids, &[(1_000, None)]);
    let mut held =
        hold(&mut wallet, &mut ids, payment(usd(400), InvoiceTax::Untaxed), NOW).unwrap();
    release(&mut wallet, &mut held, &mut ids, NOW).unwrap();
    release(&mut wallet, &mut held, &mut ids, NOW).unwrap();
    assert_eq!(
        (available_for(&wallet, InvoiceTax::Untaxed, NOW).unwrap(), held.state),
        (usd(1_000), HoldState::Voided)
    );
    assert_eq!(
        capture(&mut wallet, &mut held, &mut ids, NOW).unwrap_err().reason,
        Reason::HOLD_STATE
    );
    let marker = never_held(&wallet, &mut ids, Uuid::nil(), "", NOW);
    assert_eq!(held_before(&marker, usd(400)).unwrap_err().reason, Reason::HOLD_STATE);
    let refused = never_held(&wallet, &mut ids, Uuid::nil(), REFUSED.name(), NOW);
    assert_eq!(
        held_before(&refused, usd(400)).unwrap_err().reason,
        Reason::INSUFFICIENT_FUNDS,
        "once refused, always refused"
    );
    let mut held =
        hold(&mut wallet, &mut ids, payment(usd(400), InvoiceTax::Untaxed), NOW).unwrap();
    assert!(held_before(&held, usd(400)).is_ok() && held_before(&held, usd(401)).is_err());
    capture(&mut wallet, &mut held, &mut ids, NOW).unwrap();
    let before = wallet.posted;
    capture(&mut wallet, &mut held, &mut ids, NOW).unwrap();
    assert_eq!((wallet.posted, held_before(&held, usd(400)).is_ok()), (before, true), "taken once");
}

#[test]
fn a_surplus_is_purchased_credit_and_pays_what_is_owed() {
    let mut ids = ids();
    let mut wallet = wallet(&mut ids, &[]);
    wallet.owed = usd(300);
    wallet.posted = usd(-300);
    surplus(&mut wallet, &mut ids, Uuid::nil(), usd(1_000), None, NOW).unwrap();
    assert_eq!(
        (wallet.posted, wallet.owed, wallet.lots[0].remaining),
        (usd(700), usd(0), usd(700))
    );
    let sum = |payment: Option<Uuid>| {
        let entries = wallet
            .transfers
            .iter()
            .filter(|transfer| transfer.payment == payment)
            .flat_map(|transfer| &transfer.entries);
        entries
            .filter(|entry| entry.account == Account::InvoiceSettlement)
            .fold(usd(0), |sum, entry| sum.plus(entry.amount).unwrap())
    };
    assert_eq!(
        sum(Some(Uuid::nil())),
        usd(-1_000),
        "the payment gave ten of what it charged to the wallet"
    );
}

proptest! {
    #[test]
    fn holding_and_releasing_or_capturing_keeps_the_books(lots in prop::collection::vec(1_i64..5_000, 1..6), amounts in prop::collection::vec((1_i64..4_000, any::<bool>()), 1..8)) {
        let mut ids = ids();
        let lots: Vec<_> = lots.into_iter().map(|cents| (cents, None)).collect();
        let mut wallet = wallet(&mut ids, &lots);
        let mut model: i64 = lots.iter().map(|(cents, _)| cents).sum();
        for (cents, captures) in amounts {
            let attempt = hold(&mut wallet, &mut ids, payment(usd(cents), InvoiceTax::Untaxed), NOW);
            prop_assert_eq!(attempt.is_ok(), cents <= model);
            let Ok(mut held) = attempt else { continue };
            if captures {
                capture(&mut wallet, &mut held, &mut ids, NOW).unwrap();
                model -= cents;
            } else {
                release(&mut wallet, &mut held, &mut ids, NOW).unwrap();
            }
            prop_assert_eq!(wallet.posted, usd(model));
            prop_assert_eq!(wallet.held().unwrap(), usd(0));
            let left = wallet.lots.iter().fold(usd(0), |sum, lot| sum.plus(lot.remaining).unwrap());
            prop_assert_eq!(left, usd(model));
        }
        prop_assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
    }
}
