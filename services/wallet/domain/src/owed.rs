//! Credit that is new or free again pays what a wallet owes
//! (docs/domain/wallet.md#owed-for-use).

use crate::{
    ledger::{Account, TransferKind},
    lot::{Lot, TaxKind},
    wallet::{Payer, Wallet},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};

/// Whether usage that a lot pays later is still to be taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsageTax {
    /// The invoice of its month taxes it, as any usage that a deposit pays.
    OnInvoice,
    /// It needs no tax any more.
    Settled,
}

impl Wallet {
    /// Pays the debt from a lot that is new or free again: first the part that chargebacks caused,
    /// then usage, by transfers that say what had left it. Usage that a deposit pays belongs to the
    /// invoice that taxes it, like any usage that a deposit pays. Usage of an agreement is not paid
    /// here, because it is invoiced. Credit of a recharge does not pay what transfers that were
    /// taken back left owing.
    pub(crate) fn settle_owed(
        &mut self,
        ids: &mut IdSource,
        lot: Id<Lot>,
        by: Payer,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Some(payer) =
            self.lots.iter().find(|candidate| candidate.id == lot && candidate.in_force(now))
        else {
            return Ok(());
        };
        let (free, stands) = (payer.unpinned()?, self.owed_for_use()?);
        let tax = if payer.tax_kind == Some(TaxKind::Deposit) {
            UsageTax::OnInvoice
        } else {
            UsageTax::Settled
        };
        let undone = if by == Payer::Free { Money::zero(self.currency) } else { self.owed_undone };
        let undone_back = undone.min(self.owed_back)?;
        let back = self.owed_back.minus(undone_back)?.min(free)?;
        self.owed_back = self.owed_back.minus(back)?;
        // What returns left beside that: credit that they had taken was taxed already, and what it
        // had paid is taxed again.
        let returned = self.owed_undone.minus(self.owed_undone.min(self.owed_back.plus(back)?)?)?;
        self.pay_owed(
            ids,
            lot,
            (TransferKind::ReturnSettlement, back, String::new()),
            UsageTax::Settled,
            now,
        )?;
        let mut paid = back;
        if self.overdraft.is_none() {
            let undone_used = undone.minus(undone_back)?;
            let used =
                self.owed.minus(self.owed_back)?.minus(undone_used)?.min(free.minus(back)?)?;
            let returned =
                if by == Payer::Free { returned.min(used)? } else { Money::zero(self.currency) };
            self.pay_owed(
                ids,
                lot,
                (TransferKind::ReturnSettlement, returned, String::new()),
                tax,
                now,
            )?;
            for (label, part) in self.pay_debts(stands, used.minus(returned)?)? {
                self.pay_owed(ids, lot, (TransferKind::OwedSettlement, part, label), tax, now)?;
            }
            paid = paid.plus(used)?;
        }
        if by == Payer::Free {
            self.owed_undone = self.owed_undone.minus(self.owed_undone.min(paid)?)?;
        }
        Ok(())
    }

    fn pay_owed(
        &mut self,
        ids: &mut IdSource,
        lot: Id<Lot>,
        (kind, part, description): (TransferKind, Money, String),
        tax: UsageTax,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Some(payer) =
            self.lots.iter_mut().find(|candidate| candidate.id == lot && part.is_positive())
        else {
            return Ok(());
        };
        payer.remaining = payer.remaining.minus(part)?;
        self.owed = self.owed.minus(part)?;
        let mut sides = vec![
            (Account::CustomerCredit, Some(lot), part.negated()),
            (Account::CustomerCredit, None, part),
        ];
        if tax == UsageTax::OnInvoice {
            sides.extend([
                (Account::Revenue, None, part.negated()),
                (Account::InvoiceSettlement, None, part),
            ]);
        }
        self.post(ids, kind, sides, description, now)?;
        Ok(())
    }
}
