//! Money that two services have recorded, compared: what a payment settled, and what is owed of a
//! deferred invoice.

use crate::{
    Session,
    operate::{
        Service,
        copies::{AT_ONCE, PAGE, PAUSE, Paged, all, tenants},
        output, sentence_of,
    },
};
use futures::{StreamExt, stream};
use payterms_proto::{
    common::v1::{CheckedRule, ListSharedAmountsRequest, SharedAmount, SharedAmountKind},
    google::r#type::Money,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};
use tonic::Status;

/// The invariant that the comparison belongs to.
pub(crate) const INVARIANT: &str = "I28";
/// How often what differs is looked at again. Events that were on their way were waited for before.
const LOOKS: u32 = 6;

/// What a service has recorded that invoicing has as well.
struct Pair {
    kind: SharedAmountKind,
    rule: &'static str,
    subject: &'static str,
}

/// What a service shares with invoicing, if anything.
fn shared_by(service: Service) -> Option<Pair> {
    match service {
        Service::Wallet => Some(Pair {
            kind: SharedAmountKind::Settled,
            rule: "What a payment has settled here is what invoicing has recorded as paid by it.",
            subject: "payment",
        }),
        Service::Credit => Some(Pair {
            kind: SharedAmountKind::Deferred,
            rule: "What is owed here of a deferred invoice is what is open of it at invoicing.",
            subject: "invoice",
        }),
        Service::Invoicing | Service::Plans => None,
    }
}

/// Compares what a service has recorded with what invoicing has.
pub(crate) async fn compare(
    session: &Session,
    service: Service,
    tenant: Option<&str>,
) -> Result<Vec<CheckedRule>, String> {
    let Some(pair) = shared_by(service) else { return Ok(Vec::new()) };
    let begun = Instant::now();
    let tenants = match tenant {
        Some(tenant) => vec![format!("tenants/{tenant}")],
        None => tenants(session).await.map_err(|status| sentence_of("invoicing", &status))?,
    };
    let mut rule = CheckedRule {
        invariant: INVARIANT.to_owned(),
        rule: pair.rule.to_owned(),
        ..CheckedRule::default()
    };
    let compared = stream::iter(&tenants).map(|tenant| differ(session, service, tenant, &pair));
    let mut compared = Box::pin(compared.buffered(AT_ONCE));
    while let Some(differ) = compared.next().await {
        let differ = differ?;
        rule.piece_count += 1;
        rule.broken_count += i64::try_from(differ.len()).unwrap_or_default();
        rule.examples.extend(differ);
    }
    rule.duration = begun.elapsed().try_into().ok();
    Ok(vec![rule])
}

/// The sums of a service, by subject.
type Sums = BTreeMap<String, SharedAmount>;

/// The subjects of which two services have another sum. The two are not asked at one moment, and
/// events are on their way for a while: what differs is looked at again, and breaks the rule where
/// it stands on both sides as it stood before, time after time.
async fn differ(
    session: &Session,
    service: Service,
    tenant: &str,
    pair: &Pair,
) -> Result<Vec<String>, String> {
    let mut standing: BTreeSet<(String, String, String)> = BTreeSet::new();
    for look in 0..=LOOKS {
        let theirs = sums(session, Service::Invoicing, tenant, pair.kind).await?;
        let ours = sums(session, service, tenant, pair.kind).await?;
        let found = differences(&ours, &theirs);
        standing = if look == 0 { found } else { standing.intersection(&found).cloned().collect() };
        if standing.is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let sentence = |(subject, ours, theirs): (String, String, String)| {
        format!(
            "{tenant} {} {subject}: {ours} in {}, {theirs} in invoicing",
            pair.subject,
            service.name()
        )
    };
    Ok(standing.into_iter().map(sentence).collect())
}

/// Subject and both sums where they differ and nothing is under way.
fn differences(ours: &Sums, theirs: &Sums) -> BTreeSet<(String, String, String)> {
    let subjects: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let is_under_way =
        |sums: &Sums, subject: &str| sums.get(subject).is_some_and(|sum| sum.under_way);
    let shown = |sums: &Sums, subject: &str| {
        sums.get(subject).map_or_else(|| "nothing".to_owned(), |sum| shown(sum.amount.as_ref()))
    };
    let compared = subjects
        .into_iter()
        .filter(|subject| !is_under_way(ours, subject) && !is_under_way(theirs, subject));
    compared
        .map(|subject| (subject.clone(), shown(ours, subject), shown(theirs, subject)))
        .filter(|(_, ours, theirs)| ours != theirs)
        .collect()
}

fn shown(amount: Option<&Money>) -> String {
    amount
        .and_then(payterms_chassis::render::money_of)
        .map_or_else(|| "nothing".to_owned(), |money| output::plain(&money.to_string()))
}

async fn sums(
    session: &Session,
    asked: Service,
    tenant: &str,
    kind: SharedAmountKind,
) -> Result<Sums, String> {
    let page = async |page_token: String| -> Result<Paged<Sums>, Status> {
        let request = ListSharedAmountsRequest {
            parent: tenant.to_owned(),
            kind: kind.into(),
            page_size: PAGE,
            page_token,
        };
        let answer =
            session.operations(asked.name()).list_shared_amounts(request).await?.into_inner();
        Ok((
            answer
                .shared_amounts
                .into_iter()
                .map(|shared| (shared.subject_id.clone(), shared))
                .collect(),
            answer.next_page_token,
        ))
    };
    all(page).await.map_err(|status| sentence_of(asked.name(), &status))
}

#[cfg(test)]
mod tests {
    use super::{Sums, differences};
    use payterms_proto::{common::v1::SharedAmount, google::r#type::Money};

    #[test]
    fn what_stands_differently_is_named_and_what_is_under_way_is_not() {
        let sums = |all: &[(&str, i64, bool)]| -> Sums {
            let row = |(subject, units, under_way): &(&str, i64, bool)| {
                let amount = Some(Money { currency_code: "USD".into(), units: *units, nanos: 0 });
                (
                    (*subject).to_owned(),
                    SharedAmount {
                        subject_id: (*subject).to_owned(),
                        amount,
                        under_way: *under_way,
                    },
                )
            };
            all.iter().map(row).collect()
        };
        let ours = sums(&[("a", 5, false), ("b", 5, false), ("c", 5, false), ("d", 1, false)]);
        let theirs = sums(&[
            ("a", 5, false),
            ("b", 6, false),
            ("d", 2, true),
            ("e", 7, true),
            ("f", 8, false),
        ]);
        let found: Vec<_> = differences(&ours, &theirs)
            .into_iter()
            .map(|(subject, ours, theirs)| format!("{subject} {ours} {theirs}"))
            .collect();
        assert_eq!(found, ["b 5.00 USD 6.00 USD", "c 5.00 USD nothing", "f nothing 8.00 USD"]);
    }
}
