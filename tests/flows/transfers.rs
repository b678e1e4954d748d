//! Credit is bought by bank transfer, once: what customers may buy and what staff sell, and that
//! nothing else pays it or takes it back.

use crate::{
    bank::{camt_in, import, paid},
    clocks::start,
    documents::acme,
    invariants,
    invoices::read,
    rig::{self, retry},
    top_ups::card,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreatePaymentRequest, CreditNote, Invoice, InvoiceToPay, ListCreditNotesRequest,
        RaiseTransferTopUpRequest, Tenant, TransferTopUp, UnapplyPaymentRequest,
        UpdateTenantRequest, VoidInvoiceRequest, WriteOffInvoiceRequest, invoice::State,
    },
    wallet::v1::{
        GetBalanceRequest, Minimum, TaxKind, TurnOnPrepaymentRequest, UpdateWalletSettingsRequest,
        WalletSettings, payment_method::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::FieldMask;
use tonic::Status;

on_both!(
    nothing_else_pays_it_and_nothing_takes_it_back,
    customers_buy_what_is_offered_and_staff_sell_the_rest,
);

pub(crate) struct Desk {
    pub customer: String,
    pub wallet: String,
    pub owner: Session,
    pub admin: Session,
}

pub(crate) async fn sell(owner: &Session, settings: WalletSettings, paths: &[&str]) {
    let settings = WalletSettings { name: "tenants/acme/walletSettings".into(), ..settings };
    let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
}

pub(crate) async fn set(owner: &Session, tenant: Tenant, paths: &[&str]) {
    let tenant = Tenant { name: "tenants/acme".into(), ..tenant };
    let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.unwrap();
}

pub(crate) fn with_bank() -> Tenant {
    Tenant { business: Some(acme()), ..Tenant::default() }
}

/// A tenant in Sydney that sells taxed credit by transfer, and a customer in Australia.
pub(crate) async fn desk(world: &World) -> Desk {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "AUD").await;
    let owner = world.someone("OWNER", None);
    set(&owner, with_bank(), &["business"]).await;
    sell(
        &owner,
        WalletSettings { top_up_tax_kind: TaxKind::TaxedSale.into(), ..WalletSettings::default() },
        &["top_up_tax_kind"],
    )
    .await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    Desk { customer, wallet, owner, admin }
}

fn details() -> TransferTopUp {
    TransferTopUp {
        company_name: "Brightside Pty Ltd".into(),
        company_id: "51 824 753 556".into(),
        email: "accounts@brightside.example".into(),
        contact_name: "Ann Chovey".into(),
        phone: "+61 2 5550 1234".into(),
        ..TransferTopUp::default()
    }
}

pub(crate) fn request(customer: &str, money: Option<Money>) -> RaiseTransferTopUpRequest {
    RaiseTransferTopUpRequest {
        request_id: request_id(),
        parent: customer.into(),
        amount: money,
        top_up: Some(details()),
    }
}

pub(crate) async fn raise(
    session: &Session,
    request: RaiseTransferTopUpRequest,
) -> Result<Invoice, Status> {
    session
        .transfer_top_ups()
        .raise_transfer_top_up(request)
        .await
        .map(|answer| answer.into_inner().invoice.unwrap())
}

pub(crate) async fn notes(session: &Session, invoice: &Invoice) -> Vec<CreditNote> {
    let list = ListCreditNotesRequest { parent: invoice.name.clone(), ..Default::default() };
    session.invoices().list_credit_notes(list).await.unwrap().into_inner().credit_notes
}

impl Desk {
    pub(crate) async fn comes(
        &self,
        units: &str,
        invoice: &Invoice,
        reference: &str,
    ) -> Option<Money> {
        let answer = import(&self.owner, camt_in("AUD", &[(units, &invoice.number, reference)]))
            .await
            .unwrap();
        paid(&self.owner, &answer.bank_lines[0].name).await.1.surplus
    }

    pub(crate) async fn posted(&self) -> Option<Money> {
        let get = GetBalanceRequest { name: self.wallet.clone(), as_of: None };
        self.owner.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap().posted
    }
}

pub(crate) async fn nothing_else_pays_it_and_nothing_takes_it_back(world: &World) {
    let desk = desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let invoice = raise(&desk.owner, request(&desk.customer, amount("AUD", 220, 0))).await.unwrap();
    let pay = |invoices: Vec<InvoiceToPay>, currency: &str| CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices,
        tenders: vec![crate::payments::by("", None)],
        currency_code: currency.into(),
        ..Default::default()
    };
    let named = vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }];
    let refused = desk.admin.payments().create_payment(pay(named, "")).await.unwrap_err();
    assert_eq!(reason(&refused), "TOP_UP_INVOICE");
    let all = desk.admin.payments().create_payment(pay(Vec::new(), "AUD")).await.unwrap_err();
    assert_eq!(reason(&all), "NOTHING_PAYABLE", "nor does paying everything outstanding");
    let off = WriteOffInvoiceRequest {
        request_id: request_id(),
        name: invoice.name.clone(),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.owner.invoices().write_off_invoice(off).await.unwrap_err()),
        "TOP_UP_INVOICE"
    );
    let answer =
        import(&desk.owner, camt_in("AUD", &[("100.00", &invoice.number, "C1")])).await.unwrap();
    let (_, payment) = paid(&desk.owner, &answer.bank_lines[0].name).await;
    let back = UnapplyPaymentRequest {
        request_id: request_id(),
        payment: payment.name,
        invoice: invoice.name.clone(),
        amount: None,
    };
    assert_eq!(
        reason(&desk.owner.refunds().unapply_payment(back).await.unwrap_err()),
        "TOP_UP_INVOICE"
    );
    let other = raise(&desk.owner, request(&desk.customer, amount("AUD", 300, 0))).await.unwrap();
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: other.name,
        explanation: "Ordered twice".into(),
        ..Default::default()
    };
    let gone =
        desk.owner.invoices().void_invoice(void).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!(gone.state(), State::Void);
    invariants::books_agree(world).await;
}

