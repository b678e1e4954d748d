//! `payterms verify`: asks every service to check what must always hold in its rows, and prints
//! what does not.

use crate::{
    Session,
    operate::{
        Outcome, Service,
        connection::ConnectionOptions,
        copies,
        output::{self, Output, json_of},
        sentence_of, shared,
    },
};
use clap::Args;
use payterms_proto::{
    common::v1::{CheckRequest, CheckedRule},
    invoicing::v1::GetTenantRequest,
};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tonic::Code;

/// How often a call is repeated that nobody answered.
const ATTEMPTS: u32 = 5;
/// The pause before it.
const PAUSE: Duration = Duration::from_secs(1);

/// Options of `verify`.
#[derive(Debug, Args)]
#[command(
    about = "Checks what must always hold in the rows of all services, such as that balances are the sums of their entries. It changes \
             nothing. Exit code 3: something does not hold, and is named; 4: a service or some of its rows could not be checked",
    after_help = "Example: payterms verify --tenant acme --invariant I1 --invariant I2"
)]
pub struct VerifyOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant whose rows are checked; all tenants' if not given.
    #[arg(long)]
    pub tenant: Option<String>,
    /// Service to check; may be given several times. All if not given.
    #[arg(long = "service", value_enum)]
    pub services: Vec<Service>,
    /// Invariant to check, such as `I1` (docs/operating.md); may be given several times. All if not
    /// given.
    #[arg(long = "invariant")]
    pub invariants: Vec<String>,
    /// How much of what breaks a rule is named; all is counted.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
}

/// What became of one service.
#[derive(Debug, Default)]
struct Verified {
    rules: Vec<CheckedRule>,
    /// Why the check of it ended early.
    failure: Option<String>,
}

impl Verified {
    fn outcome(&self) -> Outcome {
        if self.rules.iter().any(|rule| rule.broken_count > 0) {
            Outcome::Wrong
        } else if self.failure.is_some() || self.rules.iter().any(|rule| !rule.unchecked.is_empty())
        {
            Outcome::Incomplete
        } else {
            Outcome::Well
        }
    }

    /// Adds what one call looked at.
    fn add(&mut self, rule: CheckedRule, limit: usize) {
        let Some(sum) = self.rules.iter_mut().find(|sum| sum.rule == rule.rule) else {
            self.rules.push(CheckedRule {
                examples: rule.examples.iter().take(limit).cloned().collect(),
                ..rule
            });
            return;
        };
        sum.piece_count += rule.piece_count;
        sum.broken_count += rule.broken_count;
        let room = limit.saturating_sub(sum.examples.len());
        sum.examples.extend(rule.examples.into_iter().take(room));
        sum.unchecked.extend(rule.unchecked);
        let millis = millis(sum) + rule.duration.map_or(0, |time| millis_of(&time));
        sum.duration = Duration::from_millis(millis).try_into().ok();
    }
}

fn millis_of(time: &prost_types::Duration) -> u64 {
    u64::try_from(time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000).unwrap_or_default()
}

fn millis(rule: &CheckedRule) -> u64 {
    rule.duration.as_ref().map_or(0, millis_of)
}

/// Refuses a tenant that there is not: nothing of it could be wrong. Where invoicing does not
/// answer, the check says so itself.
async fn must_exist(session: &Session, slug: &str) -> Result<(), String> {
    let request = GetTenantRequest { name: format!("tenants/{slug}") };
    match session.tenants().get_tenant(request).await {
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => {
            Err(format!("There is no tenant {slug:?}."))
        }
        _ => Ok(()),
    }
}

/// The whole of the command.
///
/// # Errors
/// A sentence if no service could be asked.
pub async fn run(options: &VerifyOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    if let Some(slug) = &options.tenant {
        must_exist(&session, slug).await?;
    }
    let mut all = Vec::new();
    for service in Service::chosen(&options.services) {
        let mut verified = check(&session, service, options).await;
        let is_wanted = |invariant: &str| {
            options.invariants.is_empty() || options.invariants.iter().any(|name| name == invariant)
        };
        let tenant = options.tenant.as_deref();
        let mut compared = Vec::new();
        if is_wanted(copies::INVARIANT) {
            compared.push(copies::compare(&session, service, tenant).await);
        }
        // After the copies: what is still on its way was waited for.
        if is_wanted(shared::INVARIANT) {
            compared.push(shared::compare(&session, service, tenant).await);
        }
        for rules in compared {
            match rules {
                Ok(rules) => rules.into_iter().for_each(|rule| verified.add(rule, options.limit)),
                Err(failure) => verified.failure = verified.failure.or(Some(failure)),
            }
        }
        all.push((service, verified));
    }
    let known: Vec<&str> = all
        .iter()
        .flat_map(|(_, verified)| &verified.rules)
        .map(|rule| rule.invariant.as_str())
        .collect();
    if let Some(unknown) = options.invariants.iter().find(|name| !known.contains(&name.as_str()))
        && all.iter().all(|(_, verified)| verified.failure.is_none())
    {
        return Err(format!(
            "no service checks the invariant {unknown}; docs/operating.md lists them"
        ));
    }
    match options.connection.output {
        Output::Json => output::print_json(&json(&all)?)?,
        Output::Table => print(&all)?,
    }
    let outcomes: Vec<_> = all.iter().map(|(_, verified)| verified.outcome()).collect();
    Ok([Outcome::Wrong, Outcome::Incomplete]
        .into_iter()
        .find(|outcome| outcomes.contains(outcome))
        .unwrap_or(Outcome::Well))
}

