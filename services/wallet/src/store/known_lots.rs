//! Live lots of wallets that this process saw last, so that a wallet which nobody else has changed since is
//! locked without reading them again.

use chrono::{DateTime, Utc};
use payterms_chassis::kept::Kept;
use payterms_kernel::TenantId;
use payterms_wallet_domain::{Lot, Wallet};
use uuid::Uuid;

/// Wallets whose lots are kept.
const MOST: usize = 20_000;

/// Lots by wallet, each with the row of the wallet that they belong to.
#[derive(Debug)]
pub struct KnownLots(Kept<(TenantId, Uuid), (Wallet, Vec<Lot>)>);

impl Default for KnownLots {
    fn default() -> Self {
        Self(Kept::with_room(MOST))
    }
}

impl KnownLots {
    /// The lots of a wallet whose row, locked, reads `row`: none where it is another than the one that they were
    /// kept with. All of it is compared, not its version alone: after a restored backup the same version may
    /// be of another history.
    #[must_use]
    pub fn of(&self, tenant: &TenantId, row: &Wallet) -> Option<Vec<Lot>> {
        let (known, lots) = self.0.get(&(tenant.clone(), row.id.uuid()), DateTime::<Utc>::MIN_UTC)?;
        (known == *row).then_some(lots)
    }

    /// Keeps the live lots of a wallet that was committed.
    pub fn keep(&self, tenant: &TenantId, mut wallet: Wallet) {
        let mut lots = std::mem::take(&mut wallet.lots);
        lots.retain(|lot| lot.remaining.is_positive());
        lots.sort_by(Lot::debit_order);
        wallet.transfers.clear();
        self.0.keep((tenant.clone(), wallet.id.uuid()), (wallet, lots), DateTime::<Utc>::MAX_UTC);
    }
}

#[cfg(test)]
mod tests {
    use super::KnownLots;
    use chrono::{DateTime, Utc};
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use payterms_wallet_domain::{Account, LotKind, TransferKind, Wallet, wallet::NewLot};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn lots_are_those_of_the_same_row_of_the_same_tenant() {
        let (known, acme) = (KnownLots::default(), "acme".parse().unwrap());
        let usd = |text| Money::parse(Currency::parse("USD").unwrap(), text).unwrap();
        let mut wallet = Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), usd("0").currency(), NOW);
        let new =
            NewLot { kind: LotKind::Granted, tax_kind: None, priority: 0, amount: usd("5"), expires_at: None, description: String::new() };
        wallet.add_lot(&mut IdSource::new(NOW, b"seed", "test"), new, (TransferKind::Grant, Account::Promotion, usd("0")), NOW).unwrap();
        let mut row = Wallet { lots: Vec::new(), transfers: Vec::new(), ..wallet.clone() };
        assert_eq!(known.of(&acme, &row), None);
        known.keep(&acme, wallet.clone());
        assert_eq!(known.of(&acme, &row), Some(wallet.lots));
        assert_eq!(known.of(&"other".parse().unwrap(), &row), None);
        // The same version, another history.
        row.posted = usd("4");
        assert_eq!(known.of(&acme, &row), None);
    }
}
