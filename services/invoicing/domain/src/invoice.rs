//! Invoices: drafts, their issue, and what becomes of what is open
//! (docs/domain/invoicing.md#invoices).

use crate::{
    announced::Announcements,
    block::Block,
    collection::{Collection, DebitNotice},
    customer::{Address, Customer},
    deferral::Deferral,
    draft::{self, Problem},
    effective_day::PaidByDay,
    metered::Billed,
    number::Series,
    reminder::Reminders,
    tax::Amounts,
    tenant::Tenant,
    top_up::TopUp,
    usage_month::UsageMonth,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, Marks, Money, Reason, Refusal, money::MoneyError};

pub use crate::invoice_content::{Content, Line};

/// Where an invoice is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceState {
    /// It may be changed.
    Draft,
    /// It is issued and not wholly paid.
    Open,
    /// Nothing is open.
    Paid,
    /// It was taken back whole.
    Void,
    /// What was open is written off.
    Uncollectible,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    InvoiceState { Draft = "DRAFT", Open = "OPEN", Paid = "PAID", Void = "VOID", Uncollectible = "UNCOLLECTIBLE" }
}

impl InvoiceState {
    /// The verbs that a state allows.
    fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Draft => &["UpdateInvoice", "DeleteInvoice", "FinalizeInvoice"],
            Self::Open => &[
                "VoidInvoice",
                "WriteOffInvoice",
                "CreateCreditNote",
                "CorrectInvoice",
                "CreatePayment",
                "UnapplyPayment",
                "BlockInvoice",
            ],
            Self::Uncollectible => &["CreatePayment", "CorrectInvoice"],
            Self::Paid => &["CreateCreditNote", "CorrectInvoice", "UnapplyPayment"],
            Self::Void => &[],
        }
    }
}

/// A business as a document names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Registered name.
    pub legal_name: String,
    /// Address.
    pub address: Option<Address>,
    /// Country.
    pub country: String,
    /// Tax number; may be empty.
    pub tax_id: String,
    /// Where transfers go; only of the seller of what is to be paid.
    pub bank_details: String,
    /// The language of its documents, such as `fr`; only of the buyer, and empty on those from
    /// before it was kept.
    pub language: String,
}

/// What finalisation fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: String,
    /// Its date.
    pub issue_date: NaiveDate,
    /// When it falls due.
    pub due_date: NaiveDate,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Party,
    /// What the seller's law wants on it.
    pub mentions: String,
}

