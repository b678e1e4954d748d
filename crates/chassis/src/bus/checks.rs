//! `Check`: runs the rules of a service over its rows, for some seconds in each call. Every piece
//! is one read transaction, so that its rows are of one moment, and no statement is long; a piece
//! that is too long all the same is cut smaller, and at last named as not checked.

use crate::{
    bus::{
        rules::{Rule, took_too_long},
        shared::Shared,
    },
    db::{Db, tenants},
    wire::{
        error::AppError,
        fields::Fields,
        page::{Page, PageSigner},
    },
};
use payterms_kernel::Reason;
use payterms_proto::common::v1::{CheckRequest, CheckResponse, CheckedRule, SharedAmountKind};
use sea_orm::{ConnectionTrait, DbErr};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long a call looks before it returns how to go on.
const BUDGET: Duration = Duration::from_secs(3);
/// How long one statement may take on PostgreSQL.
const STATEMENT: &str = "SET LOCAL statement_timeout = '5s'";
/// Tenants that are looked through together where an index begins with the key.
const TENANTS: u64 = 500;
/// What is named of a rule in one answer; more is only counted.
const NAMED: usize = 20;
/// How much smaller a piece is cut that took too long.
const SMALLER: i64 = 16;
/// Invariants in one request.
const MOST_INVARIANTS: usize = 50;

/// The rules of a service.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    db: Db,
    rules: Arc<[Rule]>,
    shared: &'static [Shared],
}

/// What is checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The one tenant; none: all.
    tenant: Option<String>,
    rules: Vec<Rule>,
    page: Page,
}

/// Where a check goes on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    /// The rule, by its number among those that are checked.
    rule: usize,
    /// The last tenant whose rows are done.
    tenant: String,
    /// The last key that is done; empty before the first.
    key: String,
    /// Rows of the next piece; 0 as many as the rule says.
    rows: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} {}", self.rule, self.rows, self.tenant, self.key)
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let rule = words.next()?.parse().ok()?;
        let rows = words.next()?.parse().ok()?;
        Some(Self { rule, rows, tenant: words.next()?.to_owned(), key: words.next()?.to_owned() })
    }
}

/// How a piece ended.
enum Looked {
    /// What breaks the rule in it, and the last key.
    Through(Vec<String>, String),
    /// Not in time; the last key, where it is known.
    TooLong(Option<String>),
}

impl Checks {
    /// The rules of every service and those of this one, and the sums that another service has as
    /// well.
    pub(crate) fn new(
        db: Db,
        common: &[Rule],
        special: &[Rule],
        shared: &'static [Shared],
    ) -> Self {
        Self { db, rules: common.iter().chain(special).copied().collect(), shared }
    }

    /// The sums of a kind, if this service has such.
    pub(crate) fn shared(&self, kind: Option<SharedAmountKind>) -> Option<&Shared> {
        self.shared.iter().find(|shared| Some(shared.kind.message()) == kind)
    }

    /// Checks a request.
    pub(crate) fn parse(&self, fields: &mut Fields, message: &CheckRequest) -> Checked {
        let tenant = (!message.parent.is_empty())
            .then(|| fields.name("parent", &message.parent, &[]).tenant.to_string());
        if message.invariants.len() > MOST_INVARIANTS {
            fields.wrong("invariants", Reason::TOO_MANY_ITEMS, "Name at most 50 invariants.");
        }
        let named = |rule: &&Rule| {
            message.invariants.is_empty()
                || message.invariants.iter().any(|name| name == rule.invariant)
        };
        let rules: Vec<_> = self.rules.iter().filter(named).copied().collect();
        for (index, name) in message.invariants.iter().enumerate().take(MOST_INVARIANTS) {
            if !rules.iter().any(|rule| rule.invariant == name) {
                let mut names: Vec<_> = self.rules.iter().map(|rule| rule.invariant).collect();
                names.dedup();
                let description =
                    format!("It is not checked here. Use some of {}.", names.join(", "));
                fields.wrong(
                    &format!("invariants[{index}]"),
                    Reason::INVARIANT_UNKNOWN,
                    description,
                );
            }
        }
        let list = format!("{} {}", message.parent, message.invariants.join(","));
        let page = Page::parse(fields, &list, 0, &message.page_token);
        Checked { tenant, rules, page }
    }

