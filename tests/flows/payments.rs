//! Invoices are paid: by credit and cards, in part, beyond; what cannot be paid moves nothing.

use crate::{
    invariants,
    invoices::{draft, issued, line, read, taxed},
    top_ups::{buy, card},
    wallets::grant,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        ApplyCreditRequest, CreatePaymentRequest, GetPaymentRequest, Invoice, InvoiceToPay,
        ListPaymentsRequest, Payment, QuotePaymentRequest, Tenant, TenderToUse,
        UpdateTenantRequest, VoidInvoiceRequest, invoice, payment::State, payment_tender,
        tender_to_use::Source,
    },
    wallet::v1::{GetBalanceRequest, TaxKind, UpdateWalletSettingsRequest, WalletSettings},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};

on_both!(
    thirty_by_credit_and_seventy_by_card,
    all_that_is_open_is_paid_and_the_rest_becomes_credit,
    staff_apply_credit_in_part_and_taxed_credit_pays_no_tax,
    what_cannot_be_paid_is_refused_before_anything_moves,
    a_quote_changes_nothing,
);

/// A shop, a customer with a wallet of so much credit, an invoice of a hundred, the customer's
/// admin.
pub(crate) struct Till {
    pub customer: String,
    pub wallet: String,
    pub invoice: Invoice,
    pub admin: Session,
    pub owner: Session,
}

pub(crate) async fn till(world: &World, credit: i64) -> Till {
    world.tenant("acme").await;
    till_of(world, credit).await
}

pub(crate) async fn till_of(world: &World, credit: i64) -> Till {
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    if credit > 0 {
        grant(world, &wallet, amount("USD", credit, 0), 0).await;
    }
    let invoice =
        issued(&owner, draft(&customer, "USD", vec![line("Plan", amount("USD", 100, 0))])).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    Till { customer, wallet, invoice, admin, owner }
}

pub(crate) fn credit(money: Option<Money>) -> TenderToUse {
    TenderToUse { source: Some(Source::Credit(true)), amount: money }
}

pub(crate) fn by(method: &str, money: Option<Money>) -> TenderToUse {
    TenderToUse { source: Some(Source::PaymentMethod(method.into())), amount: money }
}

impl Till {
    pub(crate) fn request(&self, tenders: Vec<TenderToUse>) -> CreatePaymentRequest {
        CreatePaymentRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            invoices: vec![InvoiceToPay { invoice: self.invoice.name.clone(), amount: None }],
            tenders,
            ..Default::default()
        }
    }

    pub(crate) async fn pay(&self, tenders: Vec<TenderToUse>) -> Result<Payment, Status> {
        pay(&self.admin, self.request(tenders)).await
    }

    pub(crate) async fn invoice(&self) -> Invoice {
        read(&self.owner, &self.invoice.name).await.unwrap()
    }

    pub(crate) async fn available(&self) -> Option<Money> {
        let read = GetBalanceRequest { name: self.wallet.clone(), as_of: None };
        self.admin
            .wallets()
            .get_balance(read)
            .await
            .unwrap()
            .into_inner()
            .balance
            .unwrap()
            .available
    }
}

pub(crate) async fn pay(
    session: &Session,
    request: CreatePaymentRequest,
) -> Result<Payment, Status> {
    session
        .payments()
        .create_payment(request)
        .await
        .map(|answer| answer.into_inner().payment.unwrap())
}

