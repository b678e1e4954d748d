//! What was bought and went back is taken off its payment and off the invoice that had sold it
//! (docs/domain/invoicing.md#transfer-refund-sent).

use super::TransferRefund;
use crate::{
    invoice::Invoice,
    payment::{Payment, Source},
    tax::TaxAmount,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Money, Refusal};

impl Payment {
    /// Bought credit went back to its payer: the payment has paid as much less of the invoice that
    /// had sold it, which a credit note takes off. Returns the note's part of its rate.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn transferred_back(
        &mut self,
        refund: &TransferRefund,
        order: &mut Invoice,
        now: DateTime<Utc>,
    ) -> Result<Vec<TaxAmount>, Refusal> {
        let (amount, effective_on) = (refund.amount()?, self.effective_day());
        if let Some(bought) = &mut self.bought {
            bought.amount = bought.amount.minus(amount)?;
            bought.tax = bought.tax.minus(refund.tax)?;
        }
        self.bought = self.bought.filter(|bought| bought.amount.is_positive());
        for allocation in
            self.allocations.iter_mut().filter(|allocation| allocation.invoice == order.id)
        {
            allocation.paid = allocation.paid.minus(amount)?;
            allocation.refunded = allocation.refunded.plus(amount)?;
        }
        for tender in
            self.tenders.iter_mut().filter(|tender| matches!(tender.source, Source::Transfer(_)))
        {
            tender.refunded = tender.refunded.plus(amount)?;
        }
        self.touch(now);
        order.undate_paid(effective_on, amount)?;
        order.transferred_back(refund, now)
    }
}

impl Invoice {
    /// What it had sold went back: it is paid and credited by as much less and more. The tax is
    /// that of the refund.
    fn transferred_back(
        &mut self,
        refund: &TransferRefund,
        now: DateTime<Utc>,
    ) -> Result<Vec<TaxAmount>, Refusal> {
        let amount = refund.amount()?;
        self.paid = self.paid.minus(amount)?;
        self.credited = self.credited.plus(amount)?;
        let mut note = Vec::with_capacity(1);
        // The invoice of a top-up has one line, and so one rate.
        if let Some(tax_amount) = self.amounts.taxes.first_mut() {
            tax_amount.credited_net = tax_amount.credited_net.plus(refund.credit)?;
            tax_amount.credited_tax = tax_amount.credited_tax.plus(refund.tax)?;
            let zero = Money::zero(amount.currency());
            note.push(TaxAmount {
                rate: tax_amount.rate.clone(),
                net: refund.credit,
                tax: refund.tax,
                credited_net: zero,
                credited_tax: zero,
            });
        }
        self.settle_state()?;
        self.touch(now);
        Ok(note)
    }
}
