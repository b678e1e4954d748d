//! Each process caches wallets with their live lots, as they were committed. If the locked row
//! equals the cached row, the lots are not read again. The single-call fast path decides a debit on
//! the cached wallet, before any lock.

use super::wallets::Locked;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_chassis::ttl_cache::TtlCache;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Lot, Wallet};
use uuid::Uuid;

/// Wallets in the cache, which bounds its memory.
const CAPACITY: usize = 20_000;

/// A wallet that was committed.
#[derive(Debug, Clone)]
struct Cached {
    row: Wallet,
    lots: Vec<Lot>,
    /// The tenant's time zone; `None` if the fast path may not debit the wallet.
    single_call: Option<Tz>,
}

/// The cache.
#[derive(Debug)]
pub struct LotCache(TtlCache<(TenantId, Uuid), Cached>);

impl Default for LotCache {
    fn default() -> Self {
        Self(TtlCache::with_capacity(CAPACITY))
    }
}

impl LotCache {
    fn get(&self, tenant: &TenantId, id: Id<Wallet>) -> Option<Cached> {
        self.0.get(&(tenant.clone(), id.uuid()), DateTime::<Utc>::MIN_UTC)
    }

    /// The cached lots of a wallet, if its locked row equals the cached row. All columns are
    /// compared and not only the version: after a restored backup the same version may belong to
    /// another history.
    #[must_use]
    pub fn lots(&self, tenant: &TenantId, row: &Wallet) -> Option<Vec<Lot>> {
        let Cached { row: cached, lots, .. } = self.get(tenant, row.id)?;
        (cached == *row).then_some(lots)
    }

    /// A cached wallet for the fast path, and the tenant's time zone. The procedure that saves the
    /// decision compares the row under the lock.
    #[must_use]
    pub fn for_single_call(&self, tenant: &TenantId, id: Id<Wallet>) -> Option<(Locked, Tz)> {
        let Cached { row, lots, single_call } = self.get(tenant, id)?;
        single_call.map(|zone| (Locked::new(Wallet { lots, ..row }), zone))
    }

    /// Caches a committed wallet. `single_call` is the tenant's time zone if the fast path may
    /// debit it.
    pub fn insert(&self, tenant: &TenantId, mut wallet: Wallet, single_call: Option<Tz>) {
        let mut lots = std::mem::take(&mut wallet.lots);
        lots.retain(|lot| lot.remaining.is_positive());
        lots.sort_by(Lot::debit_order);
        wallet.transfers.clear();
        wallet.debts.clear();
        self.0.insert(
            (tenant.clone(), wallet.id.uuid()),
            Cached { row: wallet, lots, single_call },
            DateTime::<Utc>::MAX_UTC,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::LotCache;
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use payterms_wallet_domain::{
        Account, LotKind, TransferKind, Wallet,
        wallet::{LotFunding, NewLot},
    };
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn lots_are_those_of_the_same_row_of_the_same_tenant() {
        let (cache, acme) = (LotCache::default(), "acme".parse().unwrap());
        let usd = |text| Money::parse(Currency::parse("USD").unwrap(), text).unwrap();
        let mut wallet = Wallet::open(
            Id::from_uuid(Uuid::nil()),
            Id::from_uuid(Uuid::nil()),
            usd("0").currency(),
            NOW,
        );
        let new = NewLot {
            kind: LotKind::Granted,
            tax_kind: None,
            priority: 0,
            amount: usd("5"),
            expires_at: None,
            description: String::new(),
        };
        wallet
            .add_lot(
                &mut IdSource::new(NOW, b"seed", "test"),
                new,
                LotFunding {
                    kind: TransferKind::Grant,
                    source: Account::Promotion,
                    tax: usd("0"),
                    recharge: false,
                },
                NOW,
            )
            .unwrap();
        let mut row = Wallet { lots: Vec::new(), transfers: Vec::new(), ..wallet.clone() };
        assert_eq!(cache.lots(&acme, &row), None);
        cache.insert(&acme, wallet.clone(), None);
        assert_eq!(cache.lots(&acme, &row).as_ref(), Some(&wallet.lots));
        assert!(
            cache.for_single_call(&acme, wallet.id).is_none(),
            "the fast path may not debit it"
        );
        cache.insert(&acme, wallet.clone(), Some(Tz::UTC));
        let (locked, zone) = cache.for_single_call(&acme, wallet.id).unwrap();
        assert_eq!(
            (locked.wallet, zone),
            (Wallet { transfers: Vec::new(), ..wallet.clone() }, Tz::UTC)
        );
        let other = "other".parse().unwrap();
        assert!(
            cache.lots(&other, &row).is_none()
                && cache.for_single_call(&other, wallet.id).is_none()
        );
        // The same version, another history.
        row.posted = usd("4");
        assert_eq!(cache.lots(&acme, &row), None);
    }
}
