//! What the random scripts do with credit lines: apply, offer, activate, put aside, buy on them
//! alone and beside other tenders, change their limits, suspend, restore, close.

use crate::{
    applications::{mapping, statement},
    lines::{activate, offer},
    payments::{by, credit},
    rig::retry,
    scripts::{Player, answered},
};
use payterms_proto::{
    credit::v1::{
        ChangeLimitRequest, ClaimApplicationRequest, CloseLineRequest, CreateProgrammeRequest,
        CreditApplication, CreditLine, DeactivateLineRequest, DecideApplicationRequest,
        DeclineLineRequest, ListApplicationsRequest, ListCreditLinesRequest, Outcome, Programme,
        ReactivateLineRequest, RequestInformationRequest, RestoreLineRequest,
        StartApplicationRequest, SubmitApplicationRequest, SuspendLineRequest,
        UploadBankStatementRequest, WithdrawApplicationRequest, credit_application,
        credit_line::State,
    },
    invoicing::v1::{
        CreatePaymentRequest, Invoice, InvoiceToPay, ListInvoicesRequest, PayLaterRequest, invoice,
    },
    wallet::v1::{ListPaymentMethodsRequest, SetPurchaseDefaultRequest, payment_method::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::World;
use rand::{Rng, seq::IndexedRandom};
use sea_orm::{ConnectionTrait, Statement};

/// A programme of tenant `acme` for customers in Australia; its name.
pub(crate) async fn programme_in_australia(owner: &Session) -> String {
    // The cool-down is shorter than a round of the scripts.
    let programme = Programme {
        title: "Pay later".into(),
        countries: vec!["AU".into()],
        cool_down_days: 30,
        ..Programme::default()
    };
    let programme = Some(programme);
    let request = CreateProgrammeRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        programme,
        ..Default::default()
    };
    // Credit may not have heard of the tenant yet.
    retry(async || owner.programmes().create_programme(request.clone()).await)
        .await
        .into_inner()
        .programme
        .unwrap()
        .name
}

/// Something was bought on lines and paid, lines were moved, and somebody applied.
pub(crate) async fn lines_were_played(world: &World) {
    let (conn, c) = world.rows("credit").await;
    let several = async |what: &str, least: i64| {
        let count = format!("SELECT count(*) AS found FROM {c}{what}");
        let row = conn
            .query_one_raw(Statement::from_string(conn.get_database_backend(), count))
            .await
            .unwrap()
            .unwrap();
        assert!(row.try_get::<i64>("", "found").unwrap() >= least, "hardly any {what}");
    };
    for (what, least) in [
        ("draws WHERE captured > 0", 3),
        ("draws WHERE repaid > 0", 1),
        ("line_history", 6),
        ("applications", 1),
    ] {
        several(what, least).await;
    }
    conn.close().await.unwrap();
}

impl Player<'_> {
    /// A line is applied for or offered where there is none; else something is done with it.
    pub(crate) async fn borrows(&mut self, customer: &str, admin: &Session) -> bool {
        let list = ListCreditLinesRequest {
            parent: customer.into(),
            page_size: 100,
            ..Default::default()
        };
        let found = self
            .owner
            .lines()
            .list_credit_lines(list)
            .await
            .map(|found| found.into_inner().credit_lines)
            .unwrap_or_default();
        let over = [State::Expired, State::DeclinedByCustomer, State::Closed];
        let seed = self.seed;
        let Some(line) = found.into_iter().find(|line| !over.contains(&line.state())) else {
            if self.dice.random_range(0..6) > 0 {
                return self.applies(customer, admin).await;
            }
            let limit = self.dice.random_range(100..900);
            return answered(
                "offer",
                seed,
                &offer(&self.owner, customer, self.programme, limit).await,
            );
        };
        if line.state() == State::Offered {
            if self.dice.random_range(0..8) > 0 {
                return answered("activate", seed, &activate(admin, &line.name).await);
            }
            let no = DeclineLineRequest {
                request_id: request_id(),
                name: line.name,
                ..Default::default()
            };
            return answered("decline", seed, &admin.lines().decline_line(no).await);
        }
        if self.dice.random() {
            Box::pin(self.buys_later(customer, admin, &line)).await
        } else {
            self.moves_line(admin, line).await
        }
    }

    /// An invoice is deferred whole, or what other tenders leave of it.
    async fn buys_later(&mut self, customer: &str, admin: &Session, line: &CreditLine) -> bool {
        let Some(invoice) = self.a_bill(customer).await else { return false };
        let method = line.name.replace("/creditLines/", "/paymentMethods/");
        let tenders = match self.dice.random_range(0..5) {
            0 | 1 => {
                let later = PayLaterRequest {
                    request_id: request_id(),
                    parent: customer.into(),
                    invoices: vec![invoice.name],
                    ..Default::default()
                };
                return answered("pay later", self.seed, &admin.payments().pay_later(later).await);
            }
            2 => vec![by(&method, None)],
            3 => vec![credit(self.money(20)), by(&method, None)],
            _ => {
                let Some(card) = self.a_card(customer, admin).await else { return false };
                vec![by(&card, self.money(40)), by(&method, None)]
            }
        };
        let invoices = vec![InvoiceToPay { invoice: invoice.name, amount: None }];
        let request = CreatePaymentRequest {
            request_id: request_id(),
            parent: customer.into(),
            invoices,
            tenders,
            ..Default::default()
        };
        answered("pay by line", self.seed, &admin.payments().create_payment(request).await)
    }

    /// Mostly an invoice that can be deferred, now and then any.
    async fn a_bill(&mut self, customer: &str) -> Option<Invoice> {
        if self.dice.random_range(0..6) == 0 {
            return self.an_invoice(customer).await;
        }
        if self.dice.random() {
            self.issues(customer).await;
        }
        let list =
            ListInvoicesRequest { parent: customer.into(), page_size: 100, ..Default::default() };
        let found = self.owner.invoices().list_invoices(list).await.ok()?.into_inner().invoices;
        let fits = |invoice: &Invoice| {
            invoice.state() == invoice::State::Open
                && !invoice.past_due
                && invoice.deferral.is_none()
                && invoice.block.is_none()
        };
        found.into_iter().filter(fits).collect::<Vec<_>>().choose(&mut self.dice).cloned()
    }

    pub(crate) async fn a_card(&mut self, customer: &str, admin: &Session) -> Option<String> {
        let list = ListPaymentMethodsRequest { parent: customer.into(), ..Default::default() };
        let found =
            admin.methods().list_payment_methods(list).await.ok()?.into_inner().payment_methods;
        let cards: Vec<_> = found
            .into_iter()
            .filter(|payment_method| payment_method.kind() == Kind::Card)
            .collect();
        cards.choose(&mut self.dice).map(|payment_method| payment_method.name.clone())
    }

    /// Whatever may be done with a line, in whatever state it is.
    async fn moves_line(&mut self, admin: &Session, line: CreditLine) -> bool {
        let (seed, name, explanation) = (self.seed, line.name.clone(), "We talk first.".to_owned());
        let (mut credit_line_service_client, mut theirs) = (admin.lines(), self.owner.lines());
        // Mostly what brings it back, where it is away.
        let back = match line.state() {
            State::Inactive => Some(0),
            State::Suspended => Some(1),
            _ => None,
        };
        let verb = self.dice.random_range(0..10);
        match back.filter(|_| self.dice.random_range(0..3) > 0).unwrap_or(verb) {
            2 => {
                let off = DeactivateLineRequest { request_id: request_id(), name };
                answered("deactivate", seed, &credit_line_service_client.deactivate_line(off).await)
            }
            0 => {
                let on = ReactivateLineRequest { request_id: request_id(), name };
                answered("reactivate", seed, &credit_line_service_client.reactivate_line(on).await)
            }
            3 => {
                let suspend = SuspendLineRequest {
                    request_id: request_id(),
                    name,
                    explanation,
                    ..Default::default()
                };
                answered("suspend", seed, &theirs.suspend_line(suspend).await)
            }
            1 => {
                let restore = RestoreLineRequest {
                    request_id: request_id(),
                    name,
                    explanation,
                    ..Default::default()
                };
                answered("restore", seed, &theirs.restore_line(restore).await)
            }
            4 => {
                let close = CloseLineRequest { request_id: request_id(), name, explanation };
                answered("close", seed, &theirs.close_line(close).await)
            }
            5 => {
                let customer = line.name.split("/creditLines/").next().unwrap_or_default();
                let Some(name) = self.a_card(customer, admin).await else { return false };
                let default = SetPurchaseDefaultRequest {
                    request_id: request_id(),
                    name,
                    ..Default::default()
                };
                answered(
                    "purchase default",
                    seed,
                    &admin.methods().set_purchase_default(default).await,
                )
            }
            6 | 7 => {
                let name = name.replace("/creditLines/", "/paymentMethods/");
                let default = SetPurchaseDefaultRequest {
                    request_id: request_id(),
                    name,
                    ..Default::default()
                };
                answered(
                    "line as default",
                    seed,
                    &admin.methods().set_purchase_default(default).await,
                )
            }
            _ => {
                let limit = amount("USD", self.dice.random_range(1..900), 0);
                let reasons = vec!["Another turnover.".to_owned()];
                let change = ChangeLimitRequest {
                    request_id: request_id(),
                    name,
                    limit,
                    reasons,
                    etag: String::new(),
                    ..Default::default()
                };
                answered("change limit", seed, &theirs.change_limit(change).await)
            }
        }
    }

    /// An application goes on, or is taken back; a person decides it.
    async fn applies(&mut self, customer: &str, admin: &Session) -> bool {
        use credit_application::State::{InReview, MoreInformation, Started};
        let list = ListApplicationsRequest {
            parent: customer.into(),
            page_size: 100,
            ..Default::default()
        };
        let found = self
            .owner
            .applications()
            .list_applications(list)
            .await
            .map(|found| found.into_inner().credit_applications);
        let open = found.unwrap_or_default().into_iter().find(|credit_application| {
            credit_application.expire_time.is_some() || credit_application.state() == InReview
        });
        let (seed, mut application_service_client) = (self.seed, admin.applications());
        let Some(CreditApplication { name, state, .. }) = open else {
            let start = StartApplicationRequest {
                request_id: request_id(),
                parent: customer.into(),
                programme: self.programme.to_owned(),
                ..Default::default()
            };
            return answered(
                "start",
                seed,
                &application_service_client.start_application(start).await,
            );
        };
        if self.dice.random_range(0..8) == 0 {
            let back =
                WithdrawApplicationRequest { request_id: request_id(), name, ..Default::default() };
            return answered(
                "withdraw",
                seed,
                &application_service_client.withdraw_application(back).await,
            );
        }
        if state == i32::from(Started)
            || (state == i32::from(MoreInformation) && self.dice.random())
        {
            let content = statement(self.dice.random_range(1_000..50_000), 900).into();
            let title = "The year 2025".to_owned();
            let upload = UploadBankStatementRequest {
                request_id: request_id(),
                name,
                title,
                content,
                csv: Some(mapping()),
                preset: 0,
            };
            return answered(
                "upload",
                seed,
                &application_service_client.upload_bank_statement(upload).await,
            );
        }
        if state != i32::from(InReview) {
            let submit = SubmitApplicationRequest { request_id: request_id(), name };
            return answered(
                "submit",
                seed,
                &application_service_client.submit_application(submit).await,
            );
        }
        self.reviews(name).await
    }

    /// Claims an application, and decides it or asks for more.
    async fn reviews(&mut self, name: String) -> bool {
        let (seed, mut theirs) = (self.seed, self.owner.applications());
        let claim = ClaimApplicationRequest {
            request_id: request_id(),
            name: name.clone(),
            ..Default::default()
        };
        if !answered("claim", seed, &theirs.claim_application(claim).await) {
            return false;
        }
        let explanation = "We looked at it together.".to_owned();
        let limit = match self.dice.random_range(0..4) {
            0 => {
                let ask = RequestInformationRequest {
                    request_id: request_id(),
                    name,
                    explanation,
                    ..Default::default()
                };
                return answered("ask for more", seed, &theirs.request_information(ask).await);
            }
            1 => None,
            _ => amount("USD", self.dice.random_range(100..900), 0),
        };
        let outcome = if limit.is_some() { Outcome::Approve } else { Outcome::Decline }.into();
        let reasons = if limit.is_some() { Vec::new() } else { vec!["Little history.".to_owned()] };
        let decide = DecideApplicationRequest {
            request_id: request_id(),
            name,
            outcome,
            limit,
            reasons,
            explanation,
            ..Default::default()
        };
        answered("decide", seed, &theirs.decide_application(decide).await)
    }
}
