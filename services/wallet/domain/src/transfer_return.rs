//! What a bank line had paid is booked back: its match was taken back, or the bank took the money
//! back (docs/domain/wallet.md#transfer-return-movement).

use crate::{
    chargeback::Sides,
    ledger::{Account, TransferKind},
    lot::{Lot, TaxKind},
    settlement::{CreditBought, post},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal, money::MoneyError};
use uuid::Uuid;

/// Credit that a transfer had become, to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnedCredit {
    /// The credit with its tax, and how it was taxed.
    pub credit: CreditBought,
    /// The lot that it made.
    pub lot: Option<Id<Lot>>,
}

/// What had arrived for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// The payment.
    pub payment: Uuid,
    /// All of it.
    pub amount: Money,
    /// The part of it that had become credit beyond the invoices.
    pub surplus: Option<ReturnedCredit>,
    /// The part of it that had bought credit.
    pub bought: Option<ReturnedCredit>,
}

/// Books it back: invoice settlement → bank clearing, and the surplus from its own lot → invoice
/// settlement; bought credit from its own lot and its tax → bank clearing. What is spent of either
/// is owed: other credit of the customer stays as it is.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub fn return_transfer(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    returned: Returned,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    wallet.takes(returned.amount)?;
    let (kind, payment) = (TransferKind::TransferReturn, Some(returned.payment));
    let bought =
        returned.bought.map_or_else(|| Money::zero(wallet.currency), |bought| bought.credit.amount);
    let settled = returned.amount.minus(bought)?;
    if settled.is_positive() {
        let sides = vec![
            (Account::InvoiceSettlement, None, settled.negated()),
            (Account::BankClearing, None, settled),
        ];
        post(wallet, ids, kind, payment, sides, now)?;
    }
    for (source, taken) in
        [(Account::InvoiceSettlement, returned.surplus), (Account::BankClearing, returned.bought)]
    {
        let Some(taken) = taken.filter(|taken| taken.credit.amount.is_positive()) else { continue };
        let CreditBought { amount, tax, tax_kind } = taken.credit;
        let mut sides = take_from(wallet, taken.lot, amount.minus(tax)?, tax_kind)?;
        sides.push((source, None, amount));
        if !tax.is_zero() {
            sides.push((Account::TaxPayable, None, tax.negated()));
        }
        post(wallet, ids, kind, payment, sides, now)?;
    }
    Ok(())
}

/// Takes credit from its own lot; what is spent of it is owed.
fn take_from(
    wallet: &mut Wallet,
    lot: Option<Id<Lot>>,
    credit: Money,
    tax_kind: TaxKind,
) -> Result<Sides, MoneyError> {
    let (mut spent, mut sides) = (credit, Sides::new());
    if let Some(lot) = wallet.lots.iter_mut().find(|each| Some(each.id) == lot) {
        let part = lot.unpinned()?.min(credit)?;
        if part.is_positive() {
            lot.remaining = lot.remaining.minus(part)?;
            spent = spent.minus(part)?;
            sides.push((Account::CustomerCredit, Some(lot.id), part.negated()));
        }
    }
    if spent.is_positive() {
        wallet.owed = wallet.owed.plus(spent)?;
        wallet.owed_undone = wallet.owed_undone.plus(spent)?;
        // Only deposits: what taxed credit paid for is taxed again by whatever pays this debt in
        // the end. A surplus is a deposit: what it paid for was taxed on its invoice.
        if tax_kind == TaxKind::Deposit {
            wallet.owed_back = wallet.owed_back.plus(spent)?;
        }
        sides.push((Account::CustomerCredit, None, spent.negated()));
    }
    Ok(sides)
}

#[cfg(test)]
mod tests {
    use super::{Returned, ReturnedCredit, return_transfer};
    use crate::{
        Account, AutoRecharge, LotKind, TaxKind, TransferKind, Wallet,
        posting::{self, Debit},
        recharge::{Rules, Then},
        settlement::{self, Arrived, CreditBought},
        wallet::{LotFunding, NewLot},
    };
    use chrono::{DateTime, Utc};
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const PAYMENT: Uuid = Uuid::max();

