//! What decisions changed of wallets, as rows of all tables that it concerns.

use super::{
    AskedBy, accruals, entries, lots, transfers,
    wallets::{Locked, row},
};
use crate::jobs;
use chrono::{DateTime, Months, Utc};
use chrono_tz::Tz;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::schedule_many,
    rows::{self, Kind, Rows},
};
use payterms_kernel::{
    Id, Money, TenantId,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_wallet_domain::{Transfer, Wallet, month::accrued};
use serde_json::{Map, Value};

/// What of a wallet changes, after what it is found by.
const CHANGING: [rows::Column; 12] = [
    ("tenant", Kind::Tenant),
    ("id", Kind::Id),
    ("sequence", Kind::Number),
    ("lot_count", Kind::Number),
    ("usage_count", Kind::Number),
    ("posted", Kind::Number),
    ("owed", Kind::Number),
    ("version", Kind::Number),
    ("updated_at", Kind::Time),
    ("owed_back", Kind::Number),
    ("overdraft", Kind::MaybeNumber),
    ("closes", Kind::MaybeText),
];

/// Characters of a label: what a line of an invoice shows.
const LABEL: usize = 200;

/// Wallets whose month is to be closed, and when.
type Closes = Vec<(String, DateTime<Utc>)>;

/// Wallet rows, lots, transfers with their entries, and what of these goes to the month's invoices.
#[derive(Debug)]
pub struct Changes {
    wallets: Rows<12>,
    new_lots: Rows<14>,
    lots: Rows<5>,
    transfers: Rows<11>,
    entries: Rows<13>,
    accruals: Rows<8>,
    closes: Closes,
}

impl Changes {
    /// What changed of wallets since they were loaded; their transfers are taken out of them.
    ///
    /// # Errors
    /// `Fault` where a decision broke a rule of the books.
    pub fn of(tenant: &TenantId, zone: Tz, changed: &mut [Locked], asked: &AskedBy) -> Result<Self, AppError> {
        let (sums, closes) = accrue(zone, changed)?;
        let with_lots: Vec<_> = changed.iter().map(|own| (&own.wallet, own.before.lots.as_slice())).collect();
        let (new_lots, lots) = lots::rows(tenant, &with_lots);
        let (mut wallets, mut moved) = (Rows::new(CHANGING), Vec::new());
        for own in changed.iter_mut().filter(|own| own.wallet != own.before) {
            let wallet = &mut own.wallet;
            // Whoever has kept the lots tells by the row that they are others now.
            if wallet.version == own.before.version && wallet.lots != own.before.lots {
                return Err(AppError::Fault(format!("lots of wallet {} changed, and its version did not", wallet.id)));
            }
            wallets.push(changing(tenant, wallet));
            own.before.lots.clear();
            moved.extend(std::mem::take(&mut wallet.transfers).into_iter().map(|transfer| (wallet.id, transfer)));
        }
        let moved: Vec<(Id<Wallet>, Transfer)> = moved;
        Ok(Self {
            wallets,
            new_lots,
            lots,
            transfers: transfers::rows(tenant, &moved, asked)?,
            entries: entries::rows(tenant, &moved),
            accruals: accruals::rows(tenant, &sums),
            closes,
        })
    }

    /// Saves them.
    ///
    /// # Errors
    /// The database's.
    pub async fn save(self, tx: &WriteTx) -> Result<(), AppError> {
        let conn = tx.conn();
        schedule_many(tx, jobs::CLOSE_MONTH, &self.closes).await?;
        self.accruals.insert(conn, "accruals", accruals::ADDED).await?;
        self.new_lots.insert(conn, "lots", "").await?;
        let there = (self.lots.len() + self.wallets.len()) as u64;
        let found = self.lots.update(conn, "lots", 2).await? + self.wallets.update(conn, "wallets", 2).await?;
        if found != there {
            return Err(AppError::Fault(format!("{found} rows of wallets and lots are there of {there} that changed")));
        }
        self.transfers.insert(conn, "transfers", "").await?;
        self.entries.insert(conn, "entries", "").await?;
        Ok(())
    }

    /// The same for the procedure `post_single_call`; none where there is something that it does not save.
    ///
    /// # Errors
    /// None that a decision can cause.
    pub fn alone(self, tenant: &TenantId, before: &Wallet) -> Result<Option<Map<String, Value>>, AppError> {
        if !self.closes.is_empty() || !self.new_lots.is_empty() {
            return Ok(None);
        }
        let wallet = serde_json::to_value(row(tenant, before)).map_err(|error| AppError::Fault(error.to_string()))?;
        let of_tables = [
            ("wallet", wallet),
            ("wallets", self.wallets.json()?),
            ("lots", self.lots.json()?),
            ("transfers", self.transfers.json()?),
            ("entries", self.entries.json()?),
            ("accruals", self.accruals.json()?),
        ];
        Ok(Some(of_tables.map(|(name, rows)| (name.to_owned(), rows)).into_iter().collect()))
    }
}

fn changing(tenant: &TenantId, wallet: &Wallet) -> [sea_orm::Value; 12] {
    [
        tenant.as_str().into(),
        wallet.id.uuid().into(),
        wallet.sequence.into(),
        wallet.lot_count.into(),
        wallet.usage_count.into(),
        wallet.posted.micros().into(),
        wallet.owed.micros().into(),
        wallet.version.into(),
        wallet.updated_at.into(),
        wallet.owed_back.micros().into(),
        wallet.overdraft.map(Money::micros).into(),
        wallet.closes.map(|month| month.to_string()).into(),
    ]
}

/// What transfers add to the months of their wallets; where a wallet had nothing to invoice, the end of the month
/// falls due.
fn accrue(zone: Tz, changed: &mut [Locked]) -> Result<(accruals::Sums, Closes), AppError> {
    let (mut sums, mut due) = (accruals::Sums::new(), Closes::new());
    for Locked { wallet, .. } in changed {
        for transfer in &wallet.transfers {
            let month = first_of_month(day_in(zone, transfer.recorded_at));
            for (funding, label, amount) in accrued(wallet, transfer)? {
                let zero = Money::zero(wallet.currency);
                let sum = sums.entry((wallet.id, month, funding, label.chars().take(LABEL).collect())).or_insert(zero);
                *sum = sum.plus(amount)?;
                wallet.closes = wallet.closes.or_else(|| {
                    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
                    due.push((wallet.id.to_string(), start_of_day(zone, next)));
                    Some(month)
                });
            }
        }
    }
    Ok((sums, due))
}
