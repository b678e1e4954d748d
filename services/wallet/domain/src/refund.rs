//! Refunds of payments of invoices. Credit returns to lots like those it came from. A charge
//! returns to its card, or becomes credit if the card does not accept it
//! (docs/domain/invoicing.md#refund-to-credit).

use crate::{
    charge::Charge,
    ledger::{Account, TransferKind},
    lot::Lot,
    restore::LEAST_DAYS,
    settlement::{add_lot, deposit, post},
    wallet::{NewLot, Wallet},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, money::MoneyError};
use uuid::Uuid;

/// Where a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// The provider is being asked.
    Processing,
    /// The card has received it.
    Returned,
    /// It has become credit.
    Credited,
}

payterms_kernel::names! {
    /// The name of the state in columns.
    RefundState { Processing = "PROCESSING", Returned = "RETURNED", Credited = "CREDITED" }
}

/// A refund of part of a payment. Amount and provider key are fixed before the provider is called,
/// so that a repeated call cannot refund another amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: Id<Refund>,
    /// The step that requested it. One step makes one refund, however often it is repeated.
    pub step: Uuid,
    /// The wallet in whose ledger it is booked.
    pub wallet: Id<Wallet>,
    /// The payment.
    pub payment: Uuid,
    /// The refunded charge; `None` for credit.
    pub charge: Option<Id<Charge>>,
    /// Where it is.
    pub state: RefundState,
    /// How much.
    pub amount: Money,
    /// The part that nobody moves: the issuer had taken it back before. A dispute that is won makes
    /// it credit.
    pub unmoved: Money,
    /// The provider's id.
    pub provider_refund_id: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The provider's answer about a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refunded {
    /// The card accepts it.
    Succeeded,
    /// The card does not accept it, and never will.
    Failed,
}

/// The credit that a payment took.
#[derive(Debug, Clone, Copy)]
pub struct CreditTaken<'a> {
    /// The part from each lot, in the order in which it was taken.
    pub by_lot: &'a [(Lot, Money)],
    /// How much of it was refunded before.
    pub returned_before: Money,
}

