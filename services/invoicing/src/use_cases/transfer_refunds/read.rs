//! Reads of transfers back; they name payments and credit notes, and are hidden from customers with
//! invoices.

use crate::{
    app::App,
    commands::{lists::ListOfCustomers, transfer_refunds::TransferRefundRef},
    messages::transfer_refunds as messages,
    store::{transfer_refund_lists, transfer_refunds},
    use_cases::invoices::load::are_invoices_hidden,
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::TransferRefund;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1 as pb;

/// One refund.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_transfer_refund(
    app: &App,
    named: &TransferRefundRef,
) -> Result<pb::GetTransferRefundResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = transfer_refunds::find(&conn, &named.tenant, named.refund).await?;
    let this_transfer_refund = found
        .filter(|transfer_refund| transfer_refund.customer == named.customer)
        .ok_or_else(Refusal::not_found)?;
    if named.as_customer && are_invoices_hidden(&conn, &named.tenant).await? {
        return Err(Refusal::not_found().into());
    }
    let shown = if named.as_customer { messages::for_customer } else { messages::transfer_refund };
    Ok(pb::GetTransferRefundResponse {
        transfer_refund: Some(shown(&named.tenant, &this_transfer_refund)?),
    })
}

/// A page of refunds.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_transfer_refunds(
    app: &App,
    list: &ListOfCustomers,
) -> Result<pb::ListTransferRefundsResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    if list.as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(pb::ListTransferRefundsResponse::default());
    }
    let mut found =
        transfer_refund_lists::list(&conn, tenant, list.customer, listing, after).await?;
    let next_page_token =
        app.pages.cut(&listing.page, &mut found, |transfer_refund: &TransferRefund| {
            transfer_refund_lists::position(transfer_refund, listing.order).to_string()
        });
    let shown = if list.as_customer { messages::for_customer } else { messages::transfer_refund };
    let transfer_refunds = found
        .iter()
        .map(|transfer_refund| shown(tenant, transfer_refund))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListTransferRefundsResponse { transfer_refunds, next_page_token })
}
