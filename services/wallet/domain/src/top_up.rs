//! Top-ups by card or bank debit: what the provider charges, and what the wallet gets
//! (docs/domain/wallet.md#top-ups).

use crate::{
    customer::{Customer, Tax},
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind, TaxKind},
    method::PaymentMethod,
    settings::WalletSettings,
    wallet::{LotFunding, NewLot, Wallet},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Marks, Money, Reason, Refusal, money::MoneyError, rounding};
use rust_decimal::Decimal;

/// Where a top-up is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopUpState {
    /// The provider has not decided yet.
    Processing,
    /// The money is taken and the credit added.
    Succeeded,
    /// The provider declined.
    Failed,
    /// The cardholder must authenticate.
    RequiresAction,
    /// The issuer has taken it back.
    ChargedBack,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    TopUpState {
        Processing = "PROCESSING",
        Succeeded = "SUCCEEDED",
        Failed = "FAILED",
        RequiresAction = "REQUIRES_ACTION",
        ChargedBack = "CHARGED_BACK",
    }
}

/// The origin of a top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A person.
    Customer,
    /// An auto-recharge.
    AutoRecharge,
}

/// A purchase of credit. Amount, tax and provider key are fixed before the provider is called, so
/// that a repeated call cannot charge another amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    /// Its id.
    pub id: Id<TopUp>,
    /// The wallet that gets the credit.
    pub wallet: Id<Wallet>,
    /// The charged method.
    pub method: Id<PaymentMethod>,
    /// The lot that it made; `None` while there is none.
    pub lot: Option<Id<Lot>>,
    /// From when on that lot is no longer in force; `None` while there is none, and where it does
    /// not expire.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its origin.
    pub source: Source,
    /// Where it is.
    pub state: TopUpState,
    /// The charged amount, tax included.
    pub amount: Money,
    /// Tax in it.
    pub tax: Money,
    /// The credit that refunds have given back, or are giving back.
    pub refunded_credit: Money,
    /// The tax of those refunds.
    pub refunded_tax: Money,
    /// How the credit is taxed.
    pub tax_kind: TaxKind,
    /// The rate, in percent.
    pub tax_rate: Decimal,
    /// Version of the treatment.
    pub tax_version: i64,
    /// The sentence that the receipt prints about it.
    pub tax_sentence: String,
    /// The provider's reason for a decline.
    pub decline_code: String,
    /// The provider's id of the charge.
    pub provider_charge_id: String,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The provider's answer about a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCharge {
    /// The provider's id of the charge.
    pub id: String,
    /// The state of the charge.
    pub outcome: Charged,
}

/// The state of a charge at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// The money is taken.
    Succeeded,
    /// It is not, for this reason.
    Declined(String),
    /// It is not decided yet; ask again at this instant.
    Processing(DateTime<Utc>),
    /// The cardholder must authenticate; nothing is taken.
    RequiresAction,
}

/// The tax inside an amount that includes it, rounded once at the minor unit.
///
/// # Errors
/// `Overflow`.
pub fn tax_in(amount: Money, rate_percent: Decimal) -> Result<Money, MoneyError> {
    let hundred = Decimal::ONE_HUNDRED;
    let part = amount.amount().checked_mul(rate_percent).ok_or(MoneyError::Overflow)?;
    let tax = part
        .checked_div(hundred.checked_add(rate_percent).ok_or(MoneyError::Overflow)?)
        .ok_or(MoneyError::Overflow)?;
    Money::new(amount.currency(), rounding::half_away(tax, amount.currency().exponent()))
}

/// The least amount whose credit, after tax, reaches `credit`.
///
/// # Errors
/// `Overflow`.
pub fn amount_for_credit(
    credit: Money,
    rate_percent: Decimal,
    kind: TaxKind,
) -> Result<Money, MoneyError> {
    let credit = credit.round_up_to_minor_unit();
    if kind == TaxKind::Deposit {
        return Ok(credit);
    }
    let factor = Decimal::ONE_HUNDRED.checked_add(rate_percent).ok_or(MoneyError::Overflow)?;
    let gross = credit
        .amount()
        .checked_mul(factor)
        .and_then(|gross| gross.checked_div(Decimal::ONE_HUNDRED))
        .ok_or(MoneyError::Overflow)?;
    let unit = Money::new(credit.currency(), Decimal::new(1, credit.currency().exponent()))?;
    // Rounding of the tax decides which amount near the quotient is the least, so start one unit
    // below it.
    let mut amount =
        Money::new(credit.currency(), rounding::down(gross, credit.currency().exponent()))?
            .minus(unit)?;
    while amount.minus(tax_in(amount, rate_percent)?)?.compare(credit)?.is_lt() {
        amount = amount.plus(unit)?;
    }
    Ok(amount)
}

/// The data that a top-up is checked against.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The tenant's settings.
    pub settings: &'a WalletSettings,
    /// The customer.
    pub customer: &'a Customer,
    /// The charged method.
    pub method: &'a PaymentMethod,
    /// Today, in the tenant's zone.
    pub today: NaiveDate,
}

