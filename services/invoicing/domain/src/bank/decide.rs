//! What a person says of a bank line: that it is no duplicate, whose it is, that it is nobody's, or
//! that it is several.

use super::{BankLine, Dismissal, LineState, Paid, Shown, matching};
use crate::{
    customer::Customer,
    invoice::{Invoice, InvoiceState},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, Violation};

impl BankLine {
    /// Says that it is a booking of its own; it is evaluated like any other then.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`.
    pub fn confirm(&mut self) -> Result<(), Refusal> {
        self.must_be(&[LineState::SuspectedDuplicate])?;
        self.decide(LineState::Unmatched);
        Ok(())
    }

    /// Matches it to issued invoices of one customer, as a person says.
    ///
    /// # Errors
    /// `BANK_LINE_STATE` where it is decided, `BANK_LINE_DIRECTION` for a return, `INVOICE_STATE`
    /// for a draft, `CURRENCY_MISMATCH`, `SEVERAL_CUSTOMERS`.
    pub fn match_to(&mut self, invoices: &[&Invoice]) -> Result<(), Refusal> {
        self.must_be_undecided()?;
        self.must_be_credit()?;
        let customer =
            invoices.first().map(|invoice| invoice.customer).ok_or_else(Refusal::not_found)?;
        for invoice in invoices {
            if invoice.state == InvoiceState::Draft {
                return Err(Refusal::state(
                    Reason::INVOICE_STATE,
                    "The invoice",
                    invoice.state.name(),
                    &["FinalizeInvoice"],
                ));
            }
            Money::zero(invoice.currency).compare(self.shown.amount)?;
            if invoice.customer != customer {
                let message = "The invoices are of several customers. Split the line and match each part to one of them.";
                return Err(Refusal::precondition(Reason::SEVERAL_CUSTOMERS, message)
                    .with("invoice", invoice.id));
            }
        }
        self.decide(LineState::Matched);
        self.customer = Some(customer);
        self.pays = matching::oldest_due_first(invoices)
            .into_iter()
            .map(|invoice| Paid { invoice: invoice.id, stated: None })
            .collect();
        Ok(())
    }

    /// Makes it money on account of a customer: it becomes credit.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`, `BANK_LINE_DIRECTION` for a return.
    pub fn credit_to(&mut self, customer: Id<Customer>) -> Result<(), Refusal> {
        self.must_be_undecided()?;
        self.must_be_credit()?;
        self.decide(LineState::Matched);
        self.customer = Some(customer);
        self.pays.clear();
        Ok(())
    }

    /// Says that it is no customer's payment.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`.
    pub fn dismiss(&mut self, reason: Dismissal, explanation: String) -> Result<(), Refusal> {
        self.must_be(&[LineState::Unmatched, LineState::Suggested, LineState::SuspectedDuplicate])?;
        self.decide(LineState::Dismissed);
        (self.dismissal, self.explanation) = (Some(reason), explanation);
        Ok(())
    }

    /// Splits it into parts, each a line that is decided about by itself. Where it may be a
    /// transfer back that came back, `sent` is of how much that is: the part of this amount is it,
    /// or else each may be.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`, `BANK_LINE_DIRECTION` for a return; `PARTS_MISMATCH` where they do not
    /// come to its amount.
    pub fn split(
        &mut self,
        ids: &mut IdSource,
        parts: &[Money],
        sent: Option<Money>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Self>, Refusal> {
        self.must_be_undecided()?;
        self.must_be_credit()?;
        let sum = parts
            .iter()
            .try_fold(Money::zero(self.shown.amount.currency()), |sum, part| sum.plus(*part))?;
        if sum != self.shown.amount {
            let message = format!(
                "The parts come to {sum}, the line to {}. Let both agree.",
                self.shown.amount
            );
            return Err(Refusal::invalid(vec![Violation {
                field: "parts".to_owned(),
                reason: Reason::PARTS_MISMATCH,
                description: message,
            }]));
        }
        let that_came_back = parts.iter().position(|part| Some(*part) == sent);
        let part = |(place, amount): (usize, &Money)| {
            let number = place.saturating_add(1);
            let reference = format!("{}/part {number}", self.shown.reference);
            // What the payer stated is of the whole line.
            let shown = Shown {
                amount: *amount,
                reference,
                stated: Vec::new(),
                charges: None,
                ..self.shown.clone()
            };
            let refund =
                self.refund.filter(|_| that_came_back.is_none_or(|number| number == place));
            Self { part_of: Some(self.id), refund, ..Self::new(ids.make(), shown, now) }
        };
        let parts = parts.iter().enumerate().map(part).collect();
        self.decide(LineState::Split);
        Ok(parts)
    }
}
