//! Copies of other services' rows, and how a caller reads its own writes through them.
//!
//! The answer of a write names the versions that it made (`payterms-version: type/id@n`). A call
//! that sends such a version back waits until the copy here has reached it. A refusal that is based
//! on copies lists the aggregates that the request names (`payterms-copies`), so that a gateway or
//! service with a newer version of one can repeat the call with it.

use crate::{
    db::{Db, sql},
    ttl_cache::TtlCache,
    wire::{
        deadline::time_left,
        error::{AppError, not_yet, reason},
        names,
        topology::Relations,
    },
};
use payterms_kernel::{Reason, TenantId};
use std::{collections::HashMap, time::Duration};
use tonic::Status;

pub use crate::wire::answer::COPIES;
/// How long a call waits for all its copies together. Events normally arrive within milliseconds;
/// longer means an outage.
const PATIENCE: Duration = Duration::from_secs(2);
/// Versions that one call may wait for; the bound keeps the query small, since a caller can name as
/// many as it likes.
pub const MOST: usize = 40;
/// How long a version that has arrived here is cached. Versions only rise, so a cached one stays
/// valid.
const ARRIVED_CACHED_FOR: Duration = Duration::from_secs(10);

/// One version of an aggregate, `type/id@n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The type of the aggregate.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its version; 0 before it exists.
    pub number: i64,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}@{}", self.kind, self.id, self.number)
    }
}

/// Parses a list of versions and skips items that are malformed.
pub fn parse_list(list: &str) -> impl Iterator<Item = Version> {
    list.split(',').filter_map(|item| {
        let (aggregate, number) = item.trim().rsplit_once('@')?;
        let (kind, id) = aggregate.split_once('/')?;
        Some(Version { kind: kind.to_owned(), id: id.to_owned(), number: number.parse().ok()? })
    })
}

/// Parses a list of `type/id` and skips malformed items; at most [`MOST`].
#[must_use]
pub fn parse_aggregates(list: &str) -> Vec<(String, String)> {
    let aggregates = list.split(',').filter_map(|item| item.trim().split_once('/'));
    aggregates.map(|(kind, id)| (kind.to_owned(), id.to_owned())).take(MOST).collect()
}

/// Formats versions for metadata.
#[must_use]
pub fn list(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(",")
}

/// The aggregates that resource names in a message refer to, each once: `…/customers/0199…` refers
/// to `customer/0199…`. The encoded message is searched as bytes, so this works for every type of
/// message: protobuf encodes names as plain text.
#[must_use]
pub fn named_in(message: &[u8]) -> Vec<(String, String)> {
    let mut aggregates = Vec::new();
    for (at, _) in message.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let start = at.saturating_add(1);
        let id = message
            .get(start..start.saturating_add(36))
            .and_then(|id| std::str::from_utf8(id).ok());
        let Some(id) = id.and_then(names::uuid) else { continue };
        let before = message.get(..at).unwrap_or_default();
        let letters =
            before.iter().rev().take(40).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let collection = before.get(before.len().saturating_sub(letters)..).unwrap_or_default();
        if let Some(kind) = kind_of(collection) {
            let aggregate = (kind, id.to_string());
            // A caller chooses the message, so the list is bounded.
            if !aggregates.contains(&aggregate) && aggregates.len() < MOST {
                aggregates.push(aggregate);
            }
        }
    }
    aggregates
}

/// The aggregate type of a collection: `metered_service` for `meteredServices`.
fn kind_of(collection: &[u8]) -> Option<String> {
    let (b's', singular) = collection.split_last()? else { return None };
    let mut kind = String::new();
    for byte in singular {
        if byte.is_ascii_uppercase() {
            kind.push('_');
        }
        kind.push(char::from(byte.to_ascii_lowercase()));
    }
    Some(kind)
}

/// The copies of one service: which aggregate types it copies, and up to which version.
#[derive(Debug)]
pub struct Copies {
    db: Db,
    relations: Relations,
    arrived: TtlCache<(TenantId, String, String), i64>,
}

impl Copies {
    /// The copies in a service's database.
    #[must_use]
    pub fn new(db: Db, relations: Relations) -> Self {
        Self { db, relations, arrived: TtlCache::default() }
    }

    fn copies(&self, kind: &str) -> bool {
        self.relations.hears.values().flatten().any(|subscribed| subscribed == kind)
    }

