//! The dispute of a top-up: a credit note corrects its receipt; where the dispute is won a new
//! receipt takes its place.

use super::follow::DisputeEvent;
use crate::use_cases::{
    mails::dispute_notices::{Documents, Notice, mail_dispute},
    receipts::{credit::credit_disputed_receipt, issue::issue_receipt_again},
};
use payterms_chassis::{AppError, WriteTx, render::money_of};
use payterms_invoicing_domain::{
    dispute::{Applied, Dispute},
    mail::Attachment,
    receipt::Subject,
};
use payterms_proto::wallet::v1::dispute::State;

/// Takes in as much of a dispute as can be.
pub(super) async fn take_in(
    tx: &mut WriteTx,
    dispute: &mut Dispute,
    dispute_event: &DisputeEvent,
) -> Result<bool, AppError> {
    let fault = || AppError::Fault(format!("the dispute of {:?}", dispute_event.dispute.top_up));
    let (id, credit, tax) = (dispute_event.id.uuid(), dispute_event.credit, dispute_event.tax);
    let charged = dispute_event
        .event
        .top_up
        .as_ref()
        .and_then(|top_up| money_of(top_up.amount.as_ref()?))
        .unwrap_or(dispute_event.amount);
    let mut documents = Documents::default();
    if dispute.applied == Applied::Nothing {
        let top_up = dispute_event.event.top_up.as_ref().ok_or_else(fault)?;
        // The end of the dispute before is still to come: this one waits for it.
        let Some(notes) = credit_disputed_receipt(tx, top_up, id, credit, tax).await? else {
            return Ok(true);
        };
        documents = Documents {
            attachments: notes
                .iter()
                .map(|(of, note)| Attachment::ReceiptCreditNote(of.id.uuid(), note.id.uuid()))
                .collect(),
            numbers: notes.iter().map(|(_, note)| note.number.clone()).collect(),
            usable_until: None,
        };
        dispute.applied = Applied::Opened;
        if !dispute_event.dispute.r#final {
            let notice = dispute_event.notice(Notice::Opened, charged, Vec::new());
            mail_dispute(tx, notice.with(std::mem::take(&mut documents))).await?;
        }
    }
    let (notice, documents) = match dispute_event.dispute.state() {
        State::Won => {
            let top_up = dispute_event.event.top_up.as_ref().ok_or_else(fault)?;
            let receipt = issue_receipt_again(tx, top_up, id, credit, tax).await?;
            let usable_until = if let Subject::TopUp { expires_on, .. } = receipt.subject {
                expires_on
            } else {
                None
            };
            let attachments = vec![Attachment::Receipt(receipt.id.uuid())];
            (Notice::Won, Documents { attachments, numbers: vec![receipt.number], usable_until })
        }
        State::Lost => (Notice::Lost, documents),
        State::Open | State::Unspecified => return Ok(true),
    };
    dispute.applied = Applied::Ended;
    mail_dispute(tx, dispute_event.notice(notice, charged, Vec::new()).with(documents)).await?;
    Ok(true)
}