pub(crate) async fn thirty_by_credit_and_seventy_by_card(world: &World) {
    let till = till(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let request = till.request(vec![by("", None), credit(amount("USD", 30, 0))]);
    let payment = pay(&till.admin, request.clone()).await.unwrap();
    assert_eq!(payment.state(), State::Succeeded);
    let tenders: Vec<_> = payment
        .tenders
        .iter()
        .map(|payment_tender| {
            (payment_tender.credit, payment_tender.amount.clone(), payment_tender.state())
        })
        .collect();
    let paid = payment_tender::State::Succeeded;
    assert_eq!(tenders, [(true, amount("USD", 30, 0), paid), (false, amount("USD", 70, 0), paid)]);
    let again = till.admin.payments().create_payment(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().payment.unwrap(), payment);
    let invoice = till.invoice().await;
    assert_eq!(
        (invoice.state(), invoice.paid, invoice.open),
        (invoice::State::Paid, amount("USD", 100, 0), amount("USD", 0, 0))
    );
    assert_eq!(till.available().await, amount("USD", 0, 0));
    let read = till
        .admin
        .payments()
        .get_payment(GetPaymentRequest { name: payment.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.payment, Some(payment));
    let list = ListPaymentsRequest { parent: till.customer.clone(), ..Default::default() };
    assert_eq!(
        till.admin.payments().list_payments(list).await.unwrap().into_inner().payments.len(),
        1
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn all_that_is_open_is_paid_and_the_rest_becomes_credit(world: &World) {
    let till = till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let second =
        issued(&till.owner, draft(&till.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    issued(&till.owner, draft(&till.customer, "AUD", vec![line("Other", amount("AUD", 9, 0))]))
        .await;
    let all = |units| CreatePaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: Vec::new(),
        tenders: vec![by("", amount("USD", units, 0))],
        currency_code: "USD".into(),
        ..Default::default()
    };
    let part = pay(&till.admin, all(120)).await.unwrap();
    let parts: Vec<_> = part
        .allocations
        .iter()
        .map(|payment_allocation| {
            (payment_allocation.invoice.clone(), payment_allocation.paid.clone())
        })
        .collect();
    assert_eq!(
        parts,
        [
            (till.invoice.name.clone(), amount("USD", 100, 0)),
            (second.name.clone(), amount("USD", 20, 0))
        ],
        "oldest due first"
    );
    let rest = pay(&till.admin, all(45)).await.unwrap();
    assert_eq!((rest.state(), rest.surplus), (State::Succeeded, amount("USD", 15, 0)));
    assert_eq!(till.available().await, amount("USD", 15, 0));
    assert_eq!(read(&till.owner, &second.name).await.unwrap().state(), invoice::State::Paid);
    let nothing = pay(&till.admin, all(1)).await.unwrap_err();
    assert_eq!(reason(&nothing), "NOTHING_PAYABLE");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn staff_apply_credit_in_part_and_taxed_credit_pays_no_tax(world: &World) {
    let till = till(world, 40).await;
    let staff = world.someone("STAFF", None);
    let apply = |customer: &str, invoice: &str, money| ApplyCreditRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoices: vec![InvoiceToPay { invoice: invoice.into(), amount: None }],
        amount: money,
        ..Default::default()
    };
    let request = apply(&till.customer, &till.invoice.name, amount("USD", 25, 0));
    let applied =
        staff.payments().apply_credit(request).await.unwrap().into_inner().payment.unwrap();
    assert_eq!(
        (applied.state(), till.invoice().await.open),
        (State::Succeeded, amount("USD", 75, 0))
    );
    let more = staff
        .payments()
        .apply_credit(apply(&till.customer, &till.invoice.name, amount("USD", 75, 0)))
        .await
        .unwrap_err();
    assert_eq!(
        (more.code(), reason(&more).as_str()),
        (Code::FailedPrecondition, "INSUFFICIENT_FUNDS")
    );
    let pays = staff.payments().create_payment(till.request(vec![credit(None)])).await.unwrap_err();
    assert_eq!(reason(&pays), "ROLE_REQUIRED", "staff do not charge a customer's card");
    // Credit that was taxed when it was bought does not pay an invoice that is taxed.
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    let settings = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        top_up_tax_kind: TaxKind::TaxedSale.into(),
        ..Default::default()
    };
    let mask = prost_types::FieldMask { paths: vec!["top_up_tax_kind".into()] };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: Some(mask),
        ..Default::default()
    };
    till.owner.settings().update_wallet_settings(update).await.unwrap();
    let australian = world.customer("acme", "AU").await;
    let wallet = world.wallet(&australian, "USD").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&australian));
    card(world, &admin, &australian, "tok_visa").await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 55, 0))).await.unwrap();
    let invoice =
        issued(&till.owner, draft(&australian, "USD", vec![line("Plan", amount("USD", 10, 0))]))
            .await;
    assert_eq!(invoice.total, amount("USD", 11, 0));
    let refused =
        staff.payments().apply_credit(apply(&australian, &invoice.name, None)).await.unwrap_err();
    assert_eq!(reason(&refused), "INSUFFICIENT_FUNDS");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_cannot_be_paid_is_refused_before_anything_moves(world: &World) {
    let till = till(world, 500).await;
    let refusal = async |tenders| reason(&till.pay(tenders).await.unwrap_err());
    assert_eq!(refusal(vec![by("", None)]).await, "COLLECTION_METHOD_REQUIRED");
    let method = card(world, &till.admin, &till.customer, "tok_visa").await;
    assert_eq!(
        refusal(vec![credit(amount("USD", 101, 0))]).await,
        "OVERPAYMENT_NOT_ALLOWED",
        "credit is not paid into credit"
    );
    assert_eq!(
        refusal(vec![credit(amount("USD", 100, 0)), by(&method, None)]).await,
        "TENDERS_MISMATCH"
    );
    assert_eq!(refusal(vec![by(&method, amount("EUR", 5, 0))]).await, "CURRENCY_MISMATCH");
    assert_eq!(refusal(vec![credit(None), by(&method, None)]).await, "FIELD_REQUIRED");
    assert_eq!(
        refusal(vec![by(&method, None), by(&method, amount("USD", 1, 0))]).await,
        "DUPLICATE_ITEM"
    );
    let mut instructed = till.request(vec![by(&method, amount("USD", 5, 0))]);
    instructed.invoices[0].amount = amount("USD", 101, 0);
    assert_eq!(
        reason(&pay(&till.admin, instructed.clone()).await.unwrap_err()),
        "ALLOCATION_TOO_LARGE"
    );
    instructed.invoices[0].amount = amount("USD", 50, 0);
    assert_eq!(reason(&pay(&till.admin, instructed).await.unwrap_err()), "TENDERS_MISMATCH");
    let refuse =
        Tenant { name: "tenants/acme".into(), overpayment_refused: true, ..Tenant::default() };
    let mask = prost_types::FieldMask { paths: vec!["overpayment_refused".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(refuse),
        update_mask: Some(mask),
        ..Default::default()
    };
    till.owner.tenants().update_tenant(update).await.unwrap();
    assert_eq!(refusal(vec![by(&method, amount("USD", 101, 0))]).await, "OVERPAYMENT_NOT_ALLOWED");
    let stranger = world.customer("acme", "GB").await;
    let stranger = world.someone("CUSTOMER_ADMIN", Some(&stranger));
    let foreign =
        stranger.payments().create_payment(till.request(vec![credit(None)])).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: till.invoice.name.clone(),
        explanation: "Wrong".into(),
        ..Default::default()
    };
    till.owner.invoices().void_invoice(void).await.unwrap();
    assert_eq!(refusal(vec![by(&method, None)]).await, "INVOICE_STATE");
    let list = ListPaymentsRequest { parent: till.customer.clone(), ..Default::default() };
    assert!(
        till.admin.payments().list_payments(list).await.unwrap().into_inner().payments.is_empty()
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_quote_changes_nothing(world: &World) {
    let till = till(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let request = till.request(vec![credit(amount("USD", 30, 0)), by("", None)]);
    let quote = QuotePaymentRequest {
        parent: request.parent,
        invoices: request.invoices,
        tenders: request.tenders,
        currency_code: String::new(),
    };
    let quoted = till.admin.payments().quote_payment(quote).await.unwrap().into_inner();
    let payment = quoted.payment.unwrap();
    assert_eq!(
        (payment.tenders[1].amount.clone(), quoted.available_credit),
        (amount("USD", 70, 0), amount("USD", 30, 0))
    );
    assert_eq!((payment.name.as_str(), till.invoice().await), ("", till.invoice.clone()));
}
