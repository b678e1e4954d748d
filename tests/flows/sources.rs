//! Entries name what moved their money, and what they name is there to be read.

use payterms_proto::{
    invoicing::v1::GetPaymentRequest,
    wallet::v1::{
        Entry, GetRevocationRequest, GetTopUpRefundRequest, GetTopUpRequest, ListEntriesRequest,
        entry::Kind,
    },
};
use payterms_suite::Session;

/// The entries of a wallet, the newest first, each of whose sources was read by its name. Movements
/// that belong to something name it.
pub(crate) async fn named_sources(session: &Session, wallet: &str) -> Vec<Entry> {
    let list = ListEntriesRequest { parent: wallet.into(), page_size: 200, ..Default::default() };
    let entries = session.wallets().list_entries(list).await.unwrap().into_inner().entries;
    for entry in &entries {
        let name = entry.source.clone();
        let path: Vec<_> = name.split('/').collect();
        let of = path.len().checked_sub(2).and_then(|at| path.get(at)).copied();
        match entry.kind() {
            Kind::TopUp => assert_eq!(of, Some("topUps"), "{entry:?}"),
            Kind::TopUpRefund => assert_eq!(of, Some("refunds"), "{entry:?}"),
            Kind::Revocation | Kind::Restoration => {
                assert_eq!(of, Some("revocations"), "{entry:?}");
            }
            Kind::Chargeback | Kind::DisputeWon => {
                assert!(matches!(of, Some("topUps" | "payments")), "{entry:?}");
            }
            Kind::InvoiceCredit
            | Kind::InvoiceRefund
            | Kind::Surplus
            | Kind::TransferTopUp
            | Kind::TransferReturn
            | Kind::TransferRefund => {
                assert_eq!(of, Some("payments"), "{entry:?}");
            }
            _ => assert_eq!(name, "", "{entry:?}"),
        }
        match of {
            Some("topUps") => {
                drop(session.top_ups().get_top_up(GetTopUpRequest { name }).await.unwrap());
            }
            Some("refunds") => drop(
                session.top_ups().get_top_up_refund(GetTopUpRefundRequest { name }).await.unwrap(),
            ),
            Some("revocations") => drop(
                session.revocations().get_revocation(GetRevocationRequest { name }).await.unwrap(),
            ),
            Some("payments") => {
                drop(session.payments().get_payment(GetPaymentRequest { name }).await.unwrap());
            }
            _ => {}
        }
    }
    entries
}

/// How many entries of a wallet are of a kind.
pub(crate) fn count_of(entries: &[Entry], kind: Kind) -> usize {
    entries.iter().filter(|entry| entry.kind() == kind).count()
}
