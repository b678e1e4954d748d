//! What a chargeback takes of lots, and what winning the dispute gives back to them.

use super::{GivenBack, won_charge, won_top_up};
use crate::{
    Account, Charge, ChargeState, TaxKind, TopUp, TopUpState, Wallet,
    chargeback::{self, ReturnedCharge},
    ledger::TransferKind,
    lot::LotKind,
    posting::{self, Debit},
    top_up::Source,
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money};
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn ids(seed: &str) -> IdSource {
    IdSource::new(NOW, b"seed", seed)
}

fn wallet() -> Wallet {
    Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), aud("0").currency(), NOW)
}

fn account_balance(wallet: &Wallet, account: Account) -> Money {
    let entries = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == account);
    entries.map(|entry| entry.amount).try_fold(aud("0"), Money::plus).unwrap()
}

fn top_up(wallet: &Wallet) -> TopUp {
    TopUp {
        id: Id::from_uuid(Uuid::nil()),
        wallet: wallet.id,
        method: Id::from_uuid(Uuid::nil()),
        lot: wallet.lots.first().map(|lot| lot.id),
        expires_at: None,
        source: Source::Customer,
        state: TopUpState::Succeeded,
        amount: aud("55"),
        tax: aud("5"),
        refunded_credit: aud("0"),
        refunded_tax: aud("0"),
        tax_kind: TaxKind::TaxedSale,
        tax_rate: Decimal::TEN,
        tax_version: 1,
        tax_sentence: String::new(),
        decline_code: String::new(),
        provider_charge_id: String::new(),
        marks: payterms_kernel::Marks::default(),
        created_at: NOW,
        updated_at: NOW,
    }
}

