//! Applications for credit: a customer and the people who decide, who may apply, and what is no
//! statement.

use crate::{
    clocks::{advance, start},
    collections::{DAY, START},
    invariants,
    lines::{programme, usd},
    rig::retry,
};
use payterms_proto::{
    common::v1::{CsvMapping, csv_mapping::DateOrder},
    credit::v1::{
        ClaimApplicationRequest, CreditApplication, DecideApplicationRequest, Decision, Feature,
        GetApplicationRequest, GetCreditOptionsRequest, InviteCustomerRequest, Outcome, Programme,
        StartApplicationRequest, SubmitApplicationRequest, UploadBankStatementRequest,
        credit_application::State,
    },
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, reason};
use std::fmt::Write;
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(who_may_apply_is_told_with_every_reason, what_is_no_statement_is_refused);

/// A customer, a programme for it, its admin, and two people of the tenant.
pub(crate) struct Desk {
    pub customer: String,
    pub programme: Programme,
    pub admin: Session,
    pub owner: Session,
    pub reviewer: Session,
}

pub(crate) async fn desk(world: &World, this_programme: Programme) -> Desk {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let programme = programme(&world.someone("OWNER", None), this_programme).await;
    desk_of(world, customer, programme).await
}

/// The same for a customer and a programme that are there.
pub(crate) async fn desk_of(world: &World, customer: String, programme: Programme) -> Desk {
    let (owner, reviewer) = (world.someone("OWNER", None), world.someone("ADMIN", None));
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    // Credit may not have heard of the customer yet.
    let options = GetCreditOptionsRequest { parent: customer.clone() };
    retry(async || admin.programmes().get_credit_options(options.clone()).await).await;
    Desk { customer, programme, admin, owner, reviewer }
}

/// Bookings of 2025, month by month: what comes in, and what goes out on the day after.
pub(crate) fn statement(inflow: i64, outflow: i64) -> Vec<u8> {
    let mut file = "Date,Who,Amount,Balance\n".to_owned();
    let mut balance = 20_000;
    for month in 1..=12 {
        balance += inflow;
        writeln!(file, "2025-{month:02}-05,Globex,{inflow}.00,{balance}.00").unwrap();
        balance -= outflow;
        writeln!(file, "2025-{month:02}-06,Rent,-{outflow}.00,{balance}.00").unwrap();
    }
    file.into_bytes()
}

