//! Writes mails in the transaction of what they tell of; they are sent apart from it.

use super::{save::publish_mail, send};
use crate::{
    documents::wording::Language,
    store::{customers, mails, tenants},
    templates::{self, Variables},
};
use payterms_chassis::{AppError, WriteTx, flow};
use payterms_invoicing_domain::{Customer, Mail, MailKind, Tenant, mail::Attachment};
use payterms_kernel::{Id, Reason, TenantId};
use payterms_proto::wallet::v1::{PaymentMethod, payment_method::Kind};
use serde_json::Value;

/// What a mail is about, and what goes with it.
#[derive(Debug)]
pub struct Letter<V: FnOnce(Language) -> Vec<(&'static str, Value)>> {
    /// Its kind.
    pub kind: MailKind,
    /// The variables of the kind, in the reader's language.
    pub variables: V,
    /// The page of the tenant's portal that it leads to, such as `/invoices/0199…`.
    pub page: String,
    /// Documents.
    pub attachments: Vec<Attachment>,
}

/// A variable that says whether something holds: a template takes what is empty as false.
pub(super) fn flag(holds: bool) -> &'static str {
    if holds { "true" } else { "" }
}

/// What a method is called: `card ending in 4242`.
pub(super) fn method(language: Language, method: Option<&PaymentMethod>) -> String {
    let Some(payment_method) = method else {
        return language.say("payment method", "moyen de paiement").to_owned();
    };
    let words = if payment_method.kind() == Kind::BankDebit {
        language.say("bank account ending in", "compte bancaire se terminant par")
    } else {
        language.say("card ending in", "carte se terminant par")
    };
    format!("{words} {}", payment_method.last_four)
}

/// The method that a try was made with, or the words for a saved one where it is not known any
/// more.
#[must_use]
pub fn tried_method(language: Language, payment_method: Option<&PaymentMethod>) -> String {
    payment_method.map_or_else(
        || language.say("saved payment method", "moyen de paiement enregistré").to_owned(),
        |payment_method| method(language, Some(payment_method)),
    )
}

/// Writes to a customer.
///
/// # Errors
/// `Fault` for a customer who is not there.
pub async fn write_to_customer<V: FnOnce(Language) -> Vec<(&'static str, Value)>>(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    letter: Letter<V>,
) -> Result<(), AppError> {
    write_about(tx, customer, None, letter).await
}

/// Writes to an address that was given for this alone.
///
/// # Errors
/// `Fault` for a customer who is not there.
pub async fn write_to_address<V: FnOnce(Language) -> Vec<(&'static str, Value)>>(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    address: String,
    letter: Letter<V>,
) -> Result<(), AppError> {
    write_about(tx, customer, Some(address), letter).await
}

async fn write_about<V: FnOnce(Language) -> Vec<(&'static str, Value)>>(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    address: Option<String>,
    letter: Letter<V>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("a mail to customer {customer}"));
    let seller = tenants::find(tx.conn(), &tenant).await?.ok_or_else(fault)?;
    let buyer = customers::find(tx.conn(), &tenant, customer).await?.ok_or_else(fault)?;
    let language = Language::of(&buyer.locale);
    let mut variables = common(&seller, &letter.page);
    variables.insert("customer".to_owned(), buyer.legal_name.clone().into());
    variables.extend(
        (letter.variables)(language).into_iter().map(|(name, value)| (name.to_owned(), value)),
    );
    let words = words(tx, &tenant, letter.kind, language, &variables).await?;
    let (id, now) = (tx.id(), tx.now());
    let to = address.map_or_else(|| buyer.mail_addresses(), |address| vec![address]);
    let mail = Mail::write(id, (letter.kind, Some(customer)), to, words, letter.attachments, now);
    enqueue_mail(tx, &mail).await
}

/// Writes to the tenant itself, in English.
pub async fn write_to_tenant(
    tx: &mut WriteTx,
    kind: MailKind,
    variables: Vec<(&'static str, Value)>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let this_tenant = tenants::find(tx.conn(), &tenant)
        .await?
        .ok_or_else(|| AppError::Fault("a mail to no tenant".to_owned()))?;
    let mut all = common(&this_tenant, "");
    all.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let words = words(tx, &tenant, kind, Language::English, &all).await?;
    let to = Some(this_tenant.business.contact_email).filter(|address| !address.is_empty());
    let (id, now) = (tx.id(), tx.now());
    let mail = Mail::write(id, (kind, None), to.into_iter().collect(), words, Vec::new(), now);
    enqueue_mail(tx, &mail).await
}

fn common(seller: &Tenant, page: &str) -> Variables {
    let portal = seller.business.portal_url.trim_end_matches('/');
    let link = if portal.is_empty() { String::new() } else { format!("{portal}{page}") };
    [("seller", seller.display_name.clone()), ("link", link)]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into_iter()
        .collect()
}

/// Subject and text by the tenant's template; by ours where there is none, or it cannot be
/// rendered.
async fn words(
    tx: &WriteTx,
    tenant: &TenantId,
    kind: MailKind,
    language: Language,
    variables: &Variables,
) -> Result<(String, String), AppError> {
    if let Some((subject, text)) = mails::template(tx.conn(), tenant, kind, language.code()).await?
    {
        match templates::render(&subject, &text, variables) {
            Err(refusal) if refusal.reason == Reason::TEMPLATE_INVALID => {}
            other => return Ok(other?),
        }
        tracing::warn!(kind = kind.name(), "a tenant's template cannot be rendered; ours is used");
    }
    let (subject, text) = templates::ours(kind, language);
    Ok(templates::render(subject, text, variables)?)
}

async fn enqueue_mail(tx: &mut WriteTx, mail: &Mail) -> Result<(), AppError> {
    publish_mail(tx, mail).await?;
    if mail.state == payterms_invoicing_domain::MailState::Pending {
        flow::enqueue(tx, send::FLOW, mail.id.uuid()).await?;
    }
    Ok(())
}
