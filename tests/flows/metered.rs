//! Metered services: used in the wallet, billed here after the month's end, each with its own
//! status.

use crate::{
    clocks::{advance, at, start},
    collections::{DAY, START},
    invariants,
    mails::mails_of,
    payments::by,
    top_ups::card,
};
use payterms_proto::{
    common::v1::RepublishRequest,
    google::r#type::Decimal,
    invoicing::v1::{
        CreatePaymentRequest, Customer, DisableMeteredServiceRequest, DunningSettings,
        EnableMeteredServiceRequest, GetMeteredServiceRequest, Invoice, InvoiceToPay,
        ListInvoicesRequest, ListMeteredServicesRequest, MailKind, MeteredService, PaymentTerm,
        Tenant, UpdateCustomerRequest, UpdateTenantRequest, invoice, metered_service::State,
        payment_term::Kind,
    },
    wallet::v1::{RecordUsageRequest, UsageRecord},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;
use tonic::Status;

on_both!(
    two_services_are_billed_apart_and_nothing_used_is_no_invoice,
    every_month_is_told_again_by_itself_and_billed_once,
    a_permanent_failure_suspends_and_payment_restores,
    what_comes_late_is_billed_with_the_open_month,
    what_is_disabled_is_billed_and_not_used,
);

/// 00:00 of 1 February in Sydney.
pub(crate) const FEBRUARY: i64 = START + 31 * DAY - 11 * 3_600;

pub(crate) struct Yard {
    pub customer: String,
    pub wallet: String,
    pub admin: Session,
    pub owner: Session,
}

/// A shop on a test clock, and a customer with a wallet without credit.
pub(crate) async fn yard(world: &World, token: Option<&str>) -> Yard {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    if let Some(token) = token {
        card(world, &admin, &customer, token).await;
    }
    Yard { customer, wallet, admin, owner }
}

impl Yard {
    pub(crate) async fn enable(&self, product: &str) -> Result<MeteredService, Status> {
        let service = MeteredService {
            product: product.into(),
            display_name: product.to_uppercase(),
            currency_code: "USD".into(),
            payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 0 }),
            ..MeteredService::default()
        };
        let request = EnableMeteredServiceRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            metered_service: Some(service),
            ..Default::default()
        };
        let made = self.owner.metered_services().enable_metered_service(request).await?;
        // A use may go through another gateway, which has not seen this answer.
        let seen = self.owner.after(&made);
        let list = payterms_proto::wallet::v1::ListWalletsRequest {
            parent: self.customer.clone(),
            ..Default::default()
        };
        seen.wallets().list_wallets(list).await?;
        Ok(made.into_inner().metered_service.unwrap())
    }

    pub(crate) async fn uses(
        &self,
        world: &World,
        product: &str,
        quantity: &str,
        used: Option<i64>,
    ) -> Result<UsageRecord, Status> {
        let request = RecordUsageRequest {
            request_id: request_id(),
            wallet: self.wallet.clone(),
            product: product.into(),
            quantity: Some(Decimal { value: quantity.into() }),
            unit_price: amount("USD", 0, 25),
            usage_time: used.and_then(at),
            ..Default::default()
        };
        world
            .someone("SERVICE", None)
            .usage()
            .record_usage(request)
            .await
            .map(|answer| answer.into_inner().usage_record.unwrap())
    }

    async fn suspend_after(&self, days: i32) {
        let dunning = DunningSettings {
            suspend_overdue_services: true,
            suspend_after_days: days,
            reminder_days: Vec::new(),
        };
        let tenant =
            Tenant { name: "tenants/acme".into(), dunning: Some(dunning), ..Tenant::default() };
        let mask = FieldMask { paths: vec!["dunning".into()] };
        let update = UpdateTenantRequest {
            request_id: request_id(),
            tenant: Some(tenant),
            update_mask: Some(mask),
            ..Default::default()
        };
        self.owner.tenants().update_tenant(update).await.unwrap();
    }

    pub(crate) async fn invoices(&self) -> Vec<Invoice> {
        let list = ListInvoicesRequest { parent: self.customer.clone(), ..Default::default() };
        self.owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices
    }

    pub(crate) async fn state(&self, name: &str) -> State {
        let get = GetMeteredServiceRequest { name: name.into() };
        self.admin
            .metered_services()
            .get_metered_service(get)
            .await
            .unwrap()
            .into_inner()
            .metered_service
            .unwrap()
            .state()
    }
}

