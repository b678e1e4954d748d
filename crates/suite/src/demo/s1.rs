//! S1: pay later. A customer in the United States with a linked bank account is decided at once.
//! Another applies with its statements, is refused, waits, is approved by a person; buys twice in
//! June, owes at the end of July, is suspended and restored.

use super::stage::{Stage, TENANT, must_hold, sentence_of, shown, shown_day};
use crate::{
    Session,
    client::{amount, request_id},
    shop,
};
use chrono::{NaiveDate, TimeDelta};
use payterms_kernel::calendar::start_of_day;
use payterms_proto::{
    common::v1::{CsvMapping, csv_mapping::DateOrder},
    credit::v1::{
        ActivateLineRequest, ClaimApplicationRequest, ConfirmBankLinkRequest,
        CreateProgrammeRequest, CreditApplication, CreditLine, DecideApplicationRequest, Decision,
        GetApplicationRequest, GetCreditLineRequest, GetCreditOptionsRequest, GetExposureRequest,
        LinkBankAccountRequest, Outcome, Programme, StartApplicationRequest,
        SubmitApplicationRequest, UploadBankStatementRequest, credit_application,
        credit_line::State,
    },
    google::r#type::Date,
    invoicing::v1::{
        Address, CreateCustomerRequest, CreateInvoiceRequest, CreatePaymentRequest, Customer,
        FinalizeInvoiceRequest, GetInvoiceRequest, Invoice, InvoiceLine, InvoiceToPay,
        ListMailsRequest, Mail, MailKind, PayLaterRequest, PaymentTerm, TenderToUse, invoice,
        payment, payment_term, tender_to_use::Source,
    },
    wallet::v1::{ListWalletsRequest, OpenWalletRequest},
};
use prost_types::Timestamp;

/// Two months of a business that lives from hand to mouth.
const THIN: &str = include_str!("../../demo/bank_thin.csv");
/// A year of the same business with four payers.
const YEAR: &str = include_str!("../../demo/bank.csv");

/// The customer, its people, and the tenant's.
struct Later {
    customer: String,
    programme: String,
    admin: Session,
    member: Session,
    staff: Session,
    reviewer: Session,
}

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title("S1  Pay later: statements, a person who decides, a line; owed by the end of the next month.");
    let later = open(stage).await?;
    linked(stage, &later).await?;
    refused(stage, &later).await?;
    let line = approved(stage, &later).await?;
    let bought = Box::pin(buys(stage, &later, &line)).await?;
    Box::pin(due(stage, &later, &line, &bought)).await
}

/// The clock goes to a day in Sydney.
async fn day(stage: &mut Stage, month: u32, day: u32) -> Result<(), String> {
    let date = NaiveDate::from_ymd_opt(2027, month, day).unwrap_or_default();
    stage.advance(start_of_day(chrono_tz::Australia::Sydney, date)).await
}

/// A customer in New York, and its owner's session, which has seen it.
async fn customer(
    owner: &Session,
    (legal_name, billing_email): (&str, &str),
) -> Result<(String, Session), String> {
    let address = Address {
        lines: vec!["88 Pier Street".to_owned()],
        city: "New York".to_owned(),
        region: "NY".to_owned(),
        postal_code: "10004".to_owned(),
        country: "US".to_owned(),
    };
    let customer = Customer {
        legal_name: legal_name.to_owned(),
        billing_address: Some(address),
        billing_email: billing_email.to_owned(),
        country: "US".to_owned(),
        ..Customer::default()
    };
    let create = CreateCustomerRequest {
        request_id: request_id(),
        parent: format!("tenants/{TENANT}"),
        customer: Some(customer),
        ..Default::default()
    };
    let made = owner.customers().create_customer(create).await.map_err(sentence_of)?;
    let informed = owner.after(&made);
    Ok((made.into_inner().customer.unwrap_or_default().name, informed))
}

