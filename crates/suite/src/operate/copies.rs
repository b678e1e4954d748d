//! What services know of each other's aggregates, compared with what their owners have: a schema
//! that was restored from a backup of another moment than the others is found so.

use crate::{
    Session,
    operate::{Service, sentence_of},
};
use futures::{StreamExt, stream};
use payterms_chassis::topology::{self, Topology};
use payterms_proto::{
    common::v1::{CheckedRule, ListAggregateVersionsRequest},
    invoicing::v1::ListTenantsRequest,
};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};
use tonic::Status;

/// The invariant that the comparison belongs to.
pub(crate) const INVARIANT: &str = "I24";
/// Tenants and types that are compared at once.
pub(super) const AT_ONCE: usize = 8;
/// Aggregates in one call.
pub(super) const PAGE: i32 = 500;
/// How often, and with which pause, a copy that is behind is looked at again: events are on their
/// way for a moment.
const LOOKS: u32 = 20;
pub(super) const PAUSE: Duration = Duration::from_millis(500);

type Versions = HashMap<String, i64>;

/// A page of a list, and the token of the next one.
pub(super) type Paged<T> = (T, String);

/// Compares the copies that a service has with their owners' aggregates.
pub(crate) async fn compare(
    session: &Session,
    service: Service,
    tenant: Option<&str>,
) -> Result<Vec<CheckedRule>, String> {
    let topology: Topology = topology::load()?;
    let hears =
        topology.get(service.name()).map(|relations| relations.hears.clone()).unwrap_or_default();
    let tenants = match tenant {
        Some(tenant) => vec![format!("tenants/{tenant}")],
        None => tenants(session).await.map_err(|status| sentence_of("invoicing", &status))?,
    };
    let mut rules = Vec::new();
    for (source, kinds) in hears {
        let Some(owner) = Service::named(&source) else { continue };
        let begun = Instant::now();
        let mut rule = CheckedRule {
            invariant: INVARIANT.to_owned(),
            rule: format!(
                "What is known of the aggregates of {source} is as new as they are there."
            ),
            ..CheckedRule::default()
        };
        let pairs: Vec<_> = kinds
            .iter()
            .flat_map(|kind| tenants.iter().map(move |tenant| (tenant, kind)))
            .collect();
        let compared =
            stream::iter(pairs).map(|(tenant, kind)| differ(session, service, owner, tenant, kind));
        let mut compared = Box::pin(compared.buffered(AT_ONCE));
        while let Some(differ) = compared.next().await {
            let differ = differ?;
            rule.piece_count += 1;
            rule.broken_count += i64::try_from(differ.len()).unwrap_or_default();
            rule.examples.extend(differ);
        }
        rule.duration = begun.elapsed().try_into().ok();
        rules.push(rule);
    }
    Ok(rules)
}

/// The aggregates of a type of which a hearer knows another version than their owner.
async fn differ(
    session: &Session,
    hearer: Service,
    owner: Service,
    tenant: &str,
    kind: &str,
) -> Result<Vec<String>, String> {
    // The hearer first: nobody has applied what its owner has not written.
    let mut heard = versions(session, hearer, owner, tenant, kind).await?;
    let owned = versions(session, owner, owner, tenant, kind).await?;
    let behind = |heard: &Versions| {
        owned.iter().any(|(id, version)| heard.get(id).copied().unwrap_or_default() < *version)
    };
    for _ in 0..LOOKS {
        if !behind(&heard) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        let later = versions(session, hearer, owner, tenant, kind).await?;
        // What came meanwhile counts; what is ahead was so at the first look.
        for (id, version) in later {
            if owned
                .get(&id)
                .is_some_and(|version| heard.get(&id).copied().unwrap_or_default() < *version)
            {
                heard.insert(id, version);
            }
        }
    }
    let mut ids: BTreeMap<&String, (i64, i64)> = BTreeMap::new();
    for (id, version) in &heard {
        ids.entry(id).or_default().0 = *version;
    }
    for (id, version) in &owned {
        ids.entry(id).or_default().1 = *version;
    }
    let sentence = |(id, (heard, owned)): (&String, (i64, i64))| match (heard, owned) {
        (heard, 0) => Some(format!(
            "{tenant} {kind} {id}: it is known at version {heard}, and {} has none",
            owner.name()
        )),
        (heard, owned) if heard > owned => Some(format!(
            "{tenant} {kind} {id}: it is known at version {heard}, {} has {owned}",
            owner.name()
        )),
        (heard, owned) if heard < owned => {
            Some(format!("{tenant} {kind} {id}: only version {heard} is known of {owned}"))
        }
        _ => None,
    };
    Ok(ids.into_iter().filter_map(sentence).collect())
}

/// The versions that a service knows of a tenant's aggregates of a type.
async fn versions(
    session: &Session,
    asked: Service,
    owner: Service,
    tenant: &str,
    kind: &str,
) -> Result<Versions, String> {
    let request = ListAggregateVersionsRequest {
        parent: tenant.to_owned(),
        source: owner.name().to_owned(),
        aggregate_type: kind.to_owned(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let page = async |page_token: String| -> Result<Paged<Versions>, Status> {
        let request = ListAggregateVersionsRequest { page_token, ..request.clone() };
        let answer =
            session.operations(asked.name()).list_aggregate_versions(request).await?.into_inner();
        Ok((
            answer
                .aggregate_versions
                .into_iter()
                .map(|named| (named.aggregate_id, named.version))
                .collect(),
            answer.next_page_token,
        ))
    };
    all(page).await.map_err(|status| sentence_of(asked.name(), &status))
}

pub(super) async fn tenants(session: &Session) -> Result<Vec<String>, Status> {
    let page = async |page_token: String| -> Result<Paged<Vec<String>>, Status> {
        let request = ListTenantsRequest { page_size: PAGE, page_token };
        let answer = session.tenants().list_tenants(request).await?.into_inner();
        Ok((answer.tenants.into_iter().map(|tenant| tenant.name).collect(), answer.next_page_token))
    };
    all(page).await
}

/// All pages of a list.
pub(super) async fn all<T: Default + IntoIterator<Item = I> + Extend<I>, I>(
    page: impl AsyncFn(String) -> Result<Paged<T>, Status>,
) -> Result<T, Status> {
    let (mut all, mut token) = (T::default(), String::new());
    loop {
        let (found, next) = page(token).await?;
        all.extend(found);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
}