    /// Waits until the copies here have reached these versions.
    ///
    /// # Errors
    /// `COPY_BEHIND` if they do not arrive within [`PATIENCE`] or the caller's deadline.
    pub async fn wait(&self, tenant: &TenantId, named: &str) -> Result<(), AppError> {
        let patience = time_left().map_or(PATIENCE, |left| left.min(PATIENCE));
        let until = tokio::time::Instant::now() + patience;
        let mut missing: Vec<_> =
            parse_list(named).filter(|version| self.copies(&version.kind)).take(MOST).collect();
        missing.retain(|version| !self.has_arrived(tenant, version));
        while !missing.is_empty() {
            let aggregates: Vec<_> =
                missing.iter().map(|version| (version.kind.clone(), version.id.clone())).collect();
            let present = self.versions(tenant, &aggregates).await?;
            missing.retain(|version| {
                let number = present
                    .get(&(version.kind.clone(), version.id.clone()))
                    .copied()
                    .unwrap_or_default();
                self.cache_arrived(tenant, version, number);
                number < version.number
            });
            if let Some(first) = missing.first()
                && tokio::time::Instant::now() >= until
            {
                return Err(not_yet(
                    Reason::COPY_BEHIND,
                    &format!("The copy of {first} is not here yet. Retry."),
                ));
            }
            if !missing.is_empty() {
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        }
        Ok(())
    }

    fn has_arrived(&self, tenant: &TenantId, version: &Version) -> bool {
        let key = (tenant.clone(), version.kind.clone(), version.id.clone());
        self.arrived.get(&key, self.db.clock().now()).is_some_and(|number| number >= version.number)
    }

    fn cache_arrived(&self, tenant: &TenantId, version: &Version, number: i64) {
        let key = (tenant.clone(), version.kind.clone(), version.id.clone());
        self.arrived.insert(key, number, self.db.clock().now() + ARRIVED_CACHED_FOR);
    }

    async fn versions(
        &self,
        tenant: &TenantId,
        aggregates: &[(String, String)],
    ) -> Result<HashMap<(String, String), i64>, AppError> {
        let select = "SELECT aggregate_type, aggregate_id, max(version) AS version FROM inbox_heads WHERE tenant = $1";
        let group = "GROUP BY aggregate_type, aggregate_id";
        let (select, values) = among(select, tenant, aggregates, group);
        read(&sql::all(self.db.system(), &select, values).await?)
    }

    /// The copies on which a refusal may be based: the tenant's and those that the message names.
    /// `None` if the refusal is not based on copies. Versions are left out: a copy that arrived
    /// after the decision would look like its basis.
    #[must_use]
    pub fn rested_on(&self, tenant: &TenantId, status: &Status, message: &[u8]) -> Option<String> {
        let reason = reason(status)?;
        let is_not_aggregates = reason == Reason::RESOURCE_NOT_FOUND;
        if !is_not_aggregates && !self.relations.rests_on_copies.contains(&reason) {
            return None;
        }
        let of_tenant = (!is_not_aggregates).then(|| ("tenant".to_owned(), tenant.to_string()));
        let aggregates =
            of_tenant.into_iter().chain(named_in(message)).filter(|(kind, _)| self.copies(kind));
        let list: Vec<_> = aggregates.map(|(kind, id)| format!("{kind}/{id}")).collect();
        (!list.is_empty()).then(|| list.join(","))
    }

    /// The versions of these aggregates in this service, owned or copied. Aggregates without either
    /// are left out.
    pub async fn versions_of(
        &self,
        tenant: &TenantId,
        aggregates: &[(String, String)],
    ) -> Result<Vec<Version>, AppError> {
        let mut versions = self.versions(tenant, aggregates).await?;
        versions.extend(owned(&self.db, tenant, aggregates).await?);
        Ok(versions.into_iter().map(|((kind, id), number)| Version { kind, id, number }).collect())
    }
}

/// The versions of aggregates that this service owns.
pub async fn owned(
    db: &Db,
    tenant: &TenantId,
    aggregates: &[(String, String)],
) -> Result<HashMap<(String, String), i64>, AppError> {
    let select =
        "SELECT aggregate_type, aggregate_id, version FROM aggregate_heads WHERE tenant = $1";
    let (select, values) = among(select, tenant, aggregates, "");
    let read_tx = db.read(tenant).await?;
    read(&sql::all(&read_tx, &select, values).await?)
}

/// Restricts a query to these aggregates of a tenant; returns the statement and its values.
fn among(
    select: &str,
    tenant: &TenantId,
    aggregates: &[(String, String)],
    end: &str,
) -> (String, Vec<sea_orm::Value>) {
    let mut values = vec![tenant.as_str().into()];
    let mut terms = Vec::with_capacity(aggregates.len());
    for (kind, id) in aggregates {
        terms.push(format!(
            "(aggregate_type = ${} AND aggregate_id = ${})",
            values.len() + 1,
            values.len() + 2
        ));
        values.extend([kind.as_str().into(), id.as_str().into()]);
    }
    let terms = if terms.is_empty() { "1 = 0".to_owned() } else { terms.join(" OR ") };
    (format!("{select} AND ({terms}) {end}"), values)
}

fn read(rows: &[sea_orm::QueryResult]) -> Result<HashMap<(String, String), i64>, AppError> {
    let pair = |row: &sea_orm::QueryResult| {
        Ok::<_, AppError>((
            (row.try_get("", "aggregate_type")?, row.try_get("", "aggregate_id")?),
            row.try_get("", "version")?,
        ))
    };
    rows.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::{Version, list, named_in, parse_list};

    #[test]
    fn a_list_is_read_back_and_what_is_no_version_is_passed_over() {
        let version = |kind: &str, id: &str, number| Version {
            kind: kind.to_owned(),
            id: id.to_owned(),
            number,
        };
        let versions = [version("customer", "a", 3), version("metered_usage", "b/2026-01", 1)];
        assert_eq!(parse_list(&list(&versions)).collect::<Vec<_>>(), versions);
        assert_eq!(
            parse_list("customer/a, x@1,customer/a@b, tenant/acme@2,").collect::<Vec<_>>(),
            [version("tenant", "acme", 2)]
        );
    }

    #[test]
    fn names_in_a_message_lead_to_aggregates() {
        let (one, two) =
            ("01993c7a-0000-7000-8000-000000000001", "01993c7a-0000-7000-8000-000000000002");
        let message = format!(
            "\n\u{20}{two}\u{12}S tenants/acme/customers/{one}/meteredServices/{two}\0tenants/acme/customers/{one}x/{one}/"
        );
        let aggregates = named_in(message.as_bytes());
        assert_eq!(
            aggregates,
            [
                ("customer".to_owned(), one.to_owned()),
                ("metered_service".to_owned(), two.to_owned())
            ]
        );
        assert_eq!(named_in(b"/s/"), []);
        assert_eq!(named_in(&[b'/'; 1000]), []);
    }
}
