//! Revocations: two people withhold credit, one gives it back; what is pinned or granted stays.

use super::{Cause, Decision, Proposal, Revocation, RevocationState, propose};
use crate::{
    Account, LotKind, TaxKind, TransferKind, Wallet,
    hold::{self, Authorization},
    posting::{self, Debit},
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

fn ids() -> IdSource {
    IdSource::new(NOW, b"seed", "test")
}

fn wallet(kind: LotKind, expires_at: Option<DateTime<Utc>>) -> Wallet {
    let mut wallet = Wallet::open(
        Id::from_uuid(Uuid::nil()),
        Id::from_uuid(Uuid::nil()),
        usd(0).currency(),
        NOW,
    );
    let lot = NewLot {
        kind,
        tax_kind: (kind == LotKind::Purchased).then_some(TaxKind::TaxedSale),
        priority: 0,
        amount: usd(50_00),
        expires_at,
        description: String::new(),
    };
    let funding = LotFunding {
        kind: TransferKind::TopUp,
        source: Account::ProviderClearing,
        tax: usd(5_00),
        recharge: false,
    };
    wallet.add_lot(&mut ids(), lot, funding, NOW).unwrap();
    wallet
}

fn proposed(wallet: &Wallet, cents: Option<i64>) -> Result<Revocation, payterms_kernel::Refusal> {
    let proposal = Proposal {
        cause: Cause::Fraud,
        amount: cents.map(usd),
        explanation: "A stolen card bought it.".into(),
    };
    propose(wallet, wallet.lots[0].id, Id::from_uuid(Uuid::max()), "ann", proposal, NOW)
}

fn by(who: &str, approve: bool) -> Decision {
    Decision { by: who.into(), approve, answer: "Checked".into() }
}

fn balance(wallet: &Wallet, account: Account) -> Money {
    let entries = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == account);
    entries.map(|entry| entry.amount).try_fold(usd(0), Money::plus).unwrap()
}

#[test]
fn two_people_withhold_it_and_one_gives_it_back() {
    let mut wallet = wallet(LotKind::Purchased, None);
    let mut revocation = proposed(&wallet, Some(20_00)).unwrap();
    assert_eq!(wallet.posted, usd(50_00), "a proposal takes nothing");
    assert_eq!(
        revocation.decide(&mut wallet, &mut ids(), by("ann", true), NOW).unwrap_err().reason,
        Reason::SEPARATION_OF_DUTIES
    );
    revocation.decide(&mut wallet, &mut ids(), by("bob", true), NOW).unwrap();
    assert_eq!(
        (wallet.posted, balance(&wallet, Account::Withheld), balance(&wallet, Account::Revenue)),
        (usd(30_00), usd(20_00), usd(0))
    );
    assert_eq!(
        revocation.decide(&mut wallet, &mut ids(), by("eve", false), NOW).unwrap_err().reason,
        Reason::REVOCATION_STATE
    );
    let lot = wallet.lots[0].clone();
    revocation.restore(&mut wallet, &mut ids(), &lot, "It was no fraud.".into(), NOW).unwrap();
    assert_eq!(
        (wallet.lots[0].remaining, balance(&wallet, Account::Withheld)),
        (usd(50_00), usd(0))
    );
    assert_eq!(
        revocation.restore(&mut wallet, &mut ids(), &lot, String::new(), NOW).unwrap_err().reason,
        Reason::REVOCATION_STATE
    );
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}

#[test]
fn what_holds_pin_or_was_granted_stays() {
    let mut pinned = wallet(LotKind::Purchased, None);
    let order = Authorization { amount: usd(30_00), expires_at: None, description: String::new() };
    hold::authorize(&mut pinned, &mut ids(), order, NOW).unwrap();
    assert_eq!(proposed(&pinned, Some(20_01)).unwrap_err().reason, Reason::REVOCATION_TOO_LARGE);
    let mut revocation = proposed(&pinned, None).unwrap();
    assert_eq!(revocation.amount, usd(20_00));
    let debit = Debit {
        amount: usd(1),
        kind: TransferKind::Debit,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut pinned, &mut ids(), debit, NOW).unwrap();
    assert_eq!(
        revocation.decide(&mut pinned, &mut ids(), by("bob", true), NOW).unwrap_err().reason,
        Reason::REVOCATION_TOO_LARGE
    );
    let rest = Debit {
        amount: usd(19_99),
        kind: TransferKind::Debit,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut pinned, &mut ids(), rest, NOW).unwrap();
    let nothing = revocation.decide(&mut pinned, &mut ids(), by("bob", true), NOW).unwrap_err();
    assert_eq!(
        (nothing.reason, &nothing.metadata[0]),
        (Reason::REVOCATION_TOO_LARGE, &("left", "0".to_owned())),
        "nothing at all"
    );
    revocation.decide(&mut pinned, &mut ids(), by("bob", false), NOW).unwrap();
    assert_eq!((revocation.state, pinned.posted), (RevocationState::Refused, usd(30_00)));
    assert_eq!(
        proposed(&wallet(LotKind::Granted, None), None).unwrap_err().reason,
        Reason::LOT_STATE
    );
}

#[test]
fn what_is_restored_pays_what_is_owed_and_outlives_its_lot() {
    let mut ids = IdSource::new(NOW, b"seed", "restored");
    let mut wallet = wallet(LotKind::Purchased, Some(NOW + TimeDelta::days(1)));
    let mut revocation = proposed(&wallet, None).unwrap();
    revocation.decide(&mut wallet, &mut ids, by("bob", true), NOW).unwrap();
    let debit = Debit {
        amount: usd(8_00),
        kind: TransferKind::Fee,
        into_negative: true,
        description: String::new(),
    };
    posting::debit(&mut wallet, &mut ids, debit, NOW).unwrap();
    let (lot, later) = (wallet.lots[0].clone(), NOW + TimeDelta::days(9));
    revocation.restore(&mut wallet, &mut ids, &lot, String::new(), later).unwrap();
    let again = wallet.lots.iter().find(|lot| Some(lot.id) == revocation.restored_to).unwrap();
    assert_eq!(
        (wallet.owed, again.remaining, again.expires_at),
        (usd(0), usd(42_00), Some(later + TimeDelta::days(30)))
    );
}