async fn customers_buy_what_is_offered_and_staff_sell_the_rest(world: &World) {
    let desk = desk(world).await;
    let why = async |session: &Session, money: Option<Money>| {
        reason(&raise(session, request(&desk.customer, money)).await.unwrap_err())
    };
    assert_eq!(why(&desk.admin, amount("AUD", 220, 0)).await, "FEATURE_DISABLED");
    assert_eq!(why(&desk.owner, amount("AUD", 199, 99)).await, "BELOW_MINIMUM");
    assert_eq!(why(&desk.owner, amount("USD", 500, 0)).await, "CURRENCY_NOT_OFFERED");
    shop::open(&desk.owner, "acme").await.unwrap();
    assert_eq!(why(&desk.admin, amount("AUD", 220, 0)).await, "METHOD_NOT_OFFERED");
    let kinds = vec![Kind::Card.into(), Kind::BankTransfer.into()];
    let minimums = vec![
        Minimum { kind: Kind::BankTransfer.into(), amount: amount("AUD", 100, 0) },
        Minimum { kind: Kind::BankTransfer.into(), amount: amount("USD", 100, 0) },
        Minimum { kind: Kind::Card.into(), amount: amount("AUD", 20, 0) },
    ];
    sell(
        &desk.owner,
        WalletSettings { methods: kinds.clone(), minimums, ..WalletSettings::default() },
        &["methods", "minimums"],
    )
    .await;
    let on = TurnOnPrepaymentRequest {
        request_id: request_id(),
        name: "tenants/acme/walletSettings".into(),
        methods: kinds,
        ..Default::default()
    };
    desk.owner.settings().turn_on_prepayment(on).await.unwrap();
    let invoice = raise(&desk.admin, request(&desk.customer, amount("AUD", 100, 0))).await.unwrap();
    let tolerances =
        Tenant { transfer_tolerances: vec![amount("USD", 5, 0).unwrap()], ..Tenant::default() };
    set(&desk.owner, tolerances, &["transfer_tolerances"]).await;
    desk.comes("99.99", &invoice, "D1").await;
    assert_eq!(
        read(&desk.owner, &invoice.name).await.unwrap().open,
        amount("AUD", 0, 1),
        "no tolerance is set in this currency"
    );
    set(&desk.owner, Tenant::default(), &["business"]).await;
    assert_eq!(why(&desk.owner, amount("AUD", 220, 0)).await, "BANK_DETAILS_REQUIRED");
    let poor = TransferTopUp { phone: "none".into(), ..TransferTopUp::default() };
    let bad = RaiseTransferTopUpRequest {
        top_up: Some(poor),
        ..request(&desk.customer, amount("AUD", 0, 0))
    };
    let fields: Vec<_> = violations(&raise(&desk.owner, bad).await.unwrap_err())
        .iter()
        .map(|text| text.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        fields,
        [
            "amount",
            "top_up.address",
            "top_up.email",
            "top_up.phone",
            "top_up.company_name",
            "top_up.contact_name"
        ]
    );
    let foreign = request(&desk.customer.replace("acme", "other"), amount("AUD", 220, 0));
    assert_eq!(reason(&raise(&desk.owner, foreign).await.unwrap_err()), "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_buys_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_buys_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    for point in ["bank_line.after_payment", "payment.after_transfer"] {
        Box::pin(killed(point, on_postgres)).await;
    }
}

async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    set(&owner, with_bank(), &["business"]).await;
    let minimums = vec![Minimum { kind: Kind::BankTransfer.into(), amount: amount("USD", 100, 0) }];
    sell(&owner, WalletSettings { minimums, ..WalletSettings::default() }, &["minimums"]).await;
    set(
        &owner,
        Tenant { transfer_tolerances: vec![amount("USD", 5, 0).unwrap()], ..Tenant::default() },
        &["transfer_tolerances"],
    )
    .await;
    let invoice = raise(&owner, request(&people.customer, amount("USD", 100, 0))).await.unwrap();
    let before = people.posted().await.unwrap();
    let (caller, file) = (owner.clone(), camt_in("USD", &[("97.00", &invoice.number, "K1")]));
    let sent = file.clone();
    rig.die_at(point, async move { import(&caller, sent).await }).await;
    let _ = retry(async || import(&owner, file.clone()).await).await;
    let closed = crate::rig::until(
        async || read(&owner, &invoice.name).await,
        |invoice| invoice.state() == State::Paid,
    )
    .await;
    assert_eq!(closed.credited, amount("USD", 3, 0), "{point}");
    assert_eq!(
        people.posted().await.map(|amount| amount.units),
        Some(before.units + 97),
        "{point}"
    );
    assert_eq!(notes(&owner, &invoice).await.len(), 1, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