/// Checks one service, call after call.
async fn check(session: &Session, service: Service, options: &VerifyOptions) -> Verified {
    let mut verified = Verified::default();
    let mut request = CheckRequest {
        parent: options
            .tenant
            .as_ref()
            .map(|tenant| format!("tenants/{tenant}"))
            .unwrap_or_default(),
        invariants: options.invariants.clone(),
        page_token: String::new(),
    };
    let mut attempt = 0;
    loop {
        match session.operations(service.name()).check(request.clone()).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                attempt = 0;
                for rule in answer.rules {
                    verified.add(rule, options.limit);
                }
                if answer.next_page_token.is_empty() {
                    return verified;
                }
                request.page_token = answer.next_page_token;
            }
            // Each service has its own invariants: what it has none of is looked for elsewhere.
            Err(status)
                if status.code() == Code::InvalidArgument
                    && request.page_token.is_empty()
                    && narrowed(&mut request, &status) =>
            {
                if request.invariants.is_empty() {
                    return verified;
                }
            }
            Err(status)
                if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted)
                    && attempt < ATTEMPTS =>
            {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(status) => {
                verified.failure = Some(sentence_of(service.name(), &status));
                return verified;
            }
        }
    }
}

/// Leaves out the invariants that a service does not check. Returns false if the refusal is about
/// something else.
fn narrowed(request: &mut CheckRequest, status: &tonic::Status) -> bool {
    use tonic_types::StatusExt;
    let violations =
        status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    if violations.is_empty()
        || violations.iter().any(|violation| violation.reason != "INVARIANT_UNKNOWN")
    {
        return false;
    }
    let unknown: Vec<_> = violations.iter().map(|violation| violation.field.clone()).collect();
    let mut index = 0;
    request.invariants.retain(|_| {
        let field = format!("invariants[{index}]");
        index += 1;
        !unknown.contains(&field)
    });
    true
}

fn json(all: &[(Service, Verified)]) -> Result<Value, String> {
    let service = |(service, verified): &(Service, Verified)| {
        let rules = verified.rules.iter().map(json_of).collect::<Result<Vec<_>, _>>()?;
        let outcome = match verified.outcome() {
            Outcome::Well => "HOLDS",
            Outcome::Wrong => "BROKEN",
            Outcome::Incomplete => "INCOMPLETE",
        };
        Ok::<_, String>(
            json!({ "service": service.name(), "outcome": outcome, "failure": verified.failure, "rules": rules }),
        )
    };
    Ok(json!({ "services": all.iter().map(service).collect::<Result<Vec<_>, _>>()? }))
}

fn print(all: &[(Service, Verified)]) -> Result<(), String> {
    let mut rows = Vec::new();
    for (service, verified) in all {
        for rule in &verified.rules {
            let outcome = match (rule.broken_count, rule.unchecked.is_empty()) {
                (0, true) => "holds".to_owned(),
                (0, false) => "not all checked".to_owned(),
                (count, _) => format!("BROKEN by {count}"),
            };
            let time = format!("{} ms", millis(rule));
            rows.push(vec![
                service.name().to_owned(),
                rule.invariant.clone(),
                outcome,
                time,
                rule.rule.clone(),
            ]);
        }
    }
    output::print_table(
        &["service", "invariant", "outcome", "time", "rule"],
        rows,
        "Nothing was checked.",
    )?;
    for (service, verified) in all {
        for rule in &verified.rules {
            for broken in &rule.examples {
                output::line(&format!(
                    "{} {} breaks: {} ({})",
                    service.name(),
                    rule.invariant,
                    output::plain(broken),
                    rule.rule
                ))?;
            }
            let unnamed =
                rule.broken_count - i64::try_from(rule.examples.len()).unwrap_or_default();
            if unnamed > 0 {
                output::line(&format!(
                    "{} {} breaks: {unnamed} more ({})",
                    service.name(),
                    rule.invariant,
                    rule.rule
                ))?;
            }
            for unchecked in &rule.unchecked {
                output::line(&format!(
                    "{} {} not checked in time: {}",
                    service.name(),
                    rule.invariant,
                    output::plain(unchecked)
                ))?;
            }
        }
        if let Some(failure) = &verified.failure {
            output::line(&format!("not checked: {}", output::plain(failure)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Verified};
    use payterms_proto::common::v1::CheckedRule;

    #[test]
    fn what_calls_looked_at_is_added_up() {
        let rule = |broken: &[&str], millis: i32| CheckedRule {
            rule: "A rule.".into(),
            piece_count: 1,
            broken_count: i64::try_from(broken.len()).unwrap(),
            examples: broken.iter().map(|name| (*name).to_owned()).collect(),
            duration: Some(prost_types::Duration { seconds: 0, nanos: millis * 1_000_000 }),
            ..CheckedRule::default()
        };
        let mut verified = Verified::default();
        verified.add(rule(&[], 5), 2);
        assert_eq!(verified.outcome(), Outcome::Well);
        verified.add(rule(&["a", "b", "c"], 7), 2);
        verified.add(rule(&["d"], 0), 2);
        let sum = &verified.rules[0];
        assert_eq!(
            (sum.piece_count, sum.broken_count, sum.examples.as_slice()),
            (3, 4, &["a".to_owned(), "b".to_owned()][..])
        );
        assert_eq!((super::millis(sum), verified.outcome()), (12, Outcome::Wrong));
        let unreachable =
            Verified { failure: Some("wallet: UNAVAILABLE".into()), ..Verified::default() };
        assert_eq!(unreachable.outcome(), Outcome::Incomplete);
    }
}
