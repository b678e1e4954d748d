//! The sealed values of a service, for the operator who replaces a key: with which keys they are
//! sealed, and sealing again with the first one (docs/adr/0052-keys-that-seal-are-replaced.md).
//! Rows are gone through by their keys, a page at a time, so that no transaction is long.

use crate::{
    db::{Db, WriteTx, tenants, transaction::Transaction},
    kill,
    seal::{Seal, SealedWith},
    wire::{
        answer::Answer,
        call::Call,
        error::AppError,
        page::{Page, PageSigner},
    },
};
use futures::future::BoxFuture;
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::common::v1::{
    CountSealedValuesResponse, ResealValuesResponse, SealedValues, sealed_values::KeyState,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// Rows that are looked at in one query.
const ROWS: i64 = 200;
/// Rows that are sealed again in one transaction: a part of an attachment has a mebibyte.
const RESEALED: usize = 16;
/// Queries of one call that seals again.
const QUERIES: usize = 5;
/// How long a call counts before it returns how to go on.
const BUDGET: Duration = Duration::from_secs(3);

/// A row with sealed values.
#[derive(Debug, Clone)]
pub struct SealedRow {
    /// What the rows are in order of; no blank is in it.
    pub key: String,
    /// The values, or their first bytes, which say their keys.
    pub values: Vec<Vec<u8>>,
}

/// Reads the next rows of a tenant after a key; the empty key is before all.
pub type ListRows = for<'a> fn(
    &'a Transaction,
    &'a TenantId,
    &'a str,
    i64,
) -> BoxFuture<'a, Result<Vec<SealedRow>, AppError>>;
/// Seals the values of a row again and saves it. Returns why they do not open, where they do not.
pub type ResealRow = for<'a> fn(
    &'a mut WriteTx,
    &'a Seal,
    &'a str,
) -> BoxFuture<'a, Result<Result<(), String>, AppError>>;

/// A table with sealed values.
#[derive(Debug, Clone)]
pub struct SealedTable {
    /// Its name.
    pub name: &'static str,
    /// The keys; none where the process has no file of them.
    pub seal: Option<Seal>,
    /// The condition under which a row has sealed values, in SQL.
    pub holds: &'static str,
    /// Reads its rows.
    pub list: ListRows,
    /// Seals a row again; none where the rows are copies, which follow their owner.
    pub reseal: Option<ResealRow>,
}

impl SealedTable {
    /// Whether a row has a value that another key than the first seals.
    fn is_old(&self, row: &SealedRow) -> bool {
        row.values
            .iter()
            .any(|value| !matches!(SealedWith::of(self.seal.as_ref(), value), SealedWith::First(_)))
    }
}

/// Where counting or sealing goes on: the table by its number, the last tenant that is done, the
/// last key that is done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Place {
    table: usize,
    tenant: String,
    key: String,
}

impl Place {
    fn read(pages: &PageSigner, page: &Page) -> Result<Self, AppError> {
        let token = pages.read(&page.list, &page.token)?.unwrap_or_default();
        let mut words = token.split(' ');
        let table = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let mut word = || words.next().unwrap_or_default().to_owned();
        Ok(Self { table, tenant: word(), key: word() })
    }

    fn sign(&self, pages: &PageSigner, page: &Page) -> String {
        pages.sign(&page.list, &format!("{} {} {}", self.table, self.tenant, self.key))
    }
}

/// Whether a page of so many rows may be followed by another.
fn is_full(rows: &[SealedRow]) -> bool {
    i64::try_from(rows.len()).unwrap_or(i64::MAX) >= ROWS
}

/// Counts the values by their keys, of one tenant or of all, from the page's place until the time
/// of a call is over.
pub(crate) async fn count(
    db: &Db,
    pages: &PageSigner,
    page: &Page,
    tables: &[SealedTable],
    only: Option<&TenantId>,
) -> Result<CountSealedValuesResponse, AppError> {
    let until = Instant::now() + BUDGET;
    let mut place = Place::read(pages, page)?;
    let mut counts = BTreeMap::new();
    while let Some(table) = tables.get(place.table) {
        let next = match only {
            Some(tenant) => Some(tenant.to_string()).filter(|_| place.tenant.is_empty()),
            None => tenants::list(db, &place.tenant, 1).await?.pop(),
        };
        let Some(tenant) = next else {
            place = Place { table: place.table.saturating_add(1), ..Place::default() };
            continue;
        };
        let id: TenantId =
            tenant.parse().map_err(|_| AppError::Fault(format!("a tenant {tenant:?}")))?;
        let rows = (table.list)(&db.read(&id).await?, &id, &place.key, ROWS).await?;
        for value in rows.iter().flat_map(|row| &row.values) {
            let entry = counted(table, &tenant, value);
            *counts.entry(entry).or_insert(0_i64) += 1;
        }
        match rows.last() {
            Some(last) if is_full(&rows) => place.key.clone_from(&last.key),
            _ => place = Place { tenant, key: String::new(), ..place },
        }
        if Instant::now() >= until {
            return Ok(CountSealedValuesResponse {
                sealed_values: messages(counts),
                next_page_token: place.sign(pages, page),
            });
        }
    }
    Ok(CountSealedValuesResponse {
        sealed_values: messages(counts),
        next_page_token: String::new(),
    })
}