async fn open(stage: &mut Stage) -> Result<Later, String> {
    let owner = stage.someone("OWNER")?;
    let (customer, informed) =
        customer(&owner, ("Juniper Coffee LLC", "books@juniper.example")).await?;
    informed
        .wallets()
        .list_wallets(ListWalletsRequest { parent: customer.clone(), ..Default::default() })
        .await
        .map_err(sentence_of)?;
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent: customer.clone(),
        currency_code: "USD".to_owned(),
        ..Default::default()
    };
    owner.wallets().open_wallet(open).await.map_err(sentence_of)?;
    let programme = Programme { title: "Pay later".to_owned(), ..Programme::default() };
    let create = CreateProgrammeRequest {
        request_id: request_id(),
        parent: format!("tenants/{TENANT}"),
        programme: Some(programme),
        ..Default::default()
    };
    let programme = owner
        .programmes()
        .create_programme(create)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .programme
        .unwrap_or_default();
    stage.print_step(
        "Owner",
        &format!(
            "opens a programme: customers in the US, {} at most.",
            shown(programme.limit_cap.as_ref())
        ),
    );
    informed
        .programmes()
        .get_credit_options(GetCreditOptionsRequest { parent: customer.clone() })
        .await
        .map_err(sentence_of)?;
    let start = StartApplicationRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        programme: programme.name.clone(),
        ..Default::default()
    };
    let elsewhere = stage.someone("CUSTOMER_ADMIN")?.applications().start_application(start).await;
    stage.print_step(
        "Brightside admin",
        &format!(
            "would like it too. Refused: {}",
            elsewhere.err().map(sentence_of).ok_or("GB is not eligible")?
        ),
    );
    let (staff, reviewer) = (stage.someone("STAFF")?, stage.someone("ADMIN")?);
    let admin = stage.someone_of("CUSTOMER_ADMIN", &customer)?;
    let member = stage.someone_of("MEMBER", &customer)?;
    stage.others.push(customer.clone());
    Ok(Later { customer, programme: programme.name, admin, member, staff, reviewer })
}

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
    async fn apply(&self, file: &str, (from, to): (Date, Date)) -> Result<String, String> {
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

    /// The newest mail of a kind to the customer, for someone who waits for what was just written.
    async fn mailed(&self, who: &Session, kind: MailKind) -> Result<Mail, String> {
        let list = ListMailsRequest {
            parent: format!("tenants/{TENANT}"),
            customer: self.customer.clone(),
            page_size: 50,
            ..ListMailsRequest::default()
        };
        let found = who.mails().list_mails(list).await.map_err(sentence_of)?.into_inner().mails;
        found
            .into_iter()
            .find(|mail| mail.kind() == kind)
            .ok_or_else(|| format!("this does not hold: {} is mailed", kind.as_str_name()))
    }

    async fn line(&self, name: &str) -> Result<CreditLine, String> {
        let get = GetCreditLineRequest { name: name.to_owned() };
        Ok(self
            .admin
            .lines()
            .get_credit_line(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .credit_line
            .unwrap_or_default())
    }

    async fn invoice(&self, units: i64, what: &str) -> Result<Invoice, String> {
        let line = InvoiceLine {
            description: what.to_owned(),
            unit_price: amount("USD", units, 0),
            ..InvoiceLine::default()
        };
        let draft = Invoice {
            currency_code: "USD".to_owned(),
            payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 14 }),
            lines: vec![line],
            ..Invoice::default()
        };
        let create = CreateInvoiceRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            invoice: Some(draft),
            ..Default::default()
        };
        let draft = self
            .reviewer
            .invoices()
            .create_invoice(create)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .invoice
            .unwrap_or_default();
        let finalize = FinalizeInvoiceRequest {
            request_id: request_id(),
            name: draft.name,
            etag: String::new(),
            ..Default::default()
        };
        let issued = self
            .reviewer
            .invoices()
            .finalize_invoice(finalize)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .invoice;
        issued.ok_or_else(|| "no invoice came back".to_owned())
    }
}

