//! What is owed for use, by what left it: credit that pays it later belongs to the line of its use
//! (docs/domain/wallet.md#owed-for-use).

use crate::wallet::Wallet;
use payterms_kernel::{Money, money::MoneyError};

/// The most parts that one payment of what is owed names; the rest of it is one part without a
/// label.
const MOST_PARTS: usize = 400;

/// The amount that a debit or fee could not cover, and how much of it is still owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// The sequence of the entry that left it.
    pub sequence: i64,
    /// The words of the debit or fee, under which it accrues when credit pays it.
    pub label: String,
    /// What of it stands.
    pub left: Money,
}

impl Wallet {
    /// Notes what the last entry left owing. What accrues to an agreement is no debt.
    pub(crate) fn add_debt(&mut self, label: String, left: Money) {
        if left.is_positive() && self.overdraft.is_none() {
            self.debts.push(Debt { sequence: self.sequence, label, left });
        }
    }

    /// Applies a payment to the debts, oldest first. `stands` is the total that was owed before the
    /// payment. Returns the payment's parts by label. What is owed beyond the recorded debts is
    /// older than all of them, and its part has no label.
    ///
    /// # Errors
    /// Overflow.
    pub(crate) fn pay_debts(
        &mut self,
        stands: Money,
        payment: Money,
    ) -> Result<Vec<(String, Money)>, MoneyError> {
        let zero = Money::zero(self.currency);
        let known = self.debts.iter().try_fold(zero, |sum, debt| sum.plus(debt.left))?;
        let unlabelled = stands.minus(known)?.max(zero)?.min(payment)?;
        let mut left = payment.minus(unlabelled)?;
        let mut parts = vec![(String::new(), unlabelled)];
        let mut paid = 0_usize;
        for debt in &mut self.debts {
            let part = debt.left.min(left)?;
            if !part.is_positive() {
                break;
            }
            (debt.left, left) = (debt.left.minus(part)?, left.minus(part)?);
            paid = paid.saturating_add(usize::from(debt.left.is_zero()));
            let label = if parts.len() > MOST_PARTS { "" } else { debt.label.as_str() };
            match parts.last_mut().filter(|(last, _)| last == label) {
                Some((_, sum)) => *sum = sum.plus(part)?,
                None => parts.push((label.to_owned(), part)),
            }
        }
        self.debts.drain(..paid);
        parts.retain(|(_, part)| part.is_positive());
        Ok(parts)
    }

    /// Takes what is given back off the debt that an entry left.
    ///
    /// # Errors
    /// Overflow.
    pub(crate) fn lower_debt(&mut self, sequence: i64, by: Money) -> Result<(), MoneyError> {
        if let Some(debt) = self.debts.iter_mut().find(|debt| debt.sequence == sequence) {
            debt.left = debt.left.minus(debt.left.min(by)?)?;
        }
        self.debts.retain(|debt| debt.left.is_positive());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Debt, MOST_PARTS};
    use crate::Wallet;
    use chrono::DateTime;
    use payterms_kernel::{Currency, Id, Money};
    use uuid::Uuid;

    fn usd(micros: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), micros)
    }

    fn owing(debts: &[(&str, i64)]) -> Wallet {
        let nobody = Uuid::nil();
        let mut wallet = Wallet::open(
            Id::from_uuid(nobody),
            Id::from_uuid(nobody),
            usd(0).currency(),
            DateTime::UNIX_EPOCH,
        );
        wallet.debts = (1..)
            .zip(debts)
            .map(|(sequence, (label, left))| Debt {
                sequence,
                label: (*label).into(),
                left: usd(*left),
            })
            .collect();
        wallet
    }

    fn paid(wallet: &mut Wallet, stands: i64, payment: i64) -> Vec<(String, i64)> {
        let parts = wallet.pay_debts(usd(stands), usd(payment)).unwrap();
        parts.into_iter().map(|(label, part)| (label, part.micros())).collect()
    }

    #[test]
    fn the_oldest_is_paid_first_and_neighbours_of_one_label_together() {
        let mut wallet = owing(&[("a", 3), ("a", 4), ("b", 5), ("a", 6)]);
        assert_eq!(paid(&mut wallet, 18, 9), [("a".to_owned(), 7), ("b".to_owned(), 2)]);
        wallet.lower_debt(3, usd(1)).unwrap();
        assert_eq!(paid(&mut wallet, 8, 8), [("b".to_owned(), 2), ("a".to_owned(), 6)]);
        assert!(wallet.debts.is_empty());
    }

    #[test]
    fn what_was_owed_before_debts_were_kept_has_no_label() {
        let mut wallet = owing(&[("a", 3)]);
        assert_eq!(paid(&mut wallet, 10, 8), [(String::new(), 7), ("a".to_owned(), 1)]);
        wallet.lower_debt(9, usd(1)).unwrap();
        assert_eq!(wallet.debts[0].left, usd(2), "another debt's");
    }

    #[test]
    fn more_parts_than_a_month_has_lines_are_one() {
        let labels: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let mut wallet = owing(&labels.iter().map(|label| (label.as_str(), 1)).collect::<Vec<_>>());
        let parts = paid(&mut wallet, 1_000, 1_000);
        assert_eq!(parts.len(), MOST_PARTS + 1);
        assert_eq!(
            (parts[MOST_PARTS].clone(), wallet.debts.len()),
            ((String::new(), 1_000 - i64::try_from(MOST_PARTS).unwrap()), 0)
        );
    }
}