/// 55.00 with tax were bought and 30.00 of the 50.00 spent; the chargeback leaves 30.00 owing, and
/// winning clears that.
#[test]
fn a_top_up_that_is_won_is_credit_with_its_tax_again() {
    let mut this_wallet = wallet();
    let expires_at = Some(NOW + TimeDelta::days(10));
    let lot = NewLot {
        kind: LotKind::Purchased,
        tax_kind: Some(TaxKind::TaxedSale),
        priority: 3,
        amount: aud("50"),
        expires_at,
        description: "bought".into(),
    };
    let funding = LotFunding {
        kind: TransferKind::TopUp,
        source: Account::ProviderClearing,
        tax: aud("5"),
        recharge: false,
    };
    this_wallet.add_lot(&mut ids("lot"), lot, funding, NOW).unwrap();
    let mut bought = top_up(&this_wallet);
    let old = this_wallet.lots[0].clone();
    let debit = Debit {
        amount: aud("30"),
        kind: TransferKind::Usage,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut this_wallet, &mut ids("use"), debit, NOW).unwrap();
    let taken =
        chargeback::of_top_up(&mut bought, &mut this_wallet, &mut ids("back"), aud("55"), NOW)
            .unwrap()
            .unwrap();
    assert_eq!(
        (this_wallet.posted, this_wallet.owed, this_wallet.owed_undone),
        (aud("30").negated(), aud("30"), aud("30"))
    );
    let lots = taken_from(&this_wallet);
    let given = GivenBack { taken, lots: &lots };
    let later = NOW + TimeDelta::days(11);
    let made =
        won_top_up(&mut bought, &mut this_wallet, &mut ids("won"), given, Some(&old), None, later)
            .unwrap();
    assert_eq!(
        (this_wallet.posted, this_wallet.owed, this_wallet.owed_undone),
        (aud("20"), aud("0"), aud("0")),
        "the debt is cleared"
    );
    assert_eq!((bought.state, bought.lot), (TopUpState::Succeeded, made.first().copied()));
    let lot = this_wallet.lots.iter().find(|lot| Some(lot.id) == bought.lot).unwrap();
    assert_eq!(
        (lot.priority, lot.description.as_str(), lot.expires_at),
        (3, "bought", Some(later + TimeDelta::days(30)))
    );
    assert_eq!(
        (
            account_balance(&this_wallet, Account::ProviderClearing),
            account_balance(&this_wallet, Account::TaxPayable)
        ),
        (aud("55").negated(), aud("5"))
    );
    let again =
        won_top_up(&mut bought, &mut this_wallet, &mut ids("won"), given, Some(&old), None, later);
    assert_eq!(again, Ok(Vec::new()), "once");
    assert!(this_wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}

#[test]
fn a_charge_that_is_won_pays_again_and_its_surplus_is_credit() {
    let mut this_wallet = wallet();
    let mut charge = Charge {
        id: Id::from_uuid(Uuid::nil()),
        step: Uuid::nil(),
        wallet: this_wallet.id,
        payment: Uuid::max(),
        method: None,
        state: ChargeState::Succeeded,
        amount: aud("100"),
        decline_code: String::new(),
        provider_charge_id: String::new(),
        charged_back: None,
        created_at: NOW,
        updated_at: NOW,
    };
    crate::settlement::surplus(
        &mut this_wallet,
        &mut ids("surplus"),
        Uuid::max(),
        aud("30"),
        None,
        NOW,
    )
    .unwrap();
    let returned = ReturnedCharge { amount: aud("100"), refunded: aud("0"), surplus: aud("30") };
    let taken =
        chargeback::of_charge(&mut charge, &mut this_wallet, &mut ids("back"), returned, NOW)
            .unwrap()
            .unwrap();
    assert_eq!(
        (taken.from_invoices, taken.credit, this_wallet.posted),
        (aud("70"), aud("30"), aud("0"))
    );
    let lots = taken_from(&this_wallet);
    let given = GivenBack { taken, lots: &lots };
    let restored =
        won_charge(&mut charge, &mut this_wallet, &mut ids("won"), given, aud("0"), None, NOW)
            .unwrap();
    assert_eq!(
        (restored, this_wallet.lots.len()),
        (vec![this_wallet.lots[0].id], 1),
        "the lot of the surplus has it again"
    );
    assert_eq!(
        (charge.state, charge.charged_back, this_wallet.posted),
        (ChargeState::Succeeded, None, aud("30"))
    );
    assert_eq!(
        account_balance(&this_wallet, Account::InvoiceSettlement),
        aud("30").negated(),
        "as it was before"
    );
    assert_eq!(account_balance(&this_wallet, Account::ProviderClearing), aud("0"));
    assert_eq!(
        won_charge(&mut charge, &mut this_wallet, &mut ids("won"), given, aud("0"), None, NOW),
        Ok(Vec::new()),
        "once"
    );
}

fn bought(wallet: &mut Wallet, credit: &str, seed: &str) -> Id<crate::Lot> {
    let new = NewLot {
        kind: LotKind::Purchased,
        tax_kind: Some(TaxKind::TaxedSale),
        priority: 0,
        amount: aud(credit),
        expires_at: None,
        description: String::new(),
    };
    let funding = LotFunding {
        kind: TransferKind::TopUp,
        source: Account::ProviderClearing,
        tax: aud("0"),
        recharge: false,
    };
    wallet.add_lot(&mut ids(seed), new, funding, NOW).unwrap()
}

/// The lots that a chargeback has taken credit from, as they are now.
fn taken_from(wallet: &Wallet) -> Vec<(crate::Lot, Money)> {
    let as_now = |id| wallet.lots.iter().find(|lot| lot.id == id).cloned().unwrap();
    chargeback::lots_taken(wallet).into_iter().map(|(id, part)| (as_now(id), part)).collect()
}

fn free_of(wallet: &Wallet, lot: Id<crate::Lot>) -> Money {
    wallet.lots.iter().find(|each| each.id == lot).map_or(aud("0"), |lot| lot.remaining)
}

#[test]
fn a_top_up_loses_its_own_lot_before_a_newer_one() {
    let mut wallet = wallet();
    let id = bought(&mut wallet, "50", "own");
    let newer = bought(&mut wallet, "50", "newer");
    let mut top_up = TopUp { lot: Some(id), ..top_up(&wallet) };
    chargeback::of_top_up(&mut top_up, &mut wallet, &mut ids("take"), aud("44"), NOW)
        .unwrap()
        .unwrap();
    assert_eq!((free_of(&wallet, id), free_of(&wallet, newer)), (aud("10"), aud("50")));
}

#[test]
fn no_more_is_taken_than_was_not_refunded_and_all_of_its_tax() {
    let mut wallet = wallet();
    let id = bought(&mut wallet, "50", "own");
    let mut top_up = TopUp {
        lot: Some(id),
        refunded_credit: aud("16.67"),
        refunded_tax: aud("1.66"),
        ..top_up(&wallet)
    };
    let taken = chargeback::of_top_up(&mut top_up, &mut wallet, &mut ids("take"), aud("55"), NOW)
        .unwrap()
        .unwrap();
    assert_eq!((taken.amount, taken.credit, taken.tax), (aud("36.67"), aud("33.33"), aud("3.34")));
}

/// 30.00 of the first purchase are spent; the chargeback takes the other 20.00, then 30.00 of the
/// second. Won, each has its own again.
#[test]
fn each_lot_has_back_what_was_taken_from_it() {
    let mut wallet = wallet();
    let id = bought(&mut wallet, "50", "own");
    let debit = Debit {
        amount: aud("30"),
        kind: TransferKind::Usage,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut wallet, &mut ids("use"), debit, NOW).unwrap();
    let other = bought(&mut wallet, "50", "other");
    let mut top_up = TopUp { lot: Some(id), ..top_up(&wallet) };
    let taken = chargeback::of_top_up(&mut top_up, &mut wallet, &mut ids("take"), aud("55"), NOW)
        .unwrap()
        .unwrap();
    assert_eq!(chargeback::lots_taken(&wallet), [(id, aud("20")), (other, aud("30"))]);
    let lots = taken_from(&wallet);
    let given = GivenBack { taken, lots: &lots };
    let restored =
        won_top_up(&mut top_up, &mut wallet, &mut ids("won"), given, Some(&lots[0].0), None, NOW)
            .unwrap();
    assert_eq!((restored, top_up.lot), (vec![id, other], Some(id)));
    assert_eq!(
        (free_of(&wallet, id), free_of(&wallet, other), wallet.lots.len()),
        (aud("20"), aud("50"), 2)
    );
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}

/// What a later purchase has paid of the debt meanwhile becomes credit of the disputed top-up's own
/// lot: it was spent of that.
#[test]
fn what_had_become_debt_goes_to_the_own_lot() {
    let mut wallet = wallet();
    let id = bought(&mut wallet, "50", "own");
    let debit = Debit {
        amount: aud("50"),
        kind: TransferKind::Usage,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut wallet, &mut ids("use"), debit, NOW).unwrap();
    let mut top_up = TopUp { lot: Some(id), ..top_up(&wallet) };
    let taken = chargeback::of_top_up(&mut top_up, &mut wallet, &mut ids("take"), aud("55"), NOW)
        .unwrap()
        .unwrap();
    let later = bought(&mut wallet, "60", "later");
    assert_eq!((wallet.owed, free_of(&wallet, later)), (aud("0"), aud("10")));
    let used_up = wallet.lots.iter().find(|lot| lot.id == id).cloned();
    let given = GivenBack { taken, lots: &[] };
    let restored =
        won_top_up(&mut top_up, &mut wallet, &mut ids("won"), given, used_up.as_ref(), None, NOW)
            .unwrap();
    assert_eq!((restored, top_up.lot), (vec![id], Some(id)));
    assert_eq!(
        (free_of(&wallet, id), free_of(&wallet, later), wallet.posted),
        (aud("50"), aud("10"), aud("60"))
    );
}

#[test]
fn what_has_no_room_in_the_own_lot_is_in_a_new_one() {
    let mut wallet = wallet();
    let id = bought(&mut wallet, "50", "own");
    let mut top_up = TopUp { lot: Some(id), ..top_up(&wallet) };
    let taken = chargeback::of_top_up(&mut top_up, &mut wallet, &mut ids("take"), aud("22"), NOW)
        .unwrap()
        .unwrap();
    // Something else has taken the room meanwhile.
    wallet.lots[0].amount = aud("45");
    let lots = taken_from(&wallet);
    let given = GivenBack { taken, lots: &lots };
    let restored =
        won_top_up(&mut top_up, &mut wallet, &mut ids("won"), given, Some(&lots[0].0), None, NOW)
            .unwrap();
    assert_eq!((restored.len(), top_up.lot), (2, Some(id)));
    assert_eq!(
        (free_of(&wallet, id), free_of(&wallet, restored[1]), wallet.posted),
        (aud("45"), aud("5"), aud("50"))
    );
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}

/// 60.00 of one purchase are spent; its chargeback takes 60.00 of another. The rounding of a month
/// takes a little of the other's room, and the other can be refunded as before nevertheless.
#[test]
fn a_rounding_meanwhile_does_not_move_the_credit_of_another_purchase() {
    let mut wallet = wallet();
    let id = bought(&mut wallet, "60", "own");
    let debit = Debit {
        amount: aud("60"),
        kind: TransferKind::Usage,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut wallet, &mut ids("use"), debit, NOW).unwrap();
    let other = bought(&mut wallet, "100", "other");
    let mut top_up = TopUp { lot: Some(id), amount: aud("60"), tax: aud("0"), ..top_up(&wallet) };
    let taken = chargeback::of_top_up(&mut top_up, &mut wallet, &mut ids("take"), aud("60"), NOW)
        .unwrap()
        .unwrap();
    assert_eq!(chargeback::lots_taken(&wallet), [(other, aud("60"))]);
    for lot in wallet.lots.iter_mut().filter(|lot| lot.id == other) {
        lot.remaining = lot.remaining.plus(aud("0.004")).unwrap();
    }
    wallet.posted = wallet.posted.plus(aud("0.004")).unwrap();
    let lots = taken_from(&wallet);
    let given = GivenBack { taken, lots: &lots };
    let restored =
        won_top_up(&mut top_up, &mut wallet, &mut ids("won"), given, None, None, NOW).unwrap();
    assert_eq!(
        (restored[0], free_of(&wallet, other), free_of(&wallet, restored[1])),
        (other, aud("100"), aud("0.004"))
    );
    assert_eq!((top_up.lot, wallet.posted), (Some(id), aud("100.004")));
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}