fn date(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
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
async fn linked(stage: &mut Stage, later: &Later) -> Result<(), String> {
    let owner = stage.someone("OWNER")?;
    let (larch, informed) = customer(&owner, ("Larch Bakery LLC", "books@larch.example")).await?;
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
async fn refused(stage: &mut Stage, later: &Later) -> Result<(), String> {
    let name = later.apply(THIN, (date(2026, 12, 1), date(2027, 1, 31))).await?;
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
async fn approved(stage: &mut Stage, later: &Later) -> Result<String, String> {
    day(stage, 5, 10).await?;
    let name = later.apply(YEAR, (date(2026, 5, 1), date(2027, 4, 30))).await?;
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

/// Team members buy on 1 and 15 June; the mail of 1 July tells both.
async fn buys(stage: &mut Stage, later: &Later, line: &str) -> Result<Vec<Invoice>, String> {
    let mut bought = Vec::new();
    for (on, units, what) in [(1, 1_200, "Handsets"), (15, 800, "Headsets")] {
        day(stage, 6, on).await?;
        let invoice = later.invoice(units, what).await?;
        let pay = PayLaterRequest {
            request_id: request_id(),
            parent: later.customer.clone(),
            invoices: vec![invoice.name.clone()],
            ..Default::default()
        };
        let paid = later
            .member
            .payments()
            .pay_later(pay)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .payment
            .unwrap_or_default();
        must_hold(paid.state() == payment::State::Succeeded, "a team member pays later")?;
        let invoice = read(later, &invoice.name).await?;
        must_hold(
            invoice.state() == invoice::State::Open && invoice.due_date == Some(date(2027, 7, 31)),
            "it is owed on 31 July",
        )?;
        stage.print_step(
            "Juniper member",
            &format!(
                "pays {} of {} later: open, due {}.",
                invoice.number,
                shown(invoice.total.as_ref()),
                shown_day(invoice.due_date)
            ),
        );
        bought.push(invoice);
    }
    day(stage, 7, 1).await?;
    // The mail of the month comes an hour after its turn.
    let turn = start_of_day(
        chrono_tz::Australia::Sydney,
        NaiveDate::from_ymd_opt(2027, 7, 1).unwrap_or_default(),
    );
    stage.advance(turn + TimeDelta::hours(1)).await?;
    let owed = later.line(line).await?;
    must_hold(
        owed.exposure == amount("USD", 2_000, 0) && owed.available == amount("USD", 3_000, 0),
        "the line owes what was bought",
    )?;
    let month = later.mailed(&later.staff, MailKind::Statement).await?;
    stage
        .print_step("Mail", &format!("“{}”, {} attached.", month.subject, month.attachments.len()));
    Ok(bought)
}

async fn read(later: &Later, name: &str) -> Result<Invoice, String> {
    let get = GetInvoiceRequest { name: name.to_owned() };
    Ok(later
        .admin
        .invoices()
        .get_invoice(get)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default())
}

/// Nothing is paid by 31 July: suspended; all outstanding in one go: restored.
async fn due(
    stage: &mut Stage,
    later: &Later,
    line: &str,
    bought: &[Invoice],
) -> Result<(), String> {
    day(stage, 8, 2).await?;
    must_hold(later.line(line).await?.state() == State::Suspended, "past due suspends the line")?;
    later.mailed(&later.staff, MailKind::LineSuspended).await?;
    let another = later.invoice(50, "Cables").await?;
    let pay = PayLaterRequest {
        request_id: request_id(),
        parent: later.customer.clone(),
        invoices: vec![another.name],
        ..Default::default()
    };
    let no = later
        .member
        .payments()
        .pay_later(pay)
        .await
        .err()
        .map(sentence_of)
        .ok_or("this does not hold: a suspended line pays nothing")?;
    stage.print_step(
        "Juniper line",
        &format!("is SUSPENDED: the card was declined on 2027-07-31. Refused: {no}"),
    );
    let visa = stage.save_card_of(&later.admin, &later.customer, "tok_visa").await?;
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: later.customer.clone(),
        invoices: bought
            .iter()
            .map(|invoice| InvoiceToPay { invoice: invoice.name.clone(), amount: None })
            .collect(),
        tenders: vec![TenderToUse { source: Some(Source::PaymentMethod(visa)), amount: None }],
        currency_code: String::new(),
        ..Default::default()
    };
    let paid = later.admin.payments().create_payment(pay).await.map_err(sentence_of)?;
    must_hold(
        paid.into_inner()
            .payment
            .is_some_and(|payment| payment.state() == payment::State::Succeeded),
        "all is paid in one go",
    )?;
    stage.print_step("Juniper admin", "pays both with a Visa card.");
    day(stage, 8, 3).await?;
    let restored = later.line(line).await?;
    must_hold(
        restored.state() == State::Active && restored.exposure == amount("USD", 0, 0),
        "paid, the line is restored",
    )?;
    stage.print_step(
        "Juniper line",
        &format!("is ACTIVE again, {} available.", shown(restored.available.as_ref())),
    );
    let then = start_of_day(
        chrono_tz::Australia::Sydney,
        NaiveDate::from_ymd_opt(2027, 6, 14).unwrap_or_default(),
    );
    let get = GetExposureRequest {
        name: line.to_owned(),
        at_time: Some(Timestamp { seconds: then.timestamp(), nanos: 0 }),
    };
    let past = later.staff.lines().get_exposure(get).await.map_err(sentence_of)?.into_inner();
    must_hold(
        past.exposure == amount("USD", 1_200, 0),
        "what was owed on 14 June can still be asked",
    )?;
    stage.print_step(
        "Support",
        &format!("looks back: on 2027-06-14 {} was owed.", shown(past.exposure.as_ref())),
    );
    Ok(())
}
