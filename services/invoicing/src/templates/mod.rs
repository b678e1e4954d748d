//! The words of mails: ours in English and French, or the tenant's own. Strict, and sandboxed: a
//! template sees its variables and nothing else, and its work is bounded.

/// The English and the French text of a mail; before the modules that use it.
macro_rules! both {
    ($name:literal) => {
        [
            include_str!(concat!("../../templates/", $name, ".en.txt")),
            include_str!(concat!("../../templates/", $name, ".fr.txt")),
        ]
    };
}

mod bounds;
mod credit;
mod disputes;
mod invoices;
mod plans;
mod wallet;
mod webhooks;

use crate::documents::wording::Language;
use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Kind, Reason, Refusal};
use serde_json::{Map, Value, json};
use std::{io, thread};

/// Steps that one template may take.
const FUEL: u64 = 100_000;
/// The longest text that may come out.
const MOST_TEXT: usize = 100_000;

/// The reference of the invoice that templates are tried with.
const REFERENCE: &str = "RF94 INV2 0260 0000 1";

/// What a template is rendered with.
pub type Variables = Map<String, Value>;

/// Our own subject and text.
#[must_use]
pub fn ours(kind: MailKind, language: Language) -> (&'static str, &'static str) {
    let [english, french] = plans::ours(kind)
        .or_else(|| credit::ours(kind))
        .or_else(|| wallet::ours(kind))
        .or_else(|| disputes::ours(kind))
        .or_else(|| invoices::ours(kind))
        .or_else(|| webhooks::ours(kind))
        .unwrap_or_else(|| of_invoicing(kind));
    let (subject, text) = language.say(english, french).split_once('\n').unwrap_or_default();
    (subject, text.trim_start_matches('\n'))
}

fn of_invoicing(kind: MailKind) -> [&'static str; 2] {
    match kind {
        MailKind::Receipt => [
            include_str!("../../templates/receipt.en.txt"),
            include_str!("../../templates/receipt.fr.txt"),
        ],
        MailKind::CollectionFailed => [
            include_str!("../../templates/collection_failed.en.txt"),
            include_str!("../../templates/collection_failed.fr.txt"),
        ],
        MailKind::AuthenticationNeeded => [
            include_str!("../../templates/authentication_needed.en.txt"),
            include_str!("../../templates/authentication_needed.fr.txt"),
        ],
        MailKind::PrepaymentTurnedOff => [
            include_str!("../../templates/prepayment_turned_off.en.txt"),
            include_str!("../../templates/prepayment_turned_off.fr.txt"),
        ],
        MailKind::ServiceOverdue => [
            include_str!("../../templates/service_overdue.en.txt"),
            include_str!("../../templates/service_overdue.fr.txt"),
        ],
        MailKind::ServiceSuspended => [
            include_str!("../../templates/service_suspended.en.txt"),
            include_str!("../../templates/service_suspended.fr.txt"),
        ],
        MailKind::ServiceRestored => [
            include_str!("../../templates/service_restored.en.txt"),
            include_str!("../../templates/service_restored.fr.txt"),
        ],
        MailKind::Reminder => [
            include_str!("../../templates/reminder.en.txt"),
            include_str!("../../templates/reminder.fr.txt"),
        ],
        MailKind::Statement => [
            include_str!("../../templates/statement.en.txt"),
            include_str!("../../templates/statement.fr.txt"),
        ],
        MailKind::DebitNotice => [
            include_str!("../../templates/debit_notice.en.txt"),
            include_str!("../../templates/debit_notice.fr.txt"),
        ],
        MailKind::PaymentTakenBack => [
            include_str!("../../templates/payment_taken_back.en.txt"),
            include_str!("../../templates/payment_taken_back.fr.txt"),
        ],
        MailKind::TransferInvoice => [
            include_str!("../../templates/transfer_invoice.en.txt"),
            include_str!("../../templates/transfer_invoice.fr.txt"),
        ],
        MailKind::TransferAnnounced => [
            include_str!("../../templates/transfer_announced.en.txt"),
            include_str!("../../templates/transfer_announced.fr.txt"),
        ],
        MailKind::TaxNumberInvalid => [
            include_str!("../../templates/tax_number_invalid.en.txt"),
            include_str!("../../templates/tax_number_invalid.fr.txt"),
        ],
        _ => ["", ""],
    }
}

