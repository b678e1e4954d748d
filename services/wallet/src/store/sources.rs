//! What the transfers of a page of entries belong to: payments, top-ups, refunds of top-ups,
//! revocations. Read by primary key, a query a table, and none where no entry of the page asks for
//! it.

use super::{entry_lists::Line, top_up_refunds, top_ups};
use payterms_chassis::AppError;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Revocation, TopUp, TopUpRefund, TransferKind};
use sea_orm::ConnectionTrait;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What moved the money of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A payment of invoices, or one that bought credit by transfer.
    Payment(Uuid),
    /// A top-up.
    TopUp(Id<TopUp>),
    /// The refund of a top-up.
    TopUpRefund(Id<TopUp>, Id<TopUpRefund>),
    /// A revocation, also where it was undone.
    Revocation(Id<Revocation>),
}

/// Adds to lines what their transfers belong to.
pub(super) async fn link<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lines: &mut [Line],
) -> Result<(), AppError> {
    let of = |lines: &[Line], kinds: &[TransferKind]| -> HashSet<Uuid> {
        lines
            .iter()
            .filter(|line| kinds.contains(&line.kind))
            .filter_map(|line| line.payment)
            .collect()
    };
    // An issuer takes back, and a won dispute gives back, the charge of either.
    let disputed: Vec<_> = of(lines, &[TransferKind::Chargeback, TransferKind::DisputeWon])
        .into_iter()
        .map(Id::from_uuid)
        .collect();
    let bought = if disputed.is_empty() {
        Vec::new()
    } else {
        top_ups::find_many(conn, tenant, &disputed).await?
    };
    let bought: HashSet<_> = bought.into_iter().map(|top_up| top_up.id.uuid()).collect();
    let refunds: Vec<_> =
        of(lines, &[TransferKind::TopUpRefund]).into_iter().map(Id::from_uuid).collect();
    let refunds = if refunds.is_empty() {
        Vec::new()
    } else {
        top_up_refunds::find_many(conn, tenant, &refunds).await?
    };
    let refunds: HashMap<_, _> = refunds
        .into_iter()
        .map(|top_up_refund| (top_up_refund.id.uuid(), top_up_refund.top_up))
        .collect();
    for line in lines {
        let Some(id) = line.payment else { continue };
        line.source = match line.kind {
            TransferKind::TopUp => Some(Source::TopUp(Id::from_uuid(id))),
            TransferKind::TopUpRefund => {
                refunds.get(&id).map(|top_up| Source::TopUpRefund(*top_up, Id::from_uuid(id)))
            }
            TransferKind::Revocation | TransferKind::Restoration => {
                Some(Source::Revocation(Id::from_uuid(id)))
            }
            _ if bought.contains(&id) => Some(Source::TopUp(Id::from_uuid(id))),
            _ => Some(Source::Payment(id)),
        };
    }
    Ok(())
}