async fn two_services_are_billed_apart_and_nothing_used_is_no_invoice(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    let (maps, sms) = (yard.enable("maps").await.unwrap(), yard.enable("sms").await.unwrap());
    yard.enable("mail").await.unwrap();
    let record = yard.uses(world, "maps", "100", None).await.unwrap();
    assert_eq!(
        (record.metered_service.as_str(), record.transfer_id.as_str(), record.amount),
        (maps.name.as_str(), "", amount("USD", 25, 0))
    );
    yard.uses(world, "maps", "0.5", None).await.unwrap();
    yard.uses(world, "sms", "8", None).await.unwrap();
    advance(world, FEBRUARY - 1).await;
    assert!(yard.invoices().await.is_empty());
    advance(world, FEBRUARY + 2 * 3_600 + 60).await;
    let mut bills = yard.invoices().await;
    bills.sort_by_key(|bill| bill.total.as_ref().unwrap().units);
    let told: Vec<_> = bills
        .iter()
        .map(|bill| (bill.metered_service.as_str(), bill.total.clone(), bill.state()))
        .collect();
    let paid = invoice::State::Paid;
    assert_eq!(
        told,
        [
            (sms.name.as_str(), amount("USD", 2, 0), paid),
            (maps.name.as_str(), amount("USD", 25, 13), paid)
        ]
    );
    let issued = bills[0].issue_date.as_ref().unwrap();
    assert_eq!(
        (issued.month, issued.day, bills[0].lines[0].description.as_str()),
        (2, 1, "SMS, January 2026")
    );
    advance(world, FEBRUARY + 40 * DAY).await;
    assert_eq!(yard.invoices().await.len(), 2, "nothing used, no invoice");
    let list = ListMeteredServicesRequest { parent: yard.customer.clone(), ..Default::default() };
    assert_eq!(
        yard.admin
            .metered_services()
            .list_metered_services(list)
            .await
            .unwrap()
            .into_inner()
            .metered_services
            .len(),
        3
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn every_month_is_told_again_by_itself_and_billed_once(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    yard.enable("maps").await.unwrap();
    yard.uses(world, "maps", "40", None).await.unwrap();
    advance(world, FEBRUARY + DAY).await;
    yard.uses(world, "maps", "80", None).await.unwrap();
    let customer =
        Customer { name: yard.customer.clone(), locale: "fr".into(), ..Customer::default() };
    let update_mask = Some(FieldMask { paths: vec!["locale".into()] });
    let french = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer),
        update_mask,
        ..Default::default()
    };
    yard.admin.customers().update_customer(french).await.unwrap();
    advance(world, FEBRUARY + 28 * DAY + 60).await;
    let bills = yard.invoices().await;
    let mut lines: Vec<_> = bills.iter().map(|bill| bill.lines[0].description.as_str()).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["MAPS, January 2026", "MAPS, février 2026"]);
    let request = RepublishRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        aggregate_type: "metered_usage".into(),
        ..RepublishRequest::default()
    };
    let answer = world
        .someone("OPERATOR", None)
        .operations("wallet")
        .republish(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.snapshot_count, 2);
    advance(world, FEBRUARY + 29 * DAY).await;
    assert_eq!(yard.invoices().await.len(), 2);
}

