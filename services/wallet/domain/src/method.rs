//! Payment methods, and the two pointers to them (docs/domain/wallet.md#payment-methods,
//! docs/domain/wallet.md#two-pointers).

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use payterms_kernel::{Id, Reason, Refusal};

/// The kind of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MethodKind {
    /// A card.
    Card,
    /// A bank transfer, which the payer makes: nothing is saved.
    BankTransfer,
    /// A bank account that is debited under a mandate; it settles after days.
    BankDebit,
    /// A credit line: it pays invoices later, and nothing else.
    CreditLine,
}

payterms_kernel::names! {
    /// Its name, as in the API and in columns.
    MethodKind { Card = "CARD", BankTransfer = "BANK_TRANSFER", BankDebit = "BANK_DEBIT", CreditLine = "CREDIT_LINE" }
}

/// A customer's payment method. It has no `Display`, so that the provider's token does not get into
/// logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentMethod {
    /// Its id.
    pub id: Id<PaymentMethod>,
    /// What it is.
    pub kind: MethodKind,
    /// False after its removal.
    pub active: bool,
    /// The provider that stores it.
    pub provider: String,
    /// The provider's token for it.
    pub provider_token: String,
    /// Brand of the card.
    pub brand: String,
    /// Last four digits.
    pub last_four: String,
    /// Month of expiry.
    pub expire_month: u32,
    /// Year of expiry.
    pub expire_year: i32,
    /// Reference of the mandate; empty for a card.
    pub mandate: String,
    /// Whether an issuer has taken back a charge of it.
    pub charged_back: bool,
    /// When it was saved.
    pub created_at: DateTime<Utc>,
}

impl PaymentMethod {
    /// The method that stands for a credit line; it has the line's id.
    #[must_use]
    pub fn of_line(id: Id<Self>, now: DateTime<Utc>) -> Self {
        Self {
            id,
            kind: MethodKind::CreditLine,
            active: false,
            provider: String::new(),
            provider_token: String::new(),
            brand: String::new(),
            last_four: String::new(),
            expire_month: 0,
            expire_year: 0,
            mandate: String::new(),
            charged_back: false,
            created_at: now,
        }
    }

    /// Whether it may replace a removed method: a card or bank account that is valid on that day.
    fn qualifies(&self, day: NaiveDate) -> bool {
        self.kind != MethodKind::CreditLine && self.is_unexpired(day)
    }

    /// Whether a method is valid on a day: a card until the end of its month; nothing else expires.
    #[must_use]
    pub fn is_unexpired(&self, day: NaiveDate) -> bool {
        matches!(self.kind, MethodKind::BankDebit | MethodKind::CreditLine)
            || (self.expire_year, self.expire_month) >= (day.year(), day.month())
    }

    /// Refuses a removed or expired method.
    ///
    /// # Errors
    /// `METHOD_STATE`.
    pub fn must_be_usable(&self, day: NaiveDate) -> Result<(), Refusal> {
        match (self.active, self.is_unexpired(day)) {
            (true, true) => Ok(()),
            (false, _) => {
                Err(Refusal::state(Reason::METHOD_STATE, "The payment method", "REMOVED", &[]))
            }
            (true, false) => Err(Refusal::state(
                Reason::METHOD_STATE,
                "The payment method",
                "EXPIRED",
                &["RemovePaymentMethod"],
            )),
        }
    }
}

impl PaymentMethod {
    /// Refuses a method that cannot be charged. A credit line cannot: it never tops up, recharges
    /// or collects.
    ///
    /// # Errors
    /// `METHOD_STATE`, `CREDIT_LINE_NOT_ALLOWED`.
    pub fn must_be_chargeable(&self, day: NaiveDate) -> Result<(), Refusal> {
        self.must_be_usable(day)?;
        if self.kind == MethodKind::CreditLine {
            return Err(no_credit_line(
                "A credit line pays invoices later, and nothing else. Name a card or bank account.",
            ));
        }
        Ok(())
    }