    fn aud(text: &str) -> Money {
        Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
    }

    fn ids(seed: &str) -> IdSource {
        IdSource::new(NOW, b"seed", seed)
    }

    fn wallet() -> Wallet {
        Wallet::open(
            Id::from_uuid(Uuid::nil()),
            Id::from_uuid(Uuid::nil()),
            aud("0").currency(),
            NOW,
        )
    }

    fn spend(wallet: &mut Wallet, amount: &str) {
        if !aud(amount).is_zero() {
            let debit = Debit {
                amount: aud(amount),
                kind: TransferKind::Usage,
                into_negative: false,
                description: String::new(),
            };
            posting::debit(wallet, &mut ids("debit"), debit, NOW).unwrap();
        }
    }

    fn balance(wallet: &Wallet, account: Account) -> Money {
        let entries = wallet
            .transfers
            .iter()
            .flat_map(|transfer| &transfer.entries)
            .filter(|entry| entry.account == account);
        entries.map(|entry| entry.amount).try_fold(aud("0"), Money::plus).unwrap()
    }

    /// A wallet that spent a part of a surplus of 20.00, after its transfer was taken back.
    fn after_return(spent: &str) -> Wallet {
        let (mut ids, mut wallet) = (ids(spent), wallet());
        let amount = aud("120");
        settlement::transfer(
            &mut wallet,
            &mut ids,
            Arrived { payment: PAYMENT, amount, bought: None },
            None,
            NOW,
        )
        .unwrap();
        let lot =
            settlement::surplus(&mut wallet, &mut ids, PAYMENT, aud("20"), None, NOW).unwrap();
        spend(&mut wallet, spent);
        let credit = CreditBought { amount: aud("20"), tax: aud("0"), tax_kind: TaxKind::Deposit };
        let surplus = Some(ReturnedCredit { credit, lot: Some(lot) });
        return_transfer(
            &mut wallet,
            &mut ids,
            Returned { payment: PAYMENT, amount, surplus, bought: None },
            NOW,
        )
        .unwrap();
        wallet
    }

    fn add(wallet: &mut Wallet, amount: &str, recharge: bool) {
        let new = NewLot {
            kind: LotKind::Purchased,
            tax_kind: Some(TaxKind::Deposit),
            priority: 0,
            amount: aud(amount),
            expires_at: None,
            description: String::new(),
        };
        let funding = LotFunding {
            kind: TransferKind::TopUp,
            source: Account::ProviderClearing,
            tax: aud("0"),
            recharge,
        };
        wallet.add_lot(&mut ids(amount), new, funding, NOW).unwrap();
    }

    #[test]
    fn all_is_as_before_the_transfer_and_what_was_spent_is_owed() {
        for (spent, owed) in [("0", "0"), ("12.50", "12.50"), ("20", "20")] {
            let wallet = after_return(spent);
            assert_eq!(
                (wallet.owed, wallet.posted, wallet.owed_undone),
                (aud(owed), aud(owed).negated(), aud(owed)),
                "{spent}"
            );
            assert_eq!(balance(&wallet, Account::BankClearing), aud("0"));
            assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
        }
    }