/// What values are counted by: table, state, id of the key, and the tenant where something is to be
/// done.
type Entry = (&'static str, i32, String, String);

fn counted(table: &SealedTable, tenant: &str, value: &[u8]) -> Entry {
    let (state, id) = key_of(table, value);
    let tenant = if state == KeyState::Seals { String::new() } else { format!("tenants/{tenant}") };
    (table.name, state.into(), id, tenant)
}

/// What the process can do with the key of a value, and the key's id; none if the value was sealed
/// before there were ids.
pub(super) fn key_of(table: &SealedTable, value: &[u8]) -> (KeyState, String) {
    match SealedWith::of(table.seal.as_ref(), value) {
        SealedWith::First(id) => (KeyState::Seals, id.to_string()),
        SealedWith::Other(id) => (KeyState::Opens, id.to_string()),
        SealedWith::Missing(id) => (KeyState::Missing, id.to_string()),
        SealedWith::Unnamed => {
            (if table.seal.is_some() { KeyState::Opens } else { KeyState::Missing }, String::new())
        }
    }
}

fn messages(counts: BTreeMap<Entry, i64>) -> Vec<SealedValues> {
    let message = |((table, key_state, key_id, tenant), value_count): (Entry, i64)| SealedValues {
        table: table.to_owned(),
        key_id,
        key_state,
        tenant,
        value_count,
    };
    counts.into_iter().map(message).collect()
}

/// Seals values of a tenant again, from the page's place on and no more than a transaction takes.
/// What is sealed with the first key already is passed over, so nothing is done twice.
pub(crate) async fn reseal(
    db: &Db,
    call: &Call,
    pages: &PageSigner,
    page: &Page,
    tables: &[SealedTable],
) -> Result<Answer<ResealValuesResponse>, AppError> {
    let mut place = Place::read(pages, page)?;
    // Also of a tenant that is suspended, and of none that there is not.
    let mut tx = db.begin_forward(call).await?;
    tenants::state(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (mut touched, mut looked, mut row_count, mut unopened) =
        (0_usize, 0_usize, 0_i32, Vec::new());
    'tables: while let Some(table) = tables.get(place.table) {
        if let (Some(seal), Some(reseal_row)) = (&table.seal, table.reseal) {
            let rows = (table.list)(tx.conn(), &call.tenant, &place.key, ROWS).await?;
            for row in &rows {
                if touched >= RESEALED {
                    break 'tables;
                }
                if table.is_old(row) {
                    touched = touched.saturating_add(1);
                    match reseal_row(&mut tx, seal, &row.key).await? {
                        Ok(()) => row_count = row_count.saturating_add(1),
                        Err(why) => unopened.push(format!("{} {}: {why}", table.name, row.key)),
                    }
                }
                place.key.clone_from(&row.key);
            }
            looked = looked.saturating_add(1);
            if is_full(&rows) {
                if looked >= QUERIES {
                    break 'tables;
                }
                continue;
            }
        }
        place = Place { table: place.table.saturating_add(1), ..Place::default() };
    }
    let next_page_token =
        if place.table < tables.len() { place.sign(pages, page) } else { String::new() };
    if row_count > 0 {
        kill::point("sealed.before_commit");
    }
    let answer = tx.commit(ResealValuesResponse { row_count, unopened, next_page_token }).await;
    if row_count > 0 {
        kill::point("sealed.after_commit");
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::wire::page::{Page, PageSigner};

    #[test]
    fn a_place_is_read_back() {
        let pages = PageSigner::new(&[7; 32]);
        for place in [
            Place::default(),
            Place { table: 2, tenant: "acme".into(), key: String::new() },
            Place { table: 1, tenant: String::new(), key: "0199/ab/3".into() },
        ] {
            let mut page = Page { list: "sealed".into(), size: 0, token: String::new() };
            page.token = place.sign(&pages, &page);
            assert_eq!(Place::read(&pages, &page).unwrap(), place);
        }
    }
}
