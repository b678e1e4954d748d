//! S1, the credit: one customer is decided at once by its linked bank account; the other applies
//! with its statements, is refused, waits, and is approved by a person.

use super::{Later, customer, date, day};
use crate::{
    client::{amount, request_id},
    demo::stage::{Stage, must_hold, sentence_of, shown},
    shop,
};
use payterms_proto::{
    common::v1::{CsvMapping, csv_mapping::DateOrder},
    credit::v1::{
        ActivateLineRequest, ClaimApplicationRequest, ConfirmBankLinkRequest, CreditApplication,
        DecideApplicationRequest, Decision, GetApplicationRequest, GetCreditOptionsRequest,
        LinkBankAccountRequest, Outcome, StartApplicationRequest, SubmitApplicationRequest,
        UploadBankStatementRequest, credit_application, credit_line::State,
    },
    google::r#type::Date,
    invoicing::v1::MailKind,
};

/// Two months of a business that lives from hand to mouth.
const THIN: &str = include_str!("../../../demo/bank_thin.csv");
/// A year of the same business with four payers.
const YEAR: &str = include_str!("../../../demo/bank.csv");

impl Later {
    async fn start(&self) -> Result<CreditApplication, String> {
        let start = StartApplicationRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            programme: self.programme.clone(),
            ..Default::default()
        };
        Ok(self
            .admin
            .applications()
            .start_application(start)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .credit_application
            .unwrap_or_default())
    }

    /// Applies with a file of the bank's: it waits for a person. The application's name.
    async fn apply(&self, file: &str, from: Date, to: Date) -> Result<String, String> {
        let name = self.start().await?.name;
        let mapping = CsvMapping {
            date_column: "Date".to_owned(),
            date_order: DateOrder::MonthDayYear.into(),
            amount_column: "Amount".to_owned(),
            balance_column: "Balance".to_owned(),
            party_column: "Who".to_owned(),
            separator: ";".to_owned(),
            account: "021000021 4455667788".to_owned(),
            currency_code: "USD".to_owned(),
            from_date: Some(from),
            to_date: Some(to),
            ..CsvMapping::default()
        };
        let upload = UploadBankStatementRequest {
            request_id: request_id(),
            name: name.clone(),
            title: "Checking account".to_owned(),
            content: file.as_bytes().to_vec().into(),
            csv: Some(mapping),
            ..UploadBankStatementRequest::default()
        };
        self.admin.applications().upload_bank_statement(upload).await.map_err(sentence_of)?;
        let submit = SubmitApplicationRequest { request_id: request_id(), name: name.clone() };
        self.admin.applications().submit_application(submit).await.map_err(sentence_of)?;
        Ok(name)
    }

    /// A person takes the application on, and sees what the policy says.
    async fn claim(&self, name: String) -> Result<CreditApplication, String> {
        let claim = ClaimApplicationRequest {
            request_id: request_id(),
            name: name.clone(),
            ..Default::default()
        };
        self.reviewer.applications().claim_application(claim).await.map_err(sentence_of)?;
        let get = GetApplicationRequest { name };
        let seen = self
            .reviewer
            .applications()
            .get_application(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .credit_application;
        let seen = seen.unwrap_or_default();
        must_hold(
            seen.state() == credit_application::State::InReview,
            "uploaded statements go to a person",
        )?;
        Ok(seen)
    }

    async fn decide(
        &self,
        name: &str,
        limit: Option<i64>,
        reasons: Vec<String>,
        why: &str,
    ) -> Result<CreditApplication, String> {
        let decide = DecideApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            outcome: if limit.is_some() { Outcome::Approve } else { Outcome::Decline }.into(),
            limit: limit.and_then(|units| amount("USD", units, 0)),
            reasons,
            explanation: why.to_owned(),
            ..Default::default()
        };
        let decided =
            self.reviewer.applications().decide_application(decide).await.map_err(sentence_of)?;
        let mail = if limit.is_some() { MailKind::LineOffered } else { MailKind::CreditDeclined };
        self.mailed(&self.reviewer.after(&decided), mail).await?;
        Ok(decided.into_inner().credit_application.unwrap_or_default())
    }
}

fn outcome(credit_application: &CreditApplication) -> String {
    let advice = credit_application.advice.clone().unwrap_or_default();
    let reasons = advice
        .reasons
        .iter()
        .map(|principal_reason| principal_reason.code.clone())
        .collect::<Vec<_>>()
        .join(", ");
    let outcome = advice.outcome().as_str_name().trim_start_matches("OUTCOME_").to_owned();
    let limit = advice
        .limit
        .filter(|amount| amount.units > 0)
        .map_or_else(String::new, |amount| format!(", {}", shown(Some(&amount))));
    format!(
        "{outcome}{limit}, {} points{}{reasons}",
        advice.score,
        if reasons.is_empty() { "" } else { ": " }
    )
}

