//! S5.5: what the account was issued is corrected, mailed, listed and fetched.

use super::{Account, mask};
use crate::{
    client::request_id,
    demo::stage::{Stage, TENANT, must_hold, sentence_of},
};
use payterms_proto::invoicing::v1::{
    CorrectInvoiceRequest, Customer, DownloadDocumentsRequest, Invoice, ListMailsRequest, MailKind,
    UpdateCustomerRequest,
};

/// S5.5: new details on what was issued; everything mailed, listed and fetched.
pub(super) async fn documents(
    stage: &Stage,
    account: &Account,
    invoice: &Invoice,
) -> Result<(), String> {
    let renamed = Customer {
        name: account.customer.clone(),
        legal_name: "Outback Logistics Pty Ltd".to_owned(),
        ..Customer::default()
    };
    let update = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(renamed),
        update_mask: mask(&["legal_name"]),
        ..Default::default()
    };
    account.owner.customers().update_customer(update).await.map_err(sentence_of)?;
    let correct = CorrectInvoiceRequest {
        request_id: request_id(),
        name: invoice.name.clone(),
        explanation: "New name".to_owned(),
        ..Default::default()
    };
    let version = account
        .owner
        .invoices()
        .correct_invoice(correct)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice_version
        .unwrap_or_default();
    must_hold(
        version.version == 2 && version.number == invoice.number,
        "outside the EU it is a new version of the same number",
    )?;
    stage.print_step(
        "Owner",
        &format!("reissues {} to Outback Logistics: version {}.", version.number, version.version),
    );
    let all = DownloadDocumentsRequest {
        parent: account.customer.clone(),
        from_date: None,
        to_date: None,
    };
    let mut stream =
        account.staff.documents().download_documents(all).await.map_err(sentence_of)?.into_inner();
    let (mut count, mut bytes) = (0_u32, 0_usize);
    while let Some(next) = stream.message().await.map_err(sentence_of)? {
        let content = next.document.unwrap_or_default().content;
        must_hold(content.starts_with(b"%PDF"), "every document is a PDF")?;
        (count, bytes) = (count.saturating_add(1), bytes.saturating_add(content.len()));
    }
    must_hold(count >= 3, "invoices and the credit note come in one stream")?;
    let mails = ListMailsRequest {
        parent: format!("tenants/{TENANT}"),
        page_size: 500,
        ..Default::default()
    };
    let mails =
        account.staff.mails().list_mails(mails).await.map_err(sentence_of)?.into_inner().mails;
    must_hold(
        mails.iter().any(|mail| mail.kind() == MailKind::TransferInvoice),
        "the transfer's invoice was mailed",
    )?;
    must_hold(
        mails
            .iter()
            .any(|mail| mail.kind() == MailKind::Statement && mail.customer == account.customer),
        "so was the month",
    )?;
    stage.print_step(
        "Outback Freight",
        &format!("fetches its {count} documents: {} KB of PDF.", bytes / 1_024),
    );
    Ok(())
}
