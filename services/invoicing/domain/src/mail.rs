//! Mails: what is told to whom, and how often it is tried (docs/domain/invoicing.md#mails).

use crate::{customer::Customer, mail_kind::MailKind};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, Reason, Refusal};
use uuid::Uuid;

/// Where a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailState {
    /// It is being sent, or tried again later.
    Pending,
    /// The mail server has it.
    Sent,
    /// It is not tried again by itself.
    Failed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    MailState { Pending = "PENDING", Sent = "SENT", Failed = "FAILED" }
}

/// A document that goes with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// An invoice.
    Invoice(Uuid),
    /// A receipt.
    Receipt(Uuid),
    /// A receipt, and its credit note that goes with the mail.
    ReceiptCreditNote(Uuid, Uuid),
    /// A statement.
    Statement(Uuid),
    /// A credit note.
    CreditNote {
        /// The invoice that it takes from.
        invoice: Uuid,
        /// The credit note.
        note: Uuid,
    },
}

/// A mail as it was written. Addresses and text are personal data: logs never hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id; the message id comes from it, so that a mail that is sent twice is seen once.
    pub id: Id<Mail>,
    /// What it is about.
    pub kind: MailKind,
    /// Whom it is for; none: the tenant.
    pub customer: Option<Id<Customer>>,
    /// Addresses.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Text.
    pub text: String,
    /// Documents.
    pub attachments: Vec<Attachment>,
    /// Where it is.
    pub state: MailState,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last try failed.
    pub failure: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Minutes until the next try; after the last one it has failed.
const PAUSES_MINUTES: [i64; 5] = [1, 5, 30, 120, 720];

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The mail server took it.
    Sent,
    /// The mail server refuses it for good.
    Refused,
    /// The mail server cannot be reached, or says later.
    Unreachable,
}

impl Mail {
    /// Writes a mail; one without an address has failed from the start, for everybody to see.
    #[must_use]
    pub fn write(
        id: Id<Self>,
        (kind, customer): (MailKind, Option<Id<Customer>>),
        to: Vec<String>,
        (subject, text): (String, String),
        attachments: Vec<Attachment>,
        now: DateTime<Utc>,
    ) -> Self {
        let (state, failure) = if to.is_empty() {
            (MailState::Failed, "NO_ADDRESS")
        } else {
            (MailState::Pending, "")
        };
        Self {
            id,
            kind,
            customer,
            to,
            subject,
            text,
            attachments,
            state,
            attempts: 0,
            failure: failure.to_owned(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Notes a try; answers when the next one is, if there is one.
    pub fn tried(&mut self, tried: &Tried, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let pause = PAUSES_MINUTES.get(usize::try_from(self.attempts).unwrap_or(usize::MAX));
        self.attempts = self.attempts.saturating_add(1);
        self.touch(now);
        let (state, failure, next) = match (tried, pause) {
            (Tried::Sent, _) => (MailState::Sent, "", None),
            (Tried::Unreachable, Some(minutes)) => {
                (MailState::Pending, "UNREACHABLE", Some(now + TimeDelta::minutes(*minutes)))
            }
            (Tried::Unreachable, None) => (MailState::Failed, "UNREACHABLE", None),
            (Tried::Refused, _) => (MailState::Failed, "REFUSED", None),
        };
        self.state = state;
        failure.clone_into(&mut self.failure);
        next
    }

    /// Begins anew by hand.
    ///
    /// # Errors
    /// `MAIL_STATE` for one that has not failed, or has no address.
    pub fn retry(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.state != MailState::Failed || self.to.is_empty() {
            return Err(Refusal::state(Reason::MAIL_STATE, "The mail", self.state.name(), &[]));
        }
        (self.state, self.attempts) = (MailState::Pending, 0);
        self.touch(now);
        Ok(())
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

impl Customer {
    /// Where documents and notices go: the billing address and the contacts who want them, each
    /// once.
    #[must_use]
    pub fn mail_addresses(&self) -> Vec<String> {
        let contacts = self
            .contacts
            .iter()
            .filter(|contact| contact.receives_documents)
            .map(|contact| &contact.email);
        let mut to: Vec<String> = Vec::new();
        for address in std::iter::once(&self.billing_email)
            .chain(contacts)
            .filter(|address| !address.is_empty())
        {
            if !to.contains(address) {
                to.push(address.clone());
            }
        }
        to
    }
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