/// The variables of a kind, with values to try a template with.
#[must_use]
pub fn samples(kind: MailKind, language: Language) -> Variables {
    let mut samples = Variables::new();
    let mut add = |name: &str, value: Value| samples.insert(name.to_owned(), value);
    add("seller", json!("Acme Telecom"));
    add("link", json!("https://pay.example/page"));
    if !kind.is_for_the_tenant() {
        add("customer", json!("Brightside Ltd"));
    }
    if matches!(
        kind,
        MailKind::CollectionFailed
            | MailKind::Reminder
            | MailKind::Statement
            | MailKind::TransferInvoice
            | MailKind::TransferAnnounced
    ) {
        add("bank_details", json!("Acme Telecom, BSB 062-000, account 1234 5678"));
        if kind != MailKind::Statement {
            add("reference", json!(REFERENCE));
        }
    }
    match kind {
        _ if invoices::ours(kind).is_some() => invoices::samples(kind, language, &mut samples),
        _ if credit::ours(kind).is_some() => credit::samples(language, &mut samples),
        _ if wallet::ours(kind).is_some() => wallet::samples(kind, language, &mut samples),
        _ if disputes::ours(kind).is_some() => disputes::samples(kind, language, &mut samples),
        _ if webhooks::ours(kind).is_some() => webhooks::samples(kind, language, &mut samples),
        _ if plans::ours(kind).is_some() => plans::samples(kind, language, &mut samples),
        _ => payment_samples(kind, language, &mut samples),
    }
    if matches!(kind, MailKind::CollectionFailed | MailKind::Reminder) {
        invoices::planned_samples(language, &mut samples);
    }
    samples
}

/// The variables of the kinds whose texts stand here, beside those that all have.
fn payment_samples(kind: MailKind, language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap_or_default();
    let mut add = |name: &str, value: Value| {
        samples.insert(name.to_owned(), value);
    };
    match kind {
        MailKind::Receipt => {
            add("number", json!("RC-2026-000001"));
            add("amount", json!("20.00\u{a0}USD"));
            add("date", json!(language.date(day)));
            add("expires_on", json!(language.date(day)));
            add("paid_owed", json!("5.00\u{a0}USD"));
            add("owed", json!("3.00\u{a0}USD"));
        }
        MailKind::CollectionFailed => {
            add("number", json!("INV-2026-000001"));
            add("amount", json!("100.00\u{a0}USD"));
            add("reason", json!(language.failure("card_declined")));
            add(
                "method",
                json!(language.say("card ending in 4242", "carte se terminant par 4242")),
            );
            add("no_method", json!("true"));
            add("next_try", json!(language.date(day)));
        }
        MailKind::AuthenticationNeeded => {
            add("number", json!("INV-2026-000001"));
            add("amount", json!("100.00\u{a0}USD"));
        }
        MailKind::PrepaymentTurnedOff => {
            add("reason", json!(language.prepayment_condition("PROVIDER_NOT_CONNECTED")));
        }
        MailKind::Reminder => {
            add("number", json!("INV-2026-000001"));
            add("amount", json!("100.00\u{a0}USD"));
            add("due_date", json!(language.date(day)));
            add("late", json!("true"));
        }
        MailKind::Statement => invoices::statement_samples(language, samples),
        MailKind::DebitNotice => {
            add("number", json!("INV-2026-000001"));
            add("amount", json!("100.00\u{a0}USD"));
            add("date", json!(language.date(day)));
            add("account", json!("3000"));
            add("mandate", json!("MD-0199"));
        }
        MailKind::TransferInvoice => {
            add("number", json!("INV-2026-000001"));
            add("amount", json!("220.00\u{a0}AUD"));
            add("due_date", json!(language.date(day)));
            add("valid_days", json!(365));
        }
        MailKind::TransferAnnounced => {
            add("invoices", json!(["INV-2026-000001", "INV-2026-000002"]));
            add("not_put_off", json!(["INV-2026-000001"]));
            add("amount", json!("220.00\u{a0}AUD"));
            add("until", json!(language.date(day)));
        }
        MailKind::PaymentTakenBack => {
            add("amount", json!("108.00\u{a0}USD"));
            add(
                "invoices",
                json!([{ "number": "INV-2026-000001", "open": "100.00\u{a0}USD", "due_date": language.date(day) }]),
            );
            add("credit", json!("8.00\u{a0}USD"));
            add("owed", json!("5.00\u{a0}USD"));
            add("by_bank", json!("true"));
            add("collected_from", json!(language.date(day)));
        }
        MailKind::TaxNumberInvalid => add("number", json!("DE 136695976")),
        MailKind::ServiceOverdue | MailKind::ServiceSuspended | MailKind::ServiceRestored => {
            add("service", json!("Maps"));
            if kind == MailKind::ServiceOverdue {
                add("suspend_on", json!(language.date(day)));
            }
        }
        _ => {}
    }
}