/// Refunds credit. What was taken last is returned first, to a new lot like the one that it came
/// from. A lot that expires can be used for at least thirty more days.
///
/// # Errors
/// `BALANCE_OVERFLOW`.
pub fn credit_again(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    refund: &mut Refund,
    taken: CreditTaken<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Id<Lot>>, Refusal> {
    let mut returned_before = taken.returned_before;
    let mut left = refund.amount;
    let mut lots = Vec::new();
    for (lot, amount) in taken.by_lot.iter().rev() {
        let already = returned_before.min(*amount)?;
        returned_before = returned_before.minus(already)?;
        let part = amount.minus(already)?.min(left)?;
        if !part.is_positive() {
            continue;
        }
        left = left.minus(part)?;
        let least = now + TimeDelta::days(LEAST_DAYS);
        let new = NewLot {
            kind: lot.kind,
            tax_kind: lot.tax_kind,
            priority: lot.priority,
            amount: part,
            expires_at: lot.expires_at.map(|expiry| expiry.max(least)),
            description: lot.description.clone(),
        };
        lots.push(add_lot(wallet, ids, TransferKind::InvoiceRefund, refund.payment, new, now)?);
    }
    if !left.is_zero() {
        let message = "The payment has taken less credit than is to be given back.";
        return Err(
            Refusal::precondition(Reason::REFUND_TOO_LARGE, message).with("left", left.amount())
        );
    }
    refund.end(RefundState::Credited, now);
    Ok(lots)
}

/// Turns a refunded charge into purchased credit.
///
/// # Errors
/// `BALANCE_OVERFLOW`.
pub fn as_credit(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    refund: &mut Refund,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Id<Lot>, Refusal> {
    let lot = add_lot(
        wallet,
        ids,
        TransferKind::InvoiceRefund,
        refund.payment,
        deposit(refund.moved()?, expires_at),
        now,
    )?;
    refund.end(RefundState::Credited, now);
    Ok(lot)
}

/// Books that the card has accepted the refund: invoice settlement → provider clearing.
pub fn returned(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    refund: &mut Refund,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let sides = vec![
        (Account::InvoiceSettlement, None, refund.amount.negated()),
        (Account::ProviderClearing, None, refund.amount),
    ];
    post(wallet, ids, TransferKind::InvoiceRefund, Some(refund.payment), sides, now)?;
    refund.end(RefundState::Returned, now);
    Ok(())
}

impl Refund {
    /// The part that is moved.
    pub fn moved(&self) -> Result<Money, MoneyError> {
        self.amount.minus(self.unmoved)
    }

    /// Refunds a charge that its issuer has taken back at most as far as the issuer has left of it.
    /// It ends here where that is nothing.
    pub fn limit_to_untouched(
        &mut self,
        untouched: Money,
        now: DateTime<Utc>,
    ) -> Result<(), MoneyError> {
        self.unmoved = self.amount.minus(self.amount.min(untouched)?)?;
        if self.unmoved == self.amount {
            self.end(RefundState::Returned, now);
        }
        Ok(())
    }

    fn end(&mut self, state: RefundState, now: DateTime<Utc>) {
        self.state = state;
        self.updated_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::{CreditTaken, Refund, RefundState, credit_again};
    use crate::{
        lot::{Lot, LotKind, TaxKind},
        wallet::Wallet,
    };
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn lot(kind: LotKind, expires_at: Option<DateTime<Utc>>) -> Lot {
        Lot {
            id: Id::from_uuid(Uuid::from_u128(1)),
            sequence: 1,
            kind,
            tax_kind: (kind == LotKind::Purchased).then_some(TaxKind::Deposit),
            priority: 0,
            amount: usd(1_000),
            remaining: usd(0),
            pinned: usd(0),
            expires_at,
            created_at: NOW,
            description: "gift".into(),
        }
    }

    #[test]
    fn granted_credit_returns_with_its_own_expiry_at_least_thirty_days() {
        let mut wallet = Wallet::open(
            Id::from_uuid(Uuid::nil()),
            Id::from_uuid(Uuid::nil()),
            usd(0).currency(),
            NOW,
        );
        let mut ids = IdSource::new(NOW, b"seed", "test");
        let soon = Some(NOW + TimeDelta::days(2));
        let taken =
            [(lot(LotKind::Granted, soon), usd(300)), (lot(LotKind::Purchased, None), usd(700))];
        let mut refund = |amount, before, wallet: &mut Wallet| {
            let mut refund = Refund {
                id: Id::from_uuid(Uuid::nil()),
                step: Uuid::nil(),
                wallet: wallet.id,
                payment: Uuid::max(),
                charge: None,
                state: RefundState::Processing,
                amount: usd(amount),
                unmoved: usd(0),
                provider_refund_id: String::new(),
                created_at: NOW,
                updated_at: NOW,
            };
            credit_again(
                wallet,
                &mut ids,
                &mut refund,
                CreditTaken { by_lot: &taken, returned_before: usd(before) },
                NOW,
            )
            .map(|lots| (lots.len(), refund.state))
        };
        assert_eq!(
            refund(500, 0, &mut wallet),
            Ok((1, RefundState::Credited)),
            "the purchased part, taken last, first"
        );
        assert_eq!(refund(400, 500, &mut wallet), Ok((2, RefundState::Credited)));
        assert_eq!(refund(101, 900, &mut wallet).unwrap_err().reason, Reason::REFUND_TOO_LARGE);
        let granted: Vec<_> =
            wallet.lots.iter().filter(|lot| lot.kind == LotKind::Granted).collect();
        assert_eq!(
            (granted[0].amount, granted[0].expires_at),
            (usd(200), Some(NOW + TimeDelta::days(30)))
        );
    }
}
