//! Collections and blocks: requests → commands, and their state → messages.

use super::refs::{
    INVOICE, MOST_INVOICES, check_invoice_count, invoice_of_customer, invoice_ref,
    invoices_of_customer,
};
use crate::commands::{
    collections::{CollectForOwner, ExpectedOpen, OwnerInvoices},
    invoices::InvoiceRef,
};
use payterms_chassis::{AppError, Call, Fields, fields::Digits, names::Name, render::timestamp};
use payterms_invoicing_domain::{Block, BlockReason, Collection, CollectionState, Invoice};
use payterms_kernel::{Id, Reason, Refusal};
use payterms_proto::invoicing::{peers::v1 as peers, v1 as pb};
use tonic::Request;

/// Tries to collect now.
pub fn retry_collection(
    request: Request<pb::RetryCollectionRequest>,
) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

/// Blocks an invoice for the tenant's people.
pub fn block_invoice(
    request: Request<pb::BlockInvoiceRequest>,
) -> Result<(Call, InvoiceRef, BlockReason), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let reason = block_reason(&mut fields, "reason", message.reason);
    if matches!(reason, Some(BlockReason::PlanProposed | BlockReason::PlanActive)) {
        fields.wrong(
            "reason",
            Reason::ENUM_INVALID,
            "Use DISPUTED or MANUAL: the others are set by payment plans.",
        );
    }
    let named = invoice_ref(&fields, &name);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, named, reason.unwrap_or(BlockReason::Manual)))
}

/// Lifts such a block.
pub fn unblock_invoice(
    request: Request<pb::UnblockInvoiceRequest>,
) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

fn invoices_of_owner(
    parent: &Name,
    owner: String,
    invoices: Vec<(Id<Invoice>, ExpectedOpen)>,
    foreign: bool,
) -> Result<OwnerInvoices, AppError> {
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok(OwnerInvoices { customer: Id::from_uuid(parent.id(0)), owner, invoices, breach: None })
}

/// Blocks invoices for an owner.
pub fn block_for_owner(
    request: Request<peers::BlockForOwnerRequest>,
) -> Result<(Call, OwnerInvoices, BlockReason), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = fields.token("owner", &message.owner, 1, 200);
    let reason = block_reason(&mut fields, "reason", message.reason);
    check_invoice_count(&mut fields, "invoices", message.invoices.len());
    let (mut invoices, mut foreign): (Vec<(Id<Invoice>, ExpectedOpen)>, _) = (Vec::new(), false);
    for (place, invoice_to_block) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
        let (id, alien) = invoice_of_customer(
            &mut fields,
            &parent,
            &format!("invoices[{place}].invoice"),
            &invoice_to_block.invoice,
        );
        let field = format!("invoices[{place}].expected_open");
        let expected = match &invoice_to_block.expected_open {
            Some(open) => ExpectedOpen::AtMost(fields.money(&field, Some(open), Digits::MinorUnit)),
            None if invoice_to_block.nothing_open => ExpectedOpen::Nothing,
            None => ExpectedOpen::Anything,
        };
        if invoices.iter().any(|(other, _)| *other == id) {
            fields.wrong(
                &format!("invoices[{place}].invoice"),
                Reason::DUPLICATE_ITEM,
                "Name each invoice once.",
            );
        }
        invoices.push((id, expected));
        foreign |= alien;
    }
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((
        call,
        invoices_of_owner(&parent, owner, invoices, foreign)?,
        reason.unwrap_or(BlockReason::Manual),
    ))
}

/// Lifts an owner's blocks.
pub fn unblock_for_owner(
    request: Request<peers::UnblockForOwnerRequest>,
) -> Result<(Call, OwnerInvoices), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = fields.token("owner", &message.owner, 1, 200);
    let (invoices, foreign) =
        invoices_of_customer(&mut fields, &parent, "invoices", &message.invoices);
    let invoices = invoices.into_iter().map(|id| (id, ExpectedOpen::Anything)).collect();
    let breach = fields
        .optional_date("breach_date", message.breach_date.as_ref())
        .map(|day| (day, message.due_at_once));
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, OwnerInvoices { breach, ..invoices_of_owner(&parent, owner, invoices, foreign)? }))
}

/// Collects for an owner.
pub fn collect_for_owner(
    request: Request<peers::CollectForOwnerRequest>,
) -> Result<(Call, CollectForOwner), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = fields.token("owner", &message.owner, 1, 200);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let reference = fields.token("reference", &message.reference, 1, 100);
    let later =
        message.later.as_ref().map(|later| fields.money("later", Some(later), Digits::MinorUnit));
    let notified_at = fields.optional_instant("notice_time", message.notice_time.as_ref());
    let (invoices, foreign) =
        invoices_of_customer(&mut fields, &parent, "invoices", &message.invoices);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((
        call,
        CollectForOwner {
            customer: Id::from_uuid(parent.id(0)),
            owner,
            invoices,
            amount,
            later,
            reference,
            notified_at,
        },
    ))
}

/// A reason of blocks.
pub fn block_reason(fields: &mut Fields, field: &str, number: i32) -> Option<BlockReason> {
    use pb::block::Reason;
    fields.choice::<Reason>(field, number).and_then(|reason| match reason {
        Reason::Unspecified => None,
        Reason::PaymentPlanProposed => Some(BlockReason::PlanProposed),
        Reason::PaymentPlanActive => Some(BlockReason::PlanActive),
        Reason::Disputed => Some(BlockReason::Disputed),
        Reason::Manual => Some(BlockReason::Manual),
    })
}

/// How an invoice is collected.
#[must_use]
pub fn collection(collection: &Collection) -> pb::Collection {
    let state = match collection.state {
        CollectionState::Off => pb::collection::State::Off,
        CollectionState::Scheduled => pb::collection::State::Scheduled,
        CollectionState::Processing => pb::collection::State::Processing,
        CollectionState::RequiresAction => pb::collection::State::RequiresAction,
        CollectionState::Failed => pb::collection::State::Failed,
    };
    pb::Collection {
        state: state.into(),
        failed_attempt_count: i32::try_from(collection.ladder.attempts).unwrap_or(i32::MAX),
        next_attempt_time: collection.next_at.map(timestamp),
        failure_reason: collection.reason.clone(),
    }
}

/// What keeps an invoice from being collected.
#[must_use]
pub fn block(block: &Block) -> pb::Block {
    let reason = match block.reason {
        BlockReason::PlanProposed => pb::block::Reason::PaymentPlanProposed,
        BlockReason::PlanActive => pb::block::Reason::PaymentPlanActive,
        BlockReason::Disputed => pb::block::Reason::Disputed,
        BlockReason::Manual => pb::block::Reason::Manual,
    };
    pb::Block { reason: reason.into(), owner: block.owner.clone() }
}
