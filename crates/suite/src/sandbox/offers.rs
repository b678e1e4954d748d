//! What the customer can do at once: a wallet, an invoice to pay, a programme to apply to, plans to
//! propose.

use super::{CURRENCY, patient, people::countries, step};
use crate::{Session, client::amount};
use payterms_proto::{
    credit::v1::{CreateProgrammeRequest, ListProgrammesRequest, Programme, programme},
    invoicing::v1::{
        CreateInvoiceRequest, FinalizeInvoiceRequest, Invoice, InvoiceLine, ListInvoicesRequest,
        PaymentTerm, invoice::State, payment_term::Kind,
    },
    plans::v1::{GetPlanSettingsRequest, PlanSettings, UpdatePlanSettingsRequest},
    wallet::v1::{ListWalletsRequest, OpenWalletRequest},
};
use prost_types::FieldMask;

/// The customer's wallet in the currency, opened unless it is there.
pub(super) async fn wallet(
    owner: &Session,
    tenant: &str,
    customer: &str,
) -> Result<String, String> {
    let list =
        ListWalletsRequest { parent: customer.to_owned(), page_size: 500, ..Default::default() };
    let wallets = patient("ListWallets", async || owner.wallets().list_wallets(list.clone()).await)
        .await?
        .wallets;
    if let Some(wallet) = wallets.into_iter().find(|wallet| wallet.currency_code == CURRENCY) {
        return Ok(wallet.name);
    }
    let request_id = step(tenant, &format!("wallet of {customer}"));
    let open = OpenWalletRequest {
        request_id,
        parent: customer.to_owned(),
        currency_code: CURRENCY.to_owned(),
        ..Default::default()
    };
    let opened =
        patient("OpenWallet", async || owner.wallets().open_wallet(open.clone()).await).await?;
    Ok(opened.wallet.unwrap_or_default().name)
}

/// An invoice of the customer of which nothing is paid, and which nothing blocks or defers; issued
/// unless there is one.
pub(super) async fn open_invoice(
    owner: &Session,
    tenant: &str,
    customer: &str,
) -> Result<String, String> {
    // A draft that was left behind does not count, so that the next one who seeds issues it.
    let list = ListInvoicesRequest {
        parent: customer.to_owned(),
        filter: format!("state != DRAFT AND currency = {CURRENCY}"),
        order_by: "create_time desc".to_owned(),
        ..ListInvoicesRequest::default()
    };
    let issued =
        patient("ListInvoices", async || owner.invoices().list_invoices(list.clone()).await)
            .await?
            .invoices;
    let is_free = |invoice: &&Invoice| {
        let is_whole = invoice.state() == State::Open
            && invoice.open == invoice.total
            && invoice.pending.as_ref().is_none_or(|money| money.units == 0);
        is_whole
            && invoice.block.is_none()
            && invoice.deferral.is_none()
            && invoice.disputed_by.is_empty()
    };
    if let Some(invoice) = issued.iter().find(is_free) {
        return Ok(invoice.name.clone());
    }
    let newest = issued.first().map(|invoice| invoice.name.as_str()).unwrap_or_default();
    let line = InvoiceLine {
        description: "Annual licence".to_owned(),
        unit_price: amount(CURRENCY, 120, 0),
        ..InvoiceLine::default()
    };
    let invoice = Invoice {
        currency_code: CURRENCY.to_owned(),
        payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 14 }),
        lines: vec![line],
        ..Invoice::default()
    };
    let request_id = step(tenant, &format!("invoice of {customer} after {newest}"));
    let create = CreateInvoiceRequest {
        request_id,
        parent: customer.to_owned(),
        invoice: Some(invoice),
        ..Default::default()
    };
    let draft =
        patient("CreateInvoice", async || owner.invoices().create_invoice(create.clone()).await)
            .await?;
    let name = draft.invoice.unwrap_or_default().name;
    let finalize = FinalizeInvoiceRequest {
        request_id: step(tenant, &format!("issue of {name}")),
        name: name.clone(),
        ..Default::default()
    };
    patient("FinalizeInvoice", async || owner.invoices().finalize_invoice(finalize.clone()).await)
        .await?;
    Ok(name)
}

/// A programme under which customers in the countries that the tenant sells to may apply; opened
/// unless there is one.
pub(super) async fn programme(owner: &Session, tenant: &str) -> Result<String, String> {
    let parent = format!("tenants/{tenant}");
    let list =
        ListProgrammesRequest { parent: parent.clone(), page_size: 500, ..Default::default() };
    let programmes =
        patient("ListProgrammes", async || owner.programmes().list_programmes(list.clone()).await)
            .await?
            .programmes;
    let is_open = |programme: &&Programme| {
        let is_for_all = programme.tiers.is_empty()
            && !programme.invitation_only
            && countries().iter().all(|country| programme.countries.contains(country));
        programme.state() == programme::State::Open
            && programme.currency_code == CURRENCY
            && is_for_all
    };
    if let Some(known) = programmes.iter().find(is_open) {
        return Ok(known.name.clone());
    }
    let newest = programmes.first().map(|programme| programme.name.as_str()).unwrap_or_default();
    let new = Programme {
        title: "Pay later".to_owned(),
        currency_code: CURRENCY.to_owned(),
        limit_cap: amount(CURRENCY, 5_000, 0),
        countries: countries(),
        plans_allowed: true,
        draws_during_plans: true,
        ..Programme::default()
    };
    let create = CreateProgrammeRequest {
        request_id: step(tenant, &format!("programme after {newest}")),
        parent,
        programme: Some(new),
        ..Default::default()
    };
    let made = patient("CreateProgramme", async || {
        owner.programmes().create_programme(create.clone()).await
    })
    .await?;
    Ok(made.programme.unwrap_or_default().name)
}

/// Lets customers propose plans.
pub(super) async fn allow_plans(owner: &Session, tenant: &str) -> Result<(), String> {
    let name = format!("tenants/{tenant}/planSettings");
    let get = GetPlanSettingsRequest { name: name.clone() };
    let settings = patient("GetPlanSettings", async || {
        owner.plan_settings().get_plan_settings(get.clone()).await
    })
    .await?;
    let settings = settings.plan_settings.unwrap_or_default();
    if settings.proposals_allowed {
        return Ok(());
    }
    let update = UpdatePlanSettingsRequest {
        request_id: step(tenant, &format!("plans of {}", settings.etag)),
        plan_settings: Some(PlanSettings {
            name,
            etag: settings.etag,
            proposals_allowed: true,
            ..PlanSettings::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["proposals_allowed".to_owned()] }),
        ..Default::default()
    };
    patient("UpdatePlanSettings", async || {
        owner.plan_settings().update_plan_settings(update.clone()).await
    })
    .await
    .map(drop)
}
