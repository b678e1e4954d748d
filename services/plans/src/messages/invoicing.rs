//! Messages of invoicing, converted to types of the plans domain.

use chrono::{DateTime, NaiveDate};
use payterms_chassis::{
    AppError, names,
    render::{date_of, money_of},
};
use payterms_kernel::{Currency, DatedAmount, Id, Money, Reason};
use payterms_plans_domain::{
    Covered, Invoice,
    collection::Ended,
    life::Figures,
    on_time::undecided,
    proposal::{Block, Facts},
};
use payterms_proto::{
    google::r#type::Money as MoneyMessage,
    invoicing::v1::{
        DatedAmount as DatedAmountMessage, Invoice as InvoiceMessage, Payment, invoice, payment,
    },
};
use tonic::Status;
use tonic_types::StatusExt;

fn fault(message: &InvoiceMessage) -> AppError {
    AppError::Fault(format!("invoice {:?} that invoicing sent", message.name))
}

fn dated_amount(message: &DatedAmountMessage) -> Option<DatedAmount> {
    Some(DatedAmount {
        on: message.date.as_ref().and_then(date_of)?,
        amount: message.amount.as_ref().and_then(money_of)?,
    })
}

/// The day before which nothing follows from what is open: none is known while a charge that had
/// paid it is disputed.
fn first_day_of_consequences(message: &InvoiceMessage) -> Option<NaiveDate> {
    if message.disputed_by.is_empty() {
        message.no_consequence_before.as_ref().and_then(date_of)
    } else {
        Some(undecided())
    }
}

/// The id of an invoice, and the amounts from which instalments are worked out.
///
/// # Errors
/// `Fault` if a field is missing.
pub fn figures(message: &InvoiceMessage) -> Result<(Id<Invoice>, Figures), AppError> {
    let parse = || {
        let money = |amount: &Option<MoneyMessage>| amount.as_ref().and_then(money_of);
        let figures = Figures {
            open: money(&message.open)?,
            paid: money(&message.paid)?,
            paid_by_day: message.paid_by_day.iter().map(dated_amount).collect::<Option<_>>()?,
            no_consequence_before: first_day_of_consequences(message),
            due_on: message.due_date.as_ref().and_then(date_of).unwrap_or_default(),
            revision: message.revision,
        };
        Some((Id::from_uuid(names::uuid(message.name.rsplit('/').next()?)?), figures))
    };
    parse().ok_or_else(|| fault(message))
}

/// The facts that decide whether an invoice can be proposed. `proposals` is zero: only plans count
/// proposals, so the caller sets it.
pub fn facts(message: &InvoiceMessage) -> Result<Facts, AppError> {
    let (id, figures) = figures(message)?;
    let block = message.block.as_ref().map(|block| Block {
        reason: block.reason().as_str_name().trim_start_matches("REASON_").to_owned(),
        owner: block.owner.clone(),
    });
    Ok(Facts {
        covered: Covered {
            invoice: id,
            number: message.number.clone(),
            due_on: figures.due_on,
            covered: figures.open,
            paid_before: figures.paid,
            open: figures.open,
            paid: figures.paid,
            paid_by_day: figures.paid_by_day,
            no_consequence_before: figures.no_consequence_before,
            expected: figures.open,
            revision: figures.revision,
        },
        name: message.name.clone(),
        state: invoice::State::try_from(message.state)
            .unwrap_or_default()
            .as_str_name()
            .trim_start_matches("STATE_")
            .to_owned(),
        pending: message.pending.as_ref().and_then(money_of).ok_or_else(|| fault(message))?,
        block,
        top_up: message.top_up.is_some(),
        deferred: message.deferral.as_ref().is_some_and(|deferral| !deferral.plans_allowed),
        transfer_only: message
            .usage_month
            .as_ref()
            .is_some_and(|month| !month.postpaid_agreement.is_empty()),
        proposals: 0,
    })
}

/// How a payment that collects ended; `None` while it is under way.
#[must_use]
pub fn collection_ended(message: &Payment, currency: Currency) -> Option<Ended> {
    match message.state() {
        payment::State::Processing | payment::State::Unspecified => None,
        payment::State::Succeeded | payment::State::Partial => {
            let paid = message
                .allocations
                .iter()
                .filter_map(|allocation| allocation.paid.as_ref().and_then(money_of));
            let sum = paid.fold(0_i64, |sum, amount| sum.saturating_add(amount.micros()));
            Some(Ended::Paid(Money::from_micros(currency, sum)))
        }
        payment::State::Failed | payment::State::Cancelled => {
            let reason = message
                .tenders
                .iter()
                .map(|tender| tender.decline_code.clone())
                .find(|code| !code.is_empty());
            Some(Ended::Failed(reason.unwrap_or_default()))
        }
    }
}

/// Converts a refusal to collect: if the debit notice is too recent, the time from which a debit is
/// allowed; otherwise the reason.
#[must_use]
pub fn collection_refused(status: &Status) -> Ended {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else { return Ended::Failed(String::new()) };
    let from = info
        .metadata
        .get("from")
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    match from.filter(|_| info.reason == Reason::DEBIT_NOTICE_REQUIRED) {
        Some(from) => Ended::From(from),
        None => Ended::Failed(info.reason.clone()),
    }
}