    /// Refuses a credit line, which buys no credit. Where it is the purchase default and no method
    /// was named, nothing else is charged instead: nobody has chosen it for that
    /// (docs/domain/wallet.md#line-is-no-source).
    ///
    /// # Errors
    /// `CREDIT_LINE_NOT_ALLOWED`.
    pub fn must_buy_credit(&self, is_by_default: bool) -> Result<(), Refusal> {
        match (self.kind, is_by_default) {
            (MethodKind::CreditLine, true) => Err(no_credit_line(
                "The customer's purchase default is a credit line, which buys no credit. Name a card or bank account in payment_method, or \
                 make one the default with SetPurchaseDefault.",
            )),
            (MethodKind::CreditLine, false) => Err(no_credit_line(
                "A credit line buys no credit: it pays invoices later, and nothing else. Name a card or bank account.",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a credit line, which only the credit service removes.
    ///
    /// # Errors
    /// `CREDIT_LINE_NOT_ALLOWED`.
    pub fn must_be_removable(&self) -> Result<(), Refusal> {
        if self.kind == MethodKind::CreditLine {
            return Err(no_credit_line("A credit line is not removed: deactivate it."));
        }
        Ok(())
    }

    /// Refuses a method that may not be charged without a person present.
    ///
    /// # Errors
    /// `METHOD_STATE`, `CREDIT_LINE_NOT_ALLOWED`.
    pub fn must_be_collectable(&self, day: NaiveDate) -> Result<(), Refusal> {
        self.must_be_chargeable(day)?;
        if self.charged_back {
            return Err(Refusal::state(
                Reason::METHOD_STATE,
                "The payment method",
                "CHARGED_BACK",
                &["StartMethodSetup"],
            ));
        }
        Ok(())
    }
}

fn no_credit_line(message: &str) -> Refusal {
    Refusal::precondition(Reason::CREDIT_LINE_NOT_ALLOWED, message)
}

/// A customer's active methods, newest first, and the two pointers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods {
    /// Newest first.
    pub active: Vec<PaymentMethod>,
    /// The method that purchases use by default; of any kind.
    pub purchase_default: Option<Id<PaymentMethod>>,
    /// The method that is charged without a person present: a valid card or a bank account.
    pub collection: Option<Id<PaymentMethod>>,
}

impl Methods {
    /// The active method with this id.
    #[must_use]
    pub fn get(&self, id: Id<PaymentMethod>) -> Option<&PaymentMethod> {
        self.active.iter().find(|method| method.id == id)
    }

    /// Adds a method. A pointer that points to nothing then points to it.
    pub fn add(&mut self, method: PaymentMethod) {
        self.purchase_default.get_or_insert(method.id);
        self.collection.get_or_insert(method.id);
        self.active.insert(0, method);
    }

    /// Makes a credit line a method and the purchase default. The collection method stays.
    pub fn switch_on(&mut self, line: &PaymentMethod) {
        if self.get(line.id).is_none() {
            self.active.insert(0, line.clone());
        }
        self.purchase_default = Some(line.id);
    }

    /// Puts a credit line aside. The customer must have a valid card or bank account, which becomes
    /// the purchase default if the line was it.
    ///
    /// # Errors
    /// `OTHER_METHOD_REQUIRED`.
    pub fn put_aside(&mut self, line: Id<PaymentMethod>, day: NaiveDate) -> Result<(), Refusal> {
        if !self.active.iter().any(|method| method.qualifies(day)) {
            let message = "The customer has saved no card or bank account that could take the line's place. Save one first.";
            return Err(Refusal::precondition(Reason::OTHER_METHOD_REQUIRED, message));
        }
        self.remove(line, day);
        Ok(())
    }

    /// Removes a method. A pointer to it moves to the newest other one that qualifies.
    pub fn remove(&mut self, id: Id<PaymentMethod>, day: NaiveDate) {
        self.active.retain(|method| method.id != id);
        if self.purchase_default == Some(id) {
            self.purchase_default =
                self.active.iter().find(|method| method.qualifies(day)).map(|method| method.id);
        }
        self.move_collection_from(id, day);
    }

    /// After a chargeback: the method is no longer charged without a person present, since the next
    /// charge may come back too.
    pub fn stop_charging(&mut self, id: Id<PaymentMethod>, day: NaiveDate) {
        for method in self.active.iter_mut().filter(|method| method.id == id) {
            method.charged_back = true;
        }
        self.move_collection_from(id, day);
    }

    /// The charge that was taken back stands again: the method may be charged without a person
    /// present again. Where none is, which is so only where this one was and no other has taken its
    /// place, it is the collection method again; returns whether it is.
    pub fn stand_again(&mut self, id: Id<PaymentMethod>, day: NaiveDate) -> bool {
        let Some(method) = self.active.iter_mut().find(|method| method.id == id) else {
            return false;
        };
        method.charged_back = false;
        let is_restored = self.collection.is_none() && method.qualifies(day);
        if is_restored {
            self.collection = Some(id);
        }
        is_restored
    }

    /// Whether a method may be charged without a person present: now, or once the disputes of some
    /// methods are won. Where none is the collection method, one of these [stands
    /// again](Self::stand_again) by itself then.
    #[must_use]
    pub fn may_be_charged<T: Copy>(
        &self,
        disputed: &[(Id<PaymentMethod>, T)],
        day: NaiveDate,
    ) -> bool {
        match self.collection {
            Some(id) => self.get(id).is_some_and(|method| method.is_unexpired(day)),
            None => self.waits_for(disputed, day).is_some(),
        }
    }

    /// What collection waits for: the first of the open disputes, each with its method, which has
    /// taken the only method that could be charged without a person present and may bring it back;
    /// `None` where there is none.
    #[must_use]
    pub fn waits_for<T: Copy>(
        &self,
        disputed: &[(Id<PaymentMethod>, T)],
        day: NaiveDate,
    ) -> Option<T> {
        if self.collection.is_some() {
            return None;
        }
        let comes_back =
            |id: Id<PaymentMethod>| self.get(id).is_some_and(|method| method.qualifies(day));
        disputed.iter().find(|(id, _)| comes_back(*id)).map(|(_, dispute)| *dispute)
    }

    /// Whether another method has become the collection method since it was `before`.
    #[must_use]
    pub fn is_replaced(&self, before: Option<Id<PaymentMethod>>) -> bool {
        self.collection.is_some() && self.collection != before
    }

    fn move_collection_from(&mut self, id: Id<PaymentMethod>, day: NaiveDate) {
        if self.collection == Some(id) {
            self.collection = self
                .active
                .iter()
                .find(|method| method.qualifies(day) && !method.charged_back)
                .map(|method| method.id);
        }
    }
}

#[cfg(test)]
#[path = "method_tests.rs"]
mod tests;