    #[test]
    fn bought_credit_goes_back_with_its_tax() {
        for (kind, tax, spent, owed_back) in [
            (TaxKind::TaxedSale, "20", "30", "0"),
            (TaxKind::Deposit, "0", "30", "30"),
            (TaxKind::TaxedSale, "20", "0", "0"),
        ] {
            let (mut ids, mut wallet) = (ids(spent), wallet());
            let credit = CreditBought { amount: aud("220"), tax: aud(tax), tax_kind: kind };
            let arrived = Arrived { payment: PAYMENT, amount: aud("230"), bought: Some(credit) };
            let lot = settlement::transfer(&mut wallet, &mut ids, arrived, None, NOW).unwrap();
            spend(&mut wallet, spent);
            let returned = Returned {
                payment: PAYMENT,
                amount: aud("230"),
                surplus: None,
                bought: Some(ReturnedCredit { credit, lot }),
            };
            return_transfer(&mut wallet, &mut ids, returned, NOW).unwrap();
            assert_eq!(
                (wallet.posted, wallet.owed, wallet.owed_undone),
                (aud(spent).negated(), aud(spent), aud(spent))
            );
            assert_eq!(
                wallet.owed_back,
                aud(owed_back),
                "usage of taxed credit is taxed by what pays it in the end"
            );
            for account in [Account::BankClearing, Account::TaxPayable, Account::ProviderClearing] {
                assert_eq!(balance(&wallet, account), aud("0"), "{account:?}");
            }
            assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
        }
    }

    #[test]
    fn credit_that_a_hold_kept_from_its_return_pays_for_it_when_it_is_free() {
        let (mut ids, mut wallet) = (ids("hold"), wallet());
        let arrived = Arrived { payment: PAYMENT, amount: aud("120"), bought: None };
        settlement::transfer(&mut wallet, &mut ids, arrived, None, NOW).unwrap();
        let lot =
            settlement::surplus(&mut wallet, &mut ids, PAYMENT, aud("20"), None, NOW).unwrap();
        let order = settlement::PaymentHold {
            payment: Uuid::from_u128(7),
            amount: aud("15"),
            tax: settlement::InvoiceTax::Untaxed,
        };
        let mut hold = settlement::hold(&mut wallet, &mut ids, order, NOW).unwrap();
        let credit = CreditBought { amount: aud("20"), tax: aud("0"), tax_kind: TaxKind::Deposit };
        let surplus = Some(ReturnedCredit { credit, lot: Some(lot) });
        return_transfer(
            &mut wallet,
            &mut ids,
            Returned { payment: PAYMENT, amount: aud("120"), surplus, bought: None },
            NOW,
        )
        .unwrap();
        assert_eq!(
            (wallet.owed, wallet.owed_undone),
            (aud("15"), aud("15")),
            "what is held cannot be taken"
        );
        settlement::release(&mut wallet, &mut hold, &mut ids, NOW).unwrap();
        assert_eq!(
            (wallet.owed, wallet.owed_undone, wallet.posted),
            (aud("0"), aud("0"), aud("0"))
        );
    }

    #[test]
    fn no_recharge_pays_what_is_owed_and_new_credit_pays_it_first() {
        let mut wallet = after_return("15");
        let rules = Rules {
            threshold: Some((aud("10"), Then::UpTo(aud("50")))),
            repair_negative: true,
            ..Rules::default()
        };
        let recharge = AutoRecharge { rules, ..AutoRecharge::default() };
        assert_eq!(
            recharge.wanted(&wallet, NOW).unwrap().map(|wanted| wanted.credit),
            Some(aud("50")),
            "as if nothing were owed"
        );
        add(&mut wallet, "50", true);
        assert_eq!(
            (wallet.owed, wallet.owed_undone, wallet.posted),
            (aud("15"), aud("15"), aud("35"))
        );
        assert_eq!(recharge.wanted(&wallet, NOW).unwrap(), None, "the rules are satisfied");
        spend(&mut wallet, "35");
        let debit = Debit {
            amount: aud("15"),
            kind: TransferKind::Fee,
            into_negative: true,
            description: String::new(),
        };
        posting::debit(&mut wallet, &mut ids("fee"), debit, NOW).unwrap();
        add(&mut wallet, "4", true);
        assert_eq!(wallet.owed_undone, aud("15"));
        add(&mut wallet, "9", false);
        assert_eq!((wallet.owed_undone, wallet.owed), (aud("6"), aud("6")));
        add(&mut wallet, "7", false);
        assert_eq!(
            (wallet.owed_undone, wallet.owed, wallet.owed_back),
            (aud("0"), aud("0"), aud("0"))
        );
    }
}
