//! What a bank line had paid is booked back: its match was taken back, or the bank took the money back
//! (docs/domain/wallet.md#transfer-return-movement).

use crate::{
    ledger::{Account, TransferKind},
    lot::Lot,
    settlement::post,
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};
use uuid::Uuid;

/// What had arrived for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// The payment.
    pub payment: Uuid,
    /// All of it.
    pub amount: Money,
    /// The part of it that had become credit.
    pub surplus: Option<Money>,
    /// The lot of that credit.
    pub lot: Option<Id<Lot>>,
}

/// Books it back: invoice settlement → bank clearing, and the surplus from its own lot → invoice settlement. What is spent
/// of the surplus is owed: other credit of the customer stays as it is.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub fn return_transfer(wallet: &mut Wallet, ids: &mut IdSource, returned: Returned, now: DateTime<Utc>) -> Result<(), Refusal> {
    wallet.takes(returned.amount)?;
    let (kind, payment) = (TransferKind::TransferReturn, Some(returned.payment));
    let sides = vec![(Account::InvoiceSettlement, None, returned.amount.negated()), (Account::BankClearing, None, returned.amount)];
    post(wallet, ids, kind, payment, sides, now)?;
    let Some(surplus) = returned.surplus.filter(|surplus| surplus.is_positive()) else { return Ok(()) };
    let mut sides = vec![(Account::InvoiceSettlement, None, surplus)];
    let mut spent = surplus;
    if let Some(lot) = wallet.lots.iter_mut().find(|lot| Some(lot.id) == returned.lot) {
        let part = lot.unpinned()?.min(surplus)?;
        if part.is_positive() {
            lot.remaining = lot.remaining.minus(part)?;
            spent = spent.minus(part)?;
            sides.push((Account::CustomerCredit, Some(lot.id), part.negated()));
        }
    }
    if spent.is_positive() {
        wallet.owed = wallet.owed.plus(spent)?;
        // A surplus is never taxed when it is bought: what it paid for was taxed on its invoice.
        wallet.owed_back = wallet.owed_back.plus(spent)?;
        sides.push((Account::CustomerCredit, None, spent.negated()));
    }
    post(wallet, ids, kind, payment, sides, now)
}

#[cfg(test)]
mod tests {
    use super::{Returned, return_transfer};
    use crate::{
        Account, Wallet,
        ledger::TransferKind,
        posting::{self, Debit},
        settlement::{self, Arrived},
    };
    use chrono::{DateTime, Utc};
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn aud(text: &str) -> Money {
        Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
    }

    fn balance(wallet: &Wallet, account: Account) -> Money {
        let entries = wallet.transfers.iter().flat_map(|transfer| &transfer.entries).filter(|entry| entry.account == account);
        entries.map(|entry| entry.amount).try_fold(aud("0"), Money::plus).unwrap()
    }

    #[test]
    fn all_is_as_before_the_transfer_and_what_was_spent_is_owed() {
        for (spent, owed) in [("0", "0"), ("12.50", "12.50"), ("20", "20")] {
            let mut ids = IdSource::new(NOW, b"seed", spent);
            let mut wallet = Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), aud("0").currency(), NOW);
            let (payment, amount) = (Uuid::max(), aud("120"));
            settlement::transfer(&mut wallet, &mut ids, Arrived { payment, amount, bought: None }, None, NOW).unwrap();
            let lot = settlement::surplus(&mut wallet, &mut ids, payment, aud("20"), None, NOW).unwrap();
            if !aud(spent).is_zero() {
                let debit = Debit { amount: aud(spent), kind: TransferKind::Usage, into_negative: false, description: String::new() };
                posting::debit(&mut wallet, &mut ids, debit, NOW).unwrap();
            }
            let returned = Returned { payment, amount, surplus: Some(aud("20")), lot: Some(lot) };
            return_transfer(&mut wallet, &mut ids, returned, NOW).unwrap();
            assert_eq!((wallet.owed, wallet.posted), (aud(owed), aud(owed).negated()), "{spent}");
            assert_eq!(balance(&wallet, Account::BankClearing), aud("0"));
            assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
        }
    }
}
