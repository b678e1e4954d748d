//! Chargebacks: what is spent already is owed, and what had become credit is taken back.

use super::{ReturnedCharge, of_charge, of_top_up};
use crate::{
    Account, Charge, ChargeState, TaxKind, TopUp, TopUpState, Wallet,
    ledger::TransferKind,
    lot::LotKind,
    posting::{self, Debit},
    settlement,
    top_up::Source,
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money};
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn ids() -> IdSource {
    IdSource::new(NOW, b"seed", "test")
}

fn wallet(lots: &[(&str, TaxKind)]) -> Wallet {
    let mut wallet = Wallet::open(
        Id::from_uuid(Uuid::nil()),
        Id::from_uuid(Uuid::nil()),
        aud("0").currency(),
        NOW,
    );
    for (amount, kind) in lots {
        let lot = NewLot {
            kind: LotKind::Purchased,
            tax_kind: Some(*kind),
            priority: 0,
            amount: aud(amount),
            expires_at: None,
            description: String::new(),
        };
        let mut ids = IdSource::new(NOW, b"seed", amount);
        wallet
            .add_lot(
                &mut ids,
                lot,
                LotFunding {
                    kind: TransferKind::TopUp,
                    source: Account::ProviderClearing,
                    tax: aud("0"),
                    recharge: false,
                },
                NOW,
            )
            .unwrap();
    }
    wallet
}

fn returned(surplus: &str) -> ReturnedCharge {
    ReturnedCharge { amount: aud("100"), refunded: aud("10"), surplus: aud(surplus) }
}

fn account_balance(wallet: &Wallet, account: Account) -> Money {
    let entries = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == account);
    entries.map(|entry| entry.amount).try_fold(aud("0"), Money::plus).unwrap()
}

#[test]
fn a_top_up_is_reversed_with_its_tax_and_what_is_spent_is_owed() {
    let mut wallet = wallet(&[("5", TaxKind::Deposit), ("50", TaxKind::TaxedSale)]);
    let debit = Debit {
        amount: aud("30"),
        kind: TransferKind::Usage,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut wallet, &mut ids(), debit, NOW).unwrap();
    let mut top_up = TopUp {
        id: Id::from_uuid(Uuid::nil()),
        wallet: wallet.id,
        method: Id::from_uuid(Uuid::nil()),
        lot: None,
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
    };
    assert_eq!(
        of_top_up(&mut top_up, &mut wallet, &mut ids(), aud("55"), NOW)
            .unwrap()
            .map(|taken_back| (taken_back.credit, taken_back.tax)),
        Some((aud("50"), aud("5")))
    );
    assert_eq!((wallet.posted, top_up.state), (aud("25").negated(), TopUpState::ChargedBack));
    assert_eq!(wallet.owed_undone, wallet.owed, "no recharge pays it");
    assert_eq!(account_balance(&wallet, Account::TaxPayable), aud("5").negated());
    assert_eq!(of_top_up(&mut top_up, &mut wallet, &mut ids(), aud("55"), NOW), Ok(None), "once");
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}

#[test]
fn a_charge_reopens_what_invoices_kept_and_takes_back_what_became_credit() {
    let mut wallet = wallet(&[]);
    let mut charge = Charge {
        id: Id::from_uuid(Uuid::nil()),
        step: Uuid::nil(),
        wallet: wallet.id,
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
    // Of a hundred, seventy paid an invoice, thirty became credit, ten of the seventy were
    // given back as credit.
    settlement::surplus(&mut wallet, &mut ids(), Uuid::max(), aud("30"), None, NOW).unwrap();
    settlement::surplus(&mut wallet, &mut ids(), Uuid::max(), aud("10"), None, NOW).unwrap();
    assert_eq!(
        of_charge(&mut charge, &mut wallet, &mut ids(), returned("30"), NOW)
            .unwrap()
            .map(|taken_back| taken_back.credit),
        Some(aud("40"))
    );
    let charged_back = charge.charged_back.unwrap();
    assert_eq!((charged_back.from_invoices, charged_back.from_surplus), (aud("60"), aud("30")));
    assert_eq!(wallet.posted, aud("0"), "both parts of the credit are gone");
    assert_eq!(account_balance(&wallet, Account::InvoiceSettlement), aud("100").negated());
    assert_eq!(
        of_charge(&mut charge, &mut wallet, &mut ids(), returned("0"), NOW),
        Ok(None),
        "once"
    );
}
