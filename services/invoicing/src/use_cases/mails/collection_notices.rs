//! What is mailed of collections: that one ended without money, that what had stopped or waited is
//! planned, that a bank account will be debited.

use super::{
    transfer_notices::planned_or_to_pay,
    write::{Letter, flag, tried_method, write_to_customer},
};
use crate::{
    documents::{reasons::is_without_method, wording::Language},
    store::{method_copies, tenants},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{CollectionState, Customer, Invoice, MailKind};
use payterms_kernel::{Id, Money, calendar::day_in, money::MoneyError};
use payterms_proto::wallet::v1::PaymentMethod;
use serde_json::{Value, json};
use uuid::Uuid;

/// An automatic collection ended without money. `declined` is the method whose charge has failed.
pub async fn mail_collection_ended(
    tx: &mut WriteTx,
    invoice: &Invoice,
    declined: Option<Uuid>,
) -> Result<(), AppError> {
    let kind = match invoice.collection.state {
        CollectionState::RequiresAction => MailKind::AuthenticationNeeded,
        CollectionState::Scheduled | CollectionState::Failed
            if !invoice.collection.reason.is_empty() =>
        {
            MailKind::CollectionFailed
        }
        _ => return Ok(()),
    };
    let zone = tx.time().zone;
    let number = invoice.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default();
    let (open, reason, next) =
        (invoice.open()?, invoice.collection.reason.clone(), invoice.collection.next_at);
    let (outlook, where_to_pay) = planned_or_to_pay(tx, invoice).await?;
    let declined = match declined {
        Some(method) => {
            method_copies::find(tx.conn(), &tx.call().tenant, invoice.customer, method).await?
        }
        None => None,
    };
    let letter = Letter {
        kind,
        variables: |language| {
            let mut variables =
                vec![("number", number.into()), ("amount", language.money(open).into())];
            if kind == MailKind::CollectionFailed {
                let next = next.map(|at| language.date(day_in(zone, at))).unwrap_or_default();
                let no_method = flag(is_without_method(&reason));
                variables.extend([
                    ("reason", language.failure(&reason).into()),
                    ("no_method", no_method.into()),
                    ("method", tried_method(language, declined.as_ref()).into()),
                    ("next_try", next.into()),
                ]);
                variables.extend(outlook.variables(language));
                variables.extend(where_to_pay);
            }
            variables
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: Vec::new(),
    };
    write_to_customer(tx, invoice.customer, letter).await
}

/// Why collections are planned of which a customer hears by a mail of their own.
#[derive(Debug, Clone)]
pub enum PlannedBecause {
    /// Another collection method is tried for what had stopped; it is named where that is known.
    NewMethod(Option<PaymentMethod>),
    /// What waited for a dispute goes on; no method can be charged.
    WaitedInVain,
    /// What waited for a dispute goes on, from a method where that is known.
    Waited(Option<PaymentMethod>),
}

impl PlannedBecause {
    /// What the mail says of it.
    pub(super) fn variables(&self, language: Language) -> [(&'static str, Value); 3] {
        let (waited, none, payment_method) = match self {
            Self::NewMethod(payment_method) => (false, false, payment_method.as_ref()),
            Self::WaitedInVain => (true, true, None),
            Self::Waited(payment_method) => (true, false, payment_method.as_ref()),
        };
        [
            ("waited", flag(waited).into()),
            ("no_method", flag(none).into()),
            ("method", tried_method(language, payment_method).into()),
        ]
    }

    /// Where a transfer goes, for who is asked to pay because no method can be charged; empty for
    /// everybody else.
    pub(super) async fn bank_details(&self, tx: &WriteTx) -> Result<String, AppError> {
        let asks = matches!(self, Self::WaitedInVain);
        let seller = if asks { tenants::find(tx.conn(), &tx.call().tenant).await? } else { None };
        Ok(seller.map(|tenant| tenant.business.bank_details).unwrap_or_default())
    }
}

/// Collections are planned that had stopped, or waited.
pub async fn mail_collection_planned(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    invoices: &[Invoice],
    day: NaiveDate,
    because: PlannedBecause,
) -> Result<(), AppError> {
    let mut items = Vec::with_capacity(invoices.len());
    for invoice in invoices {
        items.extend(invoice.issue.as_ref().map(|issue| (issue.number.clone(), invoice.payable())));
    }
    let bank_details = because.bank_details(tx).await?;
    let letter = Letter {
        kind: MailKind::CollectionPlanned,
        variables: |language| {
            let shown = |(name, payable): (String, Result<Money, MoneyError>)| json!({ "name": name, "amount": payable.map(|payable| language.money(payable)).unwrap_or_default() });
            let mut variables = vec![
                ("items", items.into_iter().map(shown).collect::<Vec<_>>().into()),
                ("date", language.date(day).into()),
            ];
            variables.extend(because.variables(language));
            variables.push(("bank_details", bank_details.into()));
            variables
        },
        page: "/invoices".to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer, letter).await
}

/// A bank account will be debited for an invoice.
pub async fn mail_debit_notice(
    tx: &mut WriteTx,
    invoice: &Invoice,
    account: PaymentMethod,
) -> Result<(), AppError> {
    let (Some(issue), Some(at)) = (invoice.issue.clone(), invoice.collection.next_at) else {
        return Ok(());
    };
    let (amount, day) = (invoice.payable()?, day_in(tx.time().zone, at));
    let letter = Letter {
        kind: MailKind::DebitNotice,
        variables: |language| {
            vec![
                ("number", issue.number.into()),
                ("amount", language.money(amount).into()),
                ("date", language.date(day).into()),
                ("account", account.last_four.into()),
                ("mandate", account.mandate_reference.into()),
            ]
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: Vec::new(),
    };
    write_to_customer(tx, invoice.customer, letter).await
}