/// Renders subject and text, on a thread of its own whose stack the bounds were measured for.
///
/// # Errors
/// `TEMPLATE_INVALID`, with part and line; `OVERLOADED` where there is no thread to be had.
pub fn render(
    subject: &str,
    text: &str,
    variables: &Variables,
) -> Result<(String, String), Refusal> {
    on_stack(bounds::STACK, || render_here(subject, text, variables))
}

fn on_stack<T: Send>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Refusal> + Send,
) -> Result<T, Refusal> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("template".to_owned())
            .stack_size(bytes)
            .spawn_scoped(scope, work);
        let thread = thread.map_err(|_| {
            Refusal::new(
                Kind::Exhausted,
                Reason::OVERLOADED,
                "No thread is free to render a template. Retry.",
            )
        })?;
        thread.join().unwrap_or_else(|_| Err(invalid("text", "the template engine failed")))
    })
}

fn render_here(
    subject: &str,
    text: &str,
    variables: &Variables,
) -> Result<(String, String), Refusal> {
    // Without filters and functions: some of them make much out of little.
    let mut environment = Environment::empty();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .build()
        .map_err(|error| invalid("text", &error_text(&error)))?;
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(syntax.clone());
    let context = minijinja::Value::from(minijinja::value::Serde(variables));
    let one = |part: &'static str, source: &str| {
        bounds::check(source, syntax.clone()).map_err(|what| invalid(part, &what))?;
        let template = environment
            .template_from_str(source)
            .map_err(|error| invalid(part, &error_text(&error)))?;
        let mut made = Bounded(Vec::new());
        template
            .render_captured_to(&context, &mut made)
            .map_err(|error| invalid(part, &error_text(&error)))?;
        String::from_utf8(made.0).map_err(|_| invalid(part, "it makes no text"))
    };
    let subject = one("subject", subject)?;
    // A subject is one line, whatever the variables hold.
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((subject, one("text", text)?.trim_end().to_owned()))
}

/// What a template may write at most: its memory is everybody's.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(more.len()) > MOST_TEXT {
            return Err(io::Error::other("the text becomes too long"));
        }
        self.0.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the engine says of an error, with its line.
pub(crate) fn error_text(error: &minijinja::Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    error.line().map_or_else(|| what.clone(), |line| format!("{what}, line {line}"))
}

fn invalid(part: &'static str, error: &str) -> Refusal {
    let message = format!(
        "The {part} of the template cannot be rendered: {error}. Use the variables of its kind only."
    );
    Refusal::precondition(Reason::TEMPLATE_INVALID, message).with("part", part)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod bounds_tests;

#[cfg(test)]
mod branch_tests;