/// Checks a top-up before any money moves: prepayment, method, minimum, profile, tax.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `FEATURE_DISABLED`, `METHOD_NOT_OFFERED`, `METHOD_STATE`,
/// `STRIPE_NOT_CONNECTED`, `CURRENCY_NOT_OFFERED`, `BELOW_MINIMUM`, `PROFILE_INCOMPLETE`,
/// `TAX_UNKNOWN`.
pub fn ask(
    wallet: &Wallet,
    ids: &mut IdSource,
    terms: &Terms<'_>,
    amount: Money,
    source: Source,
    now: DateTime<Utc>,
) -> Result<TopUp, Refusal> {
    wallet.takes(amount)?;
    terms.settings.must_sell_by(terms.method.kind)?;
    terms.method.must_be_chargeable(terms.today)?;
    terms.settings.must_be_connected_to(&terms.method.provider)?;
    let least = terms.settings.minimum(terms.method.kind, wallet.currency)?;
    if amount.compare(least)?.is_lt() {
        let message = format!("The least top-up is {least}; {amount} were asked.");
        return Err(Refusal::precondition(Reason::BELOW_MINIMUM, message)
            .with("minimum", least.amount())
            .with("currency", least.currency()));
    }
    terms.customer.must_have_profile()?;
    let Tax { rate_percent, version, sentence } = terms.customer.must_have_tax()?.clone();
    let tax_kind = terms.settings.top_up_tax_kind;
    let tax = if tax_kind == TaxKind::TaxedSale {
        tax_in(amount, rate_percent)?
    } else {
        Money::zero(wallet.currency)
    };
    // An overflow of the balance must be refused before the charge: afterwards the money would be
    // taken and the credit lost.
    wallet.posted.plus(amount)?;
    Ok(TopUp {
        id: ids.make(),
        wallet: wallet.id,
        method: terms.method.id,
        lot: None,
        expires_at: None,
        source,
        state: TopUpState::Processing,
        amount,
        tax,
        refunded_credit: Money::zero(wallet.currency),
        refunded_tax: Money::zero(wallet.currency),
        tax_kind,
        tax_rate: if tax_kind == TaxKind::TaxedSale { rate_percent } else { Decimal::ZERO },
        tax_version: version,
        tax_sentence: if tax_kind == TaxKind::TaxedSale { sentence } else { String::new() },
        decline_code: String::new(),
        provider_charge_id: String::new(),
        marks: Marks::default(),
        created_at: now,
        updated_at: now,
    })
}

/// Records the provider's answer. Returns the new lot if money was taken; it expires at
/// `expires_at`. A top-up that has ended does not change.
pub fn charged(
    top_up: &mut TopUp,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    answer: ProviderCharge,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<Id<Lot>>, Refusal> {
    if top_up.state != TopUpState::Processing {
        return Ok(None);
    }
    top_up.provider_charge_id = answer.id;
    top_up.updated_at = now;
    match answer.outcome {
        Charged::Processing(_) => Ok(None),
        Charged::RequiresAction => {
            top_up.state = TopUpState::RequiresAction;
            Ok(None)
        }
        Charged::Declined(code) => {
            top_up.state = TopUpState::Failed;
            top_up.decline_code = code;
            Ok(None)
        }
        Charged::Succeeded => {
            top_up.state = TopUpState::Succeeded;
            let new = NewLot {
                kind: LotKind::Purchased,
                tax_kind: Some(top_up.tax_kind),
                priority: 0,
                amount: top_up.amount.minus(top_up.tax)?,
                expires_at,
                description: String::new(),
            };
            let funding = LotFunding {
                kind: TransferKind::TopUp,
                source: Account::ProviderClearing,
                tax: top_up.tax,
                recharge: top_up.source == Source::AutoRecharge,
            };
            let place = wallet.transfers.len();
            top_up.lot = Some(wallet.add_lot(ids, new, funding, now)?);
            // Only the first new transfer is the top-up's: others pay what is owed.
            if let Some(transfer) = wallet.transfers.get_mut(place) {
                transfer.payment = Some(top_up.id.uuid());
            }
            top_up.expires_at = expires_at;
            Ok(top_up.lot)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{amount_for_credit, tax_in};
    use crate::lot::TaxKind;
    use payterms_kernel::{Currency, Money};
    use rust_decimal::Decimal;

    fn aud(text: &str) -> Money {
        Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
    }

    #[test]
    fn fifty_of_credit_cost_fifty_five_where_ten_percent_tax_is_taken() {
        let ten = Decimal::TEN;
        assert_eq!(tax_in(aud("55.00"), ten), Ok(aud("5.00")));
        assert_eq!(amount_for_credit(aud("50.00"), ten, TaxKind::TaxedSale), Ok(aud("55.00")));
        assert_eq!(amount_for_credit(aud("50.00"), ten, TaxKind::Deposit), Ok(aud("50.00")));
    }

    #[test]
    fn the_amount_is_the_least_whose_credit_reaches() {
        for cents in 1..3_000 {
            for rate in [0, 5, 10, 20, 27] {
                let (credit, rate) =
                    (Money::from_micros(aud("1").currency(), cents * 10_000), Decimal::from(rate));
                let amount = amount_for_credit(credit, rate, TaxKind::TaxedSale).unwrap();
                let credit_of =
                    |amount: Money| amount.minus(tax_in(amount, rate).unwrap()).unwrap();
                assert!(credit_of(amount).amount() >= credit.amount());
                assert!(
                    credit_of(amount.minus(aud("0.01")).unwrap()).amount() < credit.amount(),
                    "{credit} at {rate}"
                );
            }
        }
    }
}
