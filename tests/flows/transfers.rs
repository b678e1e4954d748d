//! Credit is bought by bank transfer: the invoice, what comes in full, short of fees, short of
//! more, late.

use crate::{
    bank::{camt_in, import, paid},
    bank_decisions::match_to,
    clocks::{advance, start},
    collections::{DAY, START},
    documents::acme,
    invariants,
    invoices::read,
    mails::{mails_of, text},
    rig::{self, retry},
    top_ups::card,
    where_to_pay::grouped,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreatePaymentRequest, CreditNote, DismissBankLineRequest, ExplainInvoiceRequest,
        GetDocumentRequest, GetOutstandingRequest, GetPaymentRequest, Invoice, InvoiceToPay,
        ListCreditNotesRequest, ListStatementsRequest, MailKind, RaiseTransferTopUpRequest, Tenant,
        TransferTopUp, UnapplyPaymentRequest, UpdateTenantRequest, VoidInvoiceRequest,
        WriteOffInvoiceRequest,
        bank_line::{DismissReason, SuggestReason},
        credit_note::Reason,
        invoice::State,
    },
    wallet::v1::{
        GetBalanceRequest, ListEntriesRequest, ListLotsRequest, Minimum, TaxKind,
        TurnOnPrepaymentRequest, UpdateWalletSettingsRequest, WalletSettings, entry,
        payment_method::Kind,
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
    a_transfer_short_of_the_banks_fees_buys_what_came,
    what_is_short_of_more_waits_thirty_days_and_is_no_debt,
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
    async fn comes(&self, units: &str, invoice: &Invoice, reference: &str) -> Option<Money> {
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

async fn a_transfer_short_of_the_banks_fees_buys_what_came(world: &World) {
    let desk = desk(world).await;
    let year = WalletSettings { purchased_expire_days: 365, ..WalletSettings::default() };
    sell(&desk.owner, year, &["purchased_expire_days"]).await;
    let staff = world.someone("STAFF", None);
    let request = request(&desk.customer, amount("AUD", 220, 0));
    let invoice = raise(&staff, request.clone()).await.unwrap();
    assert_eq!(raise(&staff, request).await.unwrap(), invoice, "raised once");
    assert_eq!(
        (invoice.state(), invoice.total.clone(), invoice.net.clone()),
        (State::Open, amount("AUD", 220, 0), amount("AUD", 200, 0))
    );
    assert_eq!(
        invoice.buyer.as_ref().map(|party| (party.legal_name.as_str(), party.tax_id.as_str())),
        Some(("Brightside Pty Ltd", "51 824 753 556"))
    );
    assert!(invoice.top_up.as_ref().is_some_and(
        |transfer_top_up| transfer_top_up.taxed && transfer_top_up.contact_name == "Ann Chovey"
    ));
    let mail = mails_of(&desk.owner, MailKind::TransferInvoice, 1).await.remove(0);
    assert_eq!(
        mail.recipients,
        ["accounts@brightside.example"],
        "the address that was given, not the customer's"
    );
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("account 1234 5678")
            && mail.subject.contains(&invoice.number)
            && words.contains("220.00"),
        "{words}"
    );
    assert!(
        words.contains(&grouped(&invoice.payment_reference)) && words.contains("used for 365 days"),
        "{words}"
    );
    assert_eq!(invoice.seller.as_ref().unwrap().bank_details, acme().bank_details);
    let pdf = desk
        .owner
        .documents()
        .get_document(GetDocumentRequest { name: invoice.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert!(pdf.document.unwrap().content.starts_with(b"%PDF"));
    assert_eq!(desk.comes("210.00", &invoice, "A1").await, amount("AUD", 0, 0));
    let closed = read(&desk.owner, &invoice.name).await.unwrap();
    assert_eq!(
        (closed.state(), closed.credited, closed.paid),
        (State::Paid, amount("AUD", 10, 0), amount("AUD", 210, 0))
    );
    let note = notes(&desk.owner, &invoice).await.remove(0);
    assert_eq!(
        (note.reason(), note.amount, note.taxes[0].tax.clone()),
        (Reason::TransferFees, amount("AUD", 10, 0), amount("AUD", 0, 91))
    );
    assert_eq!(
        desk.posted().await,
        amount("AUD", 190, 91),
        "what came keeps the remainder of the tax"
    );
    let lots = desk
        .owner
        .lots()
        .list_lots(ListLotsRequest { parent: desk.wallet.clone(), ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .lots;
    assert_eq!((lots.len(), lots[0].tax_kind()), (1, TaxKind::TaxedSale));
    let list = ListEntriesRequest { parent: desk.wallet.clone(), ..Default::default() };
    let entries = desk.owner.wallets().list_entries(list).await.unwrap().into_inner().entries;
    assert_eq!(entries[0].kind(), entry::Kind::TransferTopUp);
    let payment = desk
        .admin
        .payments()
        .get_payment(GetPaymentRequest { name: entries[0].source.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        payment.payment.unwrap().allocations[0].invoice,
        invoice.name,
        "the entry names what brought it"
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::PaymentReceived, 1).await.remove(0))
            .await;
    for this_text in [
        "payment of 210.00",
        "for prepaid credit: 210.00",
        "Credit bought: 190.91",
        "to be used until 1 January 2027",
    ] {
        assert!(words.replace('\u{a0}', " ").contains(this_text), "{this_text:?} in {words}");
    }
    let booked = invariants::booked(world).await;
    let on =
        |account: &str| booked.iter().find(|(text, _)| text == account).map(|(_, units)| *units);
    assert_eq!(
        (on("BANK_CLEARING"), on("TAX_PAYABLE"), on("INVOICE_SETTLEMENT")),
        (Some(-210), Some(19), None)
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_is_short_of_more_waits_thirty_days_and_is_no_debt(world: &World) {
    let desk = desk(world).await;
    let invoice = raise(&desk.owner, request(&desk.customer, amount("AUD", 500, 0))).await.unwrap();
    desk.comes("300.00", &invoice, "B1").await;
    assert_eq!(desk.posted().await, amount("AUD", 272, 73), "credit for what came");
    let open = read(&desk.owner, &invoice.name).await.unwrap();
    assert_eq!((open.state(), open.open.clone()), (State::Open, amount("AUD", 200, 0)));
    let explain = ExplainInvoiceRequest { name: invoice.name.clone() };
    let answer = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner();
    assert!(answer.facts[0].sentence.contains("of which 300.00 AUD came"), "{answer:?}");
    let lapses = answer.next.unwrap();
    assert_eq!(
        lapses.time.as_ref().map(|at| at.seconds),
        Some(START + 31 * DAY - 11 * 3_600),
        "{lapses:?}"
    );
    let outstanding = GetOutstandingRequest { parent: desk.customer.clone() };
    assert!(
        desk.admin
            .invoices()
            .get_outstanding(outstanding)
            .await
            .unwrap()
            .into_inner()
            .outstanding
            .is_empty(),
        "it is no debt"
    );
    advance(world, START + 30 * DAY).await;
    assert_eq!(read(&desk.owner, &invoice.name).await.unwrap().state(), State::Open);
    advance(world, START + 31 * DAY).await;
    let lapsed = read(&desk.owner, &invoice.name).await.unwrap();
    assert_eq!(
        (lapsed.state(), lapsed.credited, lapsed.past_due),
        (State::Paid, amount("AUD", 200, 0), false)
    );
    let note = notes(&desk.owner, &invoice).await.remove(0);
    assert_eq!(
        (note.reason(), note.taxes[0].tax.clone()),
        (Reason::NotTransferred, amount("AUD", 18, 18))
    );
    let late =
        import(&desk.owner, camt_in("AUD", &[("200.00", &invoice.number, "B2")])).await.unwrap();
    let late = &late.bank_lines[0];
    assert_eq!(
        late.suggest_reasons().collect::<Vec<_>>(),
        [SuggestReason::InvoiceNotOpen],
        "a person says whose it is"
    );
    match_to(&desk.owner, &late.name, &[&invoice.name]).await.unwrap();
    assert_eq!(
        paid(&desk.owner, &late.name).await.1.surplus,
        amount("AUD", 200, 0),
        "what comes late is never refused"
    );
    assert_eq!(desk.posted().await, amount("AUD", 472, 73));
    // The statement of January has what came, and that of February nothing of what did not.
    let listed = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements =
        desk.owner.statements().list_statements(listed).await.unwrap().into_inner().statements;
    let january = statements.last().unwrap();
    assert_eq!(
        (january.issued.clone(), january.paid.clone()),
        (amount("AUD", 300, 0), amount("AUD", 300, 0))
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    assert!(
        words.contains(&format!("- {}: 300.00\u{a0}AUD,", invoice.number))
            && !words.contains("200.00"),
        "{words}"
    );
    let never = raise(&desk.owner, request(&desk.customer, amount("AUD", 200, 0))).await.unwrap();
    // What came in for it in time waits for a person: meanwhile it does not lapse, and whoever may
    // decide is told.
    let doubtful = import(&desk.owner, camt_in("AUD", &[("500.00", &never.number, "B3")]))
        .await
        .unwrap()
        .bank_lines
        .remove(0);
    assert_eq!(doubtful.suggest_reasons().count(), 1, "{doubtful:?}");
    advance(world, START + 63 * DAY).await;
    assert_eq!(read(&desk.owner, &never.name).await.unwrap().state(), State::Open);
    let explain = ExplainInvoiceRequest { name: never.name.clone() };
    let next =
        desk.owner.invoices().explain_invoice(explain).await.unwrap().into_inner().next.unwrap();
    assert!(
        next.sentence.starts_with("A transfer of 500.00 AUD came in") && next.time.is_none(),
        "{next:?}"
    );
    let (name, explanation) = (doubtful.name.clone(), "Somebody else's.".to_owned());
    let dismiss = DismissBankLineRequest {
        request_id: request_id(),
        name,
        reason: DismissReason::NotOurs.into(),
        explanation,
        ..Default::default()
    };
    desk.owner.bank().dismiss_bank_line(dismiss).await.unwrap();
    advance(world, START + 64 * DAY).await;
    let listed = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements =
        desk.owner.statements().list_statements(listed).await.unwrap().into_inner().statements;
    assert!(
        statements.iter().all(|statement| statement.credited == amount("AUD", 0, 0)),
        "what never came is not credited: {statements:?}"
    );
    assert_eq!(read(&desk.owner, &never.name).await.unwrap().state(), State::Void);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
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