/// Another customer links its bank account, and the policy decides by itself.
pub(super) async fn linked(stage: &mut Stage, later: &Later) -> Result<(), String> {
    let owner = stage.someone("OWNER")?;
    let (larch, informed) = customer(&owner, "Larch Bakery LLC", "books@larch.example").await?;
    informed
        .programmes()
        .get_credit_options(GetCreditOptionsRequest { parent: larch.clone() })
        .await
        .map_err(sentence_of)?;
    let admin = stage.someone_of("CUSTOMER_ADMIN", &larch)?;
    let start = StartApplicationRequest {
        request_id: request_id(),
        parent: larch,
        programme: later.programme.clone(),
        ..Default::default()
    };
    let name = admin
        .applications()
        .start_application(start)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .credit_application
        .unwrap_or_default()
        .name;
    let link = LinkBankAccountRequest { request_id: request_id(), name: name.clone() };
    let link = admin
        .applications()
        .link_bank_account(link)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .bank_link
        .unwrap_or_default();
    shop::sign_in(stage.suite.gateway, &link.url, "bank_steady").await.map_err(sentence_of)?;
    let confirm = ConfirmBankLinkRequest { request_id: request_id(), name: link.name };
    admin.applications().confirm_bank_link(confirm).await.map_err(sentence_of)?;
    let submit = SubmitApplicationRequest { request_id: request_id(), name };
    let credit_application = admin
        .applications()
        .submit_application(submit)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .credit_application
        .unwrap_or_default();
    must_hold(
        credit_application.state() == credit_application::State::Approved
            && !credit_application.credit_line.is_empty(),
        "the policy decides by a linked account",
    )?;
    stage.print_step(
        "Larch admin",
        &format!(
            "links its account at Steady Bank. At once: {}; a line is offered.",
            outcome(&credit_application)
        ),
    );
    Ok(())
}

/// Two months that carry nothing: no, and not again before the cool-down is over.
pub(super) async fn refused(stage: &mut Stage, later: &Later) -> Result<(), String> {
    let name = later.apply(THIN, date(2026, 12, 1), date(2027, 1, 31)).await?;
    stage.print_step(
        "Juniper admin",
        "applies with two months of statements; they wait for a person.",
    );
    let seen = later.claim(name).await?;
    must_hold(
        seen.advice.as_ref().is_some_and(|decision| decision.outcome() == Outcome::Decline),
        "the policy advises against it",
    )?;
    stage.print_step("Reviewer", &format!("claims it; the policy says {}.", outcome(&seen)));
    let reasons = seen
        .advice
        .unwrap_or_default()
        .reasons
        .into_iter()
        .map(|principal_reason| principal_reason.text)
        .collect();
    let no = later.decide(&seen.name, None, reasons, "Come back with a longer history.").await?;
    stage.print_step(
        "Reviewer",
        &format!(
            "declines: {}",
            no.reasons
                .iter()
                .map(|principal_reason| principal_reason.text.clone())
                .collect::<Vec<_>>()
                .join(" ")
        ),
    );
    let early =
        later.start().await.err().ok_or("this does not hold: the cool-down is waited out")?;
    stage.print_step("Juniper admin", &format!("tries again at once. Refused: {early}"));
    Ok(())
}

/// A year of statements, and a person who says yes: the line is offered, and activated.
pub(super) async fn approved(stage: &mut Stage, later: &Later) -> Result<String, String> {
    day(stage, 5, 10).await?;
    let name = later.apply(YEAR, date(2026, 5, 1), date(2027, 4, 30)).await?;
    stage.print_step("Juniper admin", "applies again with a year of statements.");
    let seen = later.claim(name).await?;
    // A CSV file does not say which payments came back: the policy leaves it to a person, and says
    // what the inflow carries.
    let advised = |decision: &Decision| {
        decision.outcome() == Outcome::Refer
            && decision.limit.as_ref().is_some_and(|limit| limit.units >= 5_000)
    };
    must_hold(seen.advice.as_ref().is_some_and(advised), "the policy advises a limit")?;
    stage.print_step("Reviewer", &format!("claims it; the policy says {}.", outcome(&seen)));
    let yes = later.decide(&seen.name, Some(5_000), Vec::new(), "A steady year.").await?;
    stage.print_step(
        "Reviewer",
        &format!("approves {}: a line is offered.", shown(yes.limit.as_ref())),
    );
    let activate = ActivateLineRequest { request_id: request_id(), name: yes.credit_line.clone() };
    let line = later
        .admin
        .lines()
        .activate_line(activate)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .credit_line
        .unwrap_or_default();
    must_hold(line.state() == State::Active, "the line is activated")?;
    stage.print_step(
        "Juniper admin",
        &format!(
            "activates the line of {}: it is what purchases are paid by.",
            shown(line.limit.as_ref())
        ),
    );
    stage.save_card_of(&later.admin, &later.customer, "tok_declined").await?;
    stage.print_step(
        "Juniper admin",
        "saves a card that what is due is collected by; the line stays what purchases are paid by.",
    );
    Ok(line.name)
}