/// A demand for payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub id: Id<Invoice>,
    /// Who buys.
    pub customer: Id<Customer>,
    /// Where it is.
    pub state: InvoiceState,
    /// Currency of every amount.
    pub currency: Currency,
    /// What it says.
    pub content: Content,
    /// What it comes to; of a draft: as it was when it was written, or brought up to date.
    pub amounts: Amounts,
    /// Why it comes to nothing that could be issued; only of a draft that was brought up to date.
    pub problem: Option<Problem>,
    /// What finalisation fixed; none for a draft.
    pub issue: Option<Issue>,
    /// What payments have paid.
    pub paid: Money,
    /// The same by effective day.
    pub paid_by_day: PaidByDay,
    /// What credit notes and a void have taken off.
    pub credited: Money,
    /// What was written off.
    pub written_off: Money,
    /// What open payment intents have reserved.
    pub pending: Money,
    /// What keeps it from being collected and reminded.
    pub block: Option<Block>,
    /// How its automatic collection stands.
    pub collection: Collection,
    /// The notice that precedes a bank debit.
    pub notice: Option<DebitNotice>,
    /// The metered service that it bills.
    pub billed: Option<Billed>,
    /// The top-up by transfer that it sells.
    pub top_up: Option<TopUp>,
    /// The month of a wallet that it bills.
    pub usage: Option<UsageMonth>,
    /// How a credit line defers it.
    pub deferral: Option<Deferral>,
    /// What was announced for it before.
    pub announcements: Announcements,
    /// How its reminders stand.
    pub reminders: Reminders,
    /// The day from which anything follows from what is open, after a match or a charge was taken
    /// back.
    pub no_consequence_before: Option<NaiveDate>,
    /// Name of the open dispute of a charge that had paid it; empty: there is none.
    pub disputed_by: String,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Invoice {
    /// Writes a draft.
    ///
    /// # Errors
    /// `TAX_UNKNOWN`, `INVOICE_BELOW_ZERO`, `INVOICE_EMPTY`, `CURRENCY_MISMATCH`,
    /// `BALANCE_OVERFLOW`.
    pub fn draft(
        id: Id<Self>,
        tenant: &Tenant,
        customer: &Customer,
        currency: Currency,
        content: Content,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let amounts = draft::reckon(tenant, customer, currency, &content)?.amounts;
        Ok(Self::written(id, customer.id, currency, content, amounts, now))
    }

    /// A draft that comes to these amounts.
    pub(crate) fn written(
        id: Id<Self>,
        customer: Id<Customer>,
        currency: Currency,
        content: Content,
        amounts: Amounts,
        now: DateTime<Utc>,
    ) -> Self {
        let zero = Money::zero(currency);
        Self {
            id,
            customer,
            state: InvoiceState::Draft,
            currency,
            content,
            amounts,
            problem: None,
            issue: None,
            paid: zero,
            paid_by_day: PaidByDay::new(),
            credited: zero,
            written_off: zero,
            pending: zero,
            block: None,
            collection: Collection::default(),
            notice: None,
            billed: None,
            top_up: None,
            usage: None,
            deferral: None,
            announcements: Announcements::default(),
            reminders: Reminders::default(),
            marks: Marks::default(),
            no_consequence_before: None,
            disputed_by: String::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Gives it number, dates and parties, for ever.
    pub(crate) fn issue_to(
        &mut self,
        tenant: &Tenant,
        buyer: Party,
        series: &mut Series,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) {
        let (number, issue_date) = series.take(today);
        let due_date = self.content.term.due(issue_date).unwrap_or(issue_date);
        let (seller, mentions) =
            (self.seller(tenant, self.amounts.total), tenant.business.legal_mentions.clone());
        self.issue = Some(Issue { number, issue_date, due_date, seller, buyer, mentions });
        // What comes to nothing is paid from the beginning
        // (docs/domain/invoicing.md#nothing-to-pay).
        self.state =
            if self.amounts.total.is_zero() { InvoiceState::Paid } else { InvoiceState::Open };
        self.touch(now);
    }

    /// The tenant as a document of this invoice names it, with where transfers go if so much is to
    /// be paid. What deposits have paid is never to be paid
    /// (docs/domain/invoicing.md#where-to-pay).
    pub(crate) fn seller(&self, tenant: &Tenant, to_pay: Money) -> Party {
        let paid_already = self.usage.is_some_and(|usage_month| usage_month.agreement.is_none());
        let bank_details = if paid_already || !to_pay.is_positive() {
            String::new()
        } else {
            tenant.business.bank_details.clone()
        };
        Party { bank_details, ..tenant.party() }
    }

    /// What is left to pay: total less paid, credited and written off.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn open(&self) -> Result<Money, MoneyError> {
        if self.state == InvoiceState::Draft {
            return Ok(Money::zero(self.currency));
        }
        self.amounts.total.minus(self.paid)?.minus(self.credited)?.minus(self.written_off)
    }

    /// What no payment has reserved of what is open.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn payable(&self) -> Result<Money, MoneyError> {
        self.open()?.minus(self.pending)
    }

    /// Whether it is past due on a day: a fact of dates, whatever else holds. A top-up is no debt.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn past_due(&self, today: NaiveDate) -> Result<bool, MoneyError> {
        let due = self.issue.as_ref().is_some_and(|issue| issue.due_date < today);
        Ok(due && self.top_up.is_none() && self.open()?.is_positive())
    }

    /// Refuses outside these states.
    ///
    /// # Errors
    /// `INVOICE_STATE`.
    pub fn must_be(&self, states: &[InvoiceState]) -> Result<(), Refusal> {
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Refusal::state(Reason::INVOICE_STATE, "The invoice", self.state.name(), self.allowed()))
    }

    /// The verbs that it allows: one over nothing was never paid, and nothing of it can be
    /// credited.
    fn allowed(&self) -> &'static [&'static str] {
        if self.is_over_nothing() { &["CorrectInvoice"] } else { self.state.allowed() }
    }

    /// Whether it was issued over nothing: there is nothing to pay
    /// (docs/domain/invoicing.md#nothing-to-pay).
    #[must_use]
    pub fn is_over_nothing(&self) -> bool {
        self.issue.is_some() && self.amounts.total.is_zero()
    }

    /// The state that the amounts of an issued invoice make.
    pub(crate) fn settle_state(&mut self) -> Result<(), MoneyError> {
        let nothing_open = self.open()?.is_zero();
        self.state = if self.written_off.is_positive() && !self.payable()?.is_positive() {
            InvoiceState::Uncollectible
        } else if !nothing_open {
            InvoiceState::Open
        } else if self.credited.is_positive() && self.credited == self.amounts.total {
            InvoiceState::Void
        } else {
            InvoiceState::Paid
        };
        self.end_collection_if_closed();
        Ok(())
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