pub(crate) fn mapping() -> CsvMapping {
    let date = |month, day| Some(payterms_proto::google::r#type::Date { year: 2025, month, day });
    CsvMapping {
        date_column: "Date".into(),
        date_order: DateOrder::YearMonthDay.into(),
        amount_column: "Amount".into(),
        balance_column: "Balance".into(),
        party_column: "Who".into(),
        account: "GB33BUKB20201555555555".into(),
        currency_code: "USD".into(),
        from_date: date(1, 1),
        to_date: date(12, 31),
        ..CsvMapping::default()
    }
}

/// What a decision knows of a feature.
pub(crate) fn known(advice: &Decision, feature: Feature) -> Option<String> {
    advice
        .features
        .iter()
        .find(|feature_value| feature_value.feature() == feature)
        .and_then(|feature_value| feature_value.value.clone())
        .map(|number| number.value)
}

impl Desk {
    pub(crate) async fn start(&self) -> Result<CreditApplication, Status> {
        let request = StartApplicationRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            programme: self.programme.name.clone(),
            ..Default::default()
        };
        Ok(self
            .admin
            .applications()
            .start_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn upload(
        &self,
        name: &str,
        content: Vec<u8>,
    ) -> Result<CreditApplication, Status> {
        self.send(name, content, Some(mapping())).await
    }

    pub(crate) async fn send(
        &self,
        name: &str,
        content: Vec<u8>,
        csv: Option<CsvMapping>,
    ) -> Result<CreditApplication, Status> {
        let (name, title) = (name.to_owned(), "The year 2025".to_owned());
        let request = UploadBankStatementRequest {
            request_id: request_id(),
            name,
            title,
            content: content.into(),
            csv,
            preset: 0,
        };
        Ok(self
            .admin
            .applications()
            .upload_bank_statement(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn submit(&self, name: &str) -> Result<CreditApplication, Status> {
        let request = SubmitApplicationRequest { request_id: request_id(), name: name.to_owned() };
        Ok(self
            .admin
            .applications()
            .submit_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    /// An application that waits for a person.
    pub(crate) async fn submitted(&self) -> String {
        let name = self.start().await.unwrap().name;
        self.upload(&name, statement(40_000, 38_000)).await.unwrap();
        assert_eq!(self.submit(&name).await.unwrap().state(), State::InReview);
        name
    }

    pub(crate) async fn claim(
        &self,
        who: &Session,
        name: &str,
    ) -> Result<CreditApplication, Status> {
        let request = ClaimApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            ..Default::default()
        };
        Ok(who
            .applications()
            .claim_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn decide(
        &self,
        name: &str,
        limit: Option<i64>,
    ) -> Result<CreditApplication, Status> {
        let request = DecideApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            outcome: if limit.is_some() { Outcome::Approve } else { Outcome::Decline }.into(),
            limit: limit.and_then(usd),
            reasons: if limit.is_some() { Vec::new() } else { vec!["Little history.".into()] },
            explanation: "We looked at it together.".into(),
            ..Default::default()
        };
        Ok(self
            .reviewer
            .applications()
            .decide_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn read(&self, who: &Session, name: &str) -> CreditApplication {
        let request = GetApplicationRequest { name: name.to_owned() };
        who.applications()
            .get_application(request)
            .await
            .unwrap()
            .into_inner()
            .credit_application
            .unwrap()
    }
}

pub(crate) async fn who_may_apply_is_told_with_every_reason(world: &World) {
    let programme = Programme { tiers: vec!["gold".into()], ..Programme::default() };
    let desk = desk(world, programme).await;
    let refused = desk.start().await.unwrap_err();
    let texts: Vec<_> = refused
        .get_error_details()
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|precondition_violation| precondition_violation.r#type.clone())
        .collect();
    assert_eq!(
        (reason(&refused), texts),
        ("NOT_ELIGIBLE".to_owned(), vec!["TIER_NOT_ELIGIBLE".to_owned()])
    );
    let invite = InviteCustomerRequest {
        request_id: request_id(),
        name: desk.programme.name.clone(),
        customer: desk.customer.clone(),
        revoke: false,
        ..Default::default()
    };
    desk.owner.programmes().invite_customer(invite).await.unwrap();
    desk.start().await.unwrap();
    let member = world.someone("MEMBER", Some(&desk.customer));
    let request = StartApplicationRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        programme: desk.programme.name.clone(),
        ..Default::default()
    };
    assert_eq!(
        member.applications().start_application(request).await.unwrap_err().code(),
        Code::PermissionDenied
    );
}

async fn what_is_no_statement_is_refused(world: &World) {
    let desk = desk(world, Programme::default()).await;
    // After the last booking of the files.
    advance(world, START + 200 * DAY).await;
    let name = desk.start().await.unwrap().name;
    for content in [b"PK\x03\x04".to_vec(), b"Date,Amount\n".to_vec(), vec![0xFF, 0xFE]] {
        let refused = desk.upload(&name, content).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::InvalidArgument, "BANK_FILE_INVALID".to_owned())
        );
    }
    let camt = UploadBankStatementRequest {
        request_id: request_id(),
        name: name.clone(),
        title: "June".into(),
        content: include_bytes!("../../crates/suite/demo/statement.xml").to_vec().into(),
        ..UploadBankStatementRequest::default()
    };
    let read = desk
        .admin
        .applications()
        .upload_bank_statement(camt)
        .await
        .unwrap()
        .into_inner()
        .credit_application
        .unwrap();
    assert_eq!((read.state(), read.files[0].account_count), (State::AwaitingBankData, 1));
    invariants::hold(world).await;
}