pub(crate) async fn a_permanent_failure_suspends_and_payment_restores(world: &World) {
    let yard = yard(world, Some("tok_declined")).await;
    yard.suspend_after(2).await;
    let service = yard.enable("maps").await.unwrap();
    yard.uses(world, "maps", "40", None).await.unwrap();
    advance(world, FEBRUARY + 6 * DAY).await;
    assert_eq!(yard.state(&service.name).await, State::Active, "a rung of the ladder is left");
    advance(world, FEBRUARY + 7 * DAY + 2 * 3_600 + 60).await;
    assert_eq!(yard.state(&service.name).await, State::Overdue);
    mails_of(&yard.owner, MailKind::ServiceOverdue, 1).await;
    yard.uses(world, "maps", "4", None).await.unwrap();
    yard.suspend_after(4).await;
    advance(world, FEBRUARY + 9 * DAY + 120).await;
    assert_eq!(yard.state(&service.name).await, State::Overdue, "the tenant has given more days");
    advance(world, FEBRUARY + 11 * DAY + 2 * 3_600 + 120).await;
    assert_eq!(yard.state(&service.name).await, State::Suspended);
    mails_of(&yard.owner, MailKind::ServiceSuspended, 1).await;
    let refused = yard.uses(world, "maps", "1", None).await.unwrap_err();
    assert_eq!(reason(&refused), "SERVICE_STATE");
    let disable = DisableMeteredServiceRequest {
        request_id: request_id(),
        name: service.name.clone(),
        ..Default::default()
    };
    yard.admin.metered_services().disable_metered_service(disable).await.unwrap();
    assert_eq!(
        yard.enable("maps").await.unwrap().state(),
        State::Overdue,
        "what it owes is not forgotten"
    );
    let bill = yard.invoices().await.remove(0);
    let good = card(world, &yard.admin, &yard.customer, "tok_visa").await;
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: yard.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: bill.name.clone(), amount: None }],
        tenders: vec![by(&good, None)],
        ..Default::default()
    };
    yard.admin.payments().create_payment(pay).await.unwrap();
    assert_eq!(yard.state(&service.name).await, State::Active);
    mails_of(&yard.owner, MailKind::ServiceRestored, 1).await;
    crate::rig::until(async || yard.uses(world, "maps", "1", None).await, |_| true).await;
    invariants::books_agree(world).await;
}

async fn what_comes_late_is_billed_with_the_open_month(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    yard.enable("maps").await.unwrap();
    yard.uses(world, "maps", "40", None).await.unwrap();
    advance(world, FEBRUARY + 2 * DAY).await;
    let late = yard.uses(world, "maps", "4", Some(START + 30 * DAY)).await.unwrap();
    assert!(late.late);
    let usage_record = yard.uses(world, "maps", "4", None).await.unwrap();
    assert!(!usage_record.late);
    let old = yard.uses(world, "maps", "4", Some(START - 3 * DAY)).await.unwrap_err();
    assert_eq!(reason(&old), "USAGE_TOO_OLD");
    advance(world, FEBRUARY + 28 * DAY + 60).await;
    let totals: Vec<_> = yard.invoices().await.into_iter().map(|bill| bill.total).collect();
    assert_eq!(
        totals,
        [amount("USD", 2, 0), amount("USD", 10, 0)],
        "the late use is on February's bill"
    );
}

async fn what_is_disabled_is_billed_and_not_used(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    let service = yard.enable("maps").await.unwrap();
    yard.uses(world, "maps", "40", None).await.unwrap();
    let disable = DisableMeteredServiceRequest {
        request_id: request_id(),
        name: service.name.clone(),
        ..Default::default()
    };
    yard.admin.metered_services().disable_metered_service(disable).await.unwrap();
    let refused =
        crate::rig::until(async || Ok(yard.uses(world, "maps", "0", None).await), Result::is_err)
            .await
            .unwrap_err();
    assert_eq!(reason(&refused), "SERVICE_STATE");
    advance(world, FEBRUARY + 60).await;
    assert_eq!(yard.invoices().await.remove(0).total, amount("USD", 10, 0));
    let again = yard.enable("maps").await.unwrap();
    assert_eq!((again.name, again.state), (service.name, State::Active.into()));
    assert_eq!(reason(&yard.enable("maps").await.unwrap_err()), "SERVICE_STATE");
}
