//! Reversals of metered uses: a quantity is taken off the month that its service has not billed yet
//! (docs/domain/wallet.md#metered-reversal).

use crate::{
    Reversal, UsageRecord,
    reversal::{Reversed, already_reversed, effective},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Money, Reason, Refusal, money::MoneyError};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A use of a metered service to reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeteredOriginal {
    /// The use.
    pub record: UsageRecord,
    /// The quantity of it that is reversed already.
    pub reversed: Decimal,
    /// The amount of that quantity.
    pub reversed_amount: Money,
}

/// A reversal of a metered use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeteredOrder {
    /// How much of the quantity; `None` for all that is left.
    pub quantity: Option<Decimal>,
    /// When it takes effect; `None` for now.
    pub effective_at: Option<DateTime<Utc>>,
    /// Why.
    pub explanation: String,
}

/// Takes a use, or a part of its quantity, off the open month of its service. No credit moves: the
/// service would have billed it.
///
/// # Errors
/// `ALREADY_REVERSED`, `REVERSAL_TOO_LARGE`, `TIME_OUT_OF_RANGE`.
pub fn reverse_metered(
    wallet: &Wallet,
    id: Uuid,
    original: &MeteredOriginal,
    order: MeteredOrder,
    now: DateTime<Utc>,
) -> Result<Reversal, Refusal> {
    let record = &original.record;
    let left = record.quantity.checked_sub(original.reversed).ok_or(MoneyError::Overflow)?;
    if left.is_zero() {
        return Err(already_reversed());
    }
    let quantity = order.quantity.unwrap_or(left);
    if quantity > left {
        let message = format!("A quantity of {left} can still be reversed. Ask for at most that.");
        return Err(Refusal::precondition(Reason::REVERSAL_TOO_LARGE, message).with("left", left));
    }
    let so_far = original.reversed.checked_add(quantity).ok_or(MoneyError::Overflow)?;
    let due = if so_far == record.quantity {
        record.amount
    } else {
        Money::from_product(wallet.currency, record.unit_price.amount(), so_far)?
    };
    Ok(Reversal {
        id: Id::from_uuid(id),
        wallet: wallet.id,
        original: Reversed::MeteredUse(record.id),
        amount: due.minus(original.reversed_amount)?,
        quantity: Some(quantity.normalize()),
        effective_at: effective(order.effective_at, record.used_at, now)?,
        explanation: order.explanation,
        parts: Vec::new(),
        recorded_at: now.max(record.recorded_at),
    })
}

#[cfg(test)]
mod tests {
    use super::{MeteredOrder, MeteredOriginal, reverse_metered};
    use crate::{UsageRecord, Wallet};
    use chrono::{DateTime, Utc};
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Id, Money};
    use rust_decimal::Decimal;
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn usd(micros: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), micros)
    }

    #[test]
    fn a_metered_use_is_reversed_by_quantity() {
        let wallet = Wallet::open(
            Id::from_uuid(Uuid::nil()),
            Id::from_uuid(Uuid::nil()),
            usd(0).currency(),
            NOW,
        );
        let record = UsageRecord {
            id: Id::from_uuid(Uuid::max()),
            sequence: 1,
            product: "maps".into(),
            quantity: Decimal::from(3),
            unit_price: usd(10),
            amount: usd(30),
            transfer: None,
            metered: None,
            used_at: NOW,
            recorded_at: NOW,
            late: false,
            external_id: None,
        };
        let original = |reversed: i64| MeteredOriginal {
            record: record.clone(),
            reversed: reversed.into(),
            reversed_amount: usd(10 * reversed),
        };
        let order = |quantity: Option<i64>| MeteredOrder {
            quantity: quantity.map(Decimal::from),
            effective_at: None,
            explanation: String::new(),
        };
        let reversed = |before, quantity| {
            reverse_metered(&wallet, Uuid::nil(), &original(before), order(quantity), NOW)
                .map(|reversal| reversal.amount)
        };
        assert_eq!((reversed(0, Some(1)), reversed(1, None)), (Ok(usd(10)), Ok(usd(20))));
        assert_eq!(reversed(1, Some(3)).unwrap_err().reason, Reason::REVERSAL_TOO_LARGE);
        assert_eq!(reversed(3, None).unwrap_err().reason, Reason::ALREADY_REVERSED);
    }
}