    /// Looks on from the page's place until the time of a call is over.
    pub(crate) async fn check_next_pieces(
        &self,
        pages: &PageSigner,
        checked: &Checked,
    ) -> Result<CheckResponse, AppError> {
        let until = Instant::now() + BUDGET;
        let token = pages.read(&checked.page.list, &checked.page.token)?;
        let mut place = token.as_deref().and_then(Place::parse).unwrap_or_default();
        let mut results: Vec<CheckedRule> = Vec::new();
        while let Some(rule) = checked.rules.get(place.rule) {
            let tenants = self.tenants(checked, rule, &place.tenant).await?;
            let Some(last_tenant) = tenants.last().cloned() else {
                // Also a rule that there are no rows for is one that was looked at.
                entry(&mut results, rule);
                place = Place { rule: place.rule.saturating_add(1), ..Place::default() };
                continue;
            };
            let begun = Instant::now();
            let all_rows = rule.pieces.map_or(1, |pieces| pieces.rows);
            let rows = if place.rows == 0 { all_rows } else { place.rows };
            let (first, end_of_all) = rule.all_keys();
            let after = if place.key.is_empty() { first } else { place.key.clone() };
            let looked = self.look(rule, &tenants, &after, rows).await?;
            let result = entry(&mut results, rule);
            let end = match looked {
                Looked::TooLong(_) if rows > 1 => {
                    place.rows = (rows / SMALLER).max(1);
                    None
                }
                Looked::TooLong(end) => {
                    let end = end.unwrap_or_else(|| end_of_all.clone());
                    result
                        .unchecked
                        .push(format!("tenants/{last_tenant}: {} after {after}", rule.subject));
                    Some(end)
                }
                Looked::Through(broken, end) => {
                    result.piece_count += 1;
                    result.broken_count += i64::try_from(broken.len()).unwrap_or_default();
                    let room = NAMED.saturating_sub(result.examples.len());
                    result.examples.extend(broken.into_iter().take(room));
                    Some(end)
                }
            };
            if let Some(end) = end {
                let tenant_done = end == end_of_all;
                place = Place {
                    rule: place.rule,
                    tenant: if tenant_done { last_tenant } else { place.tenant },
                    key: if tenant_done { String::new() } else { end },
                    rows: 0,
                };
            }
            add(&mut result.duration, begun.elapsed());
            if Instant::now() >= until {
                let next_page_token = pages.sign(&checked.page.list, &place.to_string());
                return Ok(CheckResponse { rules: results, next_page_token });
            }
        }
        Ok(CheckResponse { rules: results, next_page_token: String::new() })
    }

    /// The tenants that are looked through together, after one.
    async fn tenants(
        &self,
        checked: &Checked,
        rule: &Rule,
        after: &str,
    ) -> Result<Vec<String>, AppError> {
        if let Some(tenant) = &checked.tenant {
            return Ok(if after.is_empty() { vec![tenant.clone()] } else { Vec::new() });
        }
        let together = rule.pieces.is_some_and(|pieces| pieces.key_first) && self.db.is_postgres();
        tenants::list(&self.db, after, if together { TENANTS } else { 1 }).await
    }

    async fn look(
        &self,
        rule: &Rule,
        tenants: &[String],
        after: &str,
        rows: i64,
    ) -> Result<Looked, AppError> {
        let names: Vec<_> = tenants.iter().map(String::as_str).collect();
        let txn = self.db.read_all(&names).await?;
        if self.db.is_postgres() {
            txn.execute_unprepared(STATEMENT).await?;
        }
        let mut end = None;
        let looked = async {
            let until = rule.piece_end(&txn, tenants, after, rows).await?;
            end = Some(until.clone());
            let broken = rule.broken_in(&txn, tenants, after, &until).await?;
            Ok::<_, DbErr>((broken, until))
        };
        match looked.await {
            Ok((broken, until)) => {
                let named = broken
                    .into_iter()
                    .map(|broken| format!("tenants/{} {}", broken.tenant, broken.subject))
                    .collect();
                Ok(Looked::Through(named, until))
            }
            Err(error) if took_too_long(&error) => Ok(Looked::TooLong(end)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The result of a rule: rules come one after the other, so it is the last one or a new one.
fn entry<'a>(results: &'a mut Vec<CheckedRule>, rule: &Rule) -> &'a mut CheckedRule {
    let index =
        results.iter().position(|result| result.rule == rule.sentence).unwrap_or(results.len());
    if index == results.len() {
        results.push(CheckedRule {
            invariant: rule.invariant.to_owned(),
            rule: rule.sentence.to_owned(),
            ..CheckedRule::default()
        });
    }
    #[expect(clippy::indexing_slicing, reason = "it was found or pushed right here")]
    &mut results[index]
}

fn add(sum: &mut Option<prost_types::Duration>, time: Duration) {
    let before = sum.take().and_then(|sum| Duration::try_from(sum).ok()).unwrap_or_default();
    *sum = before.saturating_add(time).try_into().ok();
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_is_read_back() {
        for place in [
            Place::default(),
            Place { rule: 3, tenant: "acme".into(), key: String::new(), rows: 0 },
            Place { rule: 3, tenant: String::new(), key: "17".into(), rows: 5 },
        ] {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        assert_eq!(Place::parse("x"), None);
    }
}
