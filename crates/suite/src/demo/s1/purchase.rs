//! S1, the line in use: what is bought in June is owed at the end of July; not paid, the line is
//! suspended, and restored once all is paid.

use super::{Later, date, day};
use crate::{
    client::{amount, request_id},
    demo::stage::{Stage, must_hold, sentence_of, shown, shown_day},
};
use chrono::{NaiveDate, TimeDelta};
use payterms_kernel::calendar::start_of_day;
use payterms_proto::{
    credit::v1::{GetExposureRequest, credit_line::State},
    invoicing::v1::{
        CreateInvoiceRequest, CreatePaymentRequest, FinalizeInvoiceRequest, GetInvoiceRequest,
        Invoice, InvoiceLine, InvoiceToPay, MailKind, PayLaterRequest, PaymentTerm, TenderToUse,
        invoice, payment, payment_term, tender_to_use::Source,
    },
};
use prost_types::Timestamp;

impl Later {
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

/// Team members buy on 1 and 15 June; the mail of 1 July tells both.
pub(super) async fn buys(
    stage: &mut Stage,
    later: &Later,
    line: &str,
) -> Result<Vec<Invoice>, String> {
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
pub(super) async fn due(
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
