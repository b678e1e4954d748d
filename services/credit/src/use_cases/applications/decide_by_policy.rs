//! The policy decides on a submitted application. Uploaded statements, and what a person has asked
//! for more of, go to a person with the policy's answer as advice.

use super::read_accounts::AccountsRead;
use crate::{
    bank_files::{account_count, booking_count, decode_linked, encode_linked, read_bank_file},
    commands::bank_files::{BankFile, Reading},
    holder_name::is_holder,
    store::{
        applications, bank_files, bank_links, customers, decisions, payment_history, policies,
    },
    use_cases::{
        advised_limits::save::publish_advised_limit,
        lines::{
            offer::new_line,
            save::{DrawChanges, publish_line},
        },
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, error::not_yet};
use payterms_credit_domain::{
    Advice, AdvisedLimit, Application, BankLink, FileKind, Outcome, Programme,
    bank::{BankData, Statement},
    decision::decide,
    line::Offer,
    link::broken,
};
use payterms_kernel::{Actor, Money, Reason, Refusal, calendar::day_in};
use sha2::{Digest, Sha256};

/// Decides on what was read of linked accounts and on what was uploaded; or gives the application
/// back, and answers why.
pub(super) async fn decide_by_policy(
    tx: &mut WriteTx,
    application: &mut Application,
    programme: &Programme,
    accounts: &AccountsRead,
) -> Result<Option<AppError>, AppError> {
    let tenant = tx.call().tenant.clone();
    let now = tx.now();
    match accounts {
        AccountsRead::Statements(statements) => {
            for (link, statements) in statements {
                let file = linked_file(link, statements, now)?;
                bank_files::insert(tx.conn(), &tenant, application.id, &file).await?;
            }
        }
        AccountsRead::Broken(link) => {
            let mut link = link.clone();
            link.break_up();
            bank_links::save(tx.conn(), &tenant, &link).await?;
            application.give_back(now);
            return Ok(Some(broken(&link.institution).into()));
        }
        AccountsRead::NotYet => {
            application.give_back(now);
            let message =
                "The bank is still collecting, or does not answer. Submit again in some minutes.";
            return Ok(Some(not_yet(Reason::BANK_DATA_NOT_READY, message)));
        }
    }
    let data = bank_data(tx, application, programme).await?;
    if data.coverage().accounts == 0 && !application.is_decided_by_sight() {
        application.give_back(now);
        let message = "Link an account, or upload a statement of one in the programme's currency, or a scan of it, first.";
        return Ok(Some(Refusal::precondition(Reason::BANK_DATA_REQUIRED, message).into()));
    }
    evaluate_policy(tx, application, programme, &data, now).await?;
    Ok(None)
}

/// What was read of a link, as a file of the application.
fn linked_file(
    link: &BankLink,
    statements: &[Statement],
    now: DateTime<Utc>,
) -> Result<BankFile, AppError> {
    let content = encode_linked(statements)?;
    Ok(BankFile {
        sha256: hex::encode(Sha256::digest(&content)),
        title: link.institution.clone(),
        kind: FileKind::Statement,
        size: i64::try_from(content.len()).unwrap_or(i64::MAX),
        content,
        reading: Reading::default(),
        format: String::new(),
        findings: Vec::new(),
        finding_count: 0,
        linked: true,
        accounts: account_count(statements),
        bookings: booking_count(statements),
        at: now,
    })
}

/// All that files and linked accounts hold; of attachments nothing is read.
async fn bank_data(
    tx: &WriteTx,
    application: &Application,
    programme: &Programme,
) -> Result<BankData, AppError> {
    let tenant = &tx.call().tenant;
    let mut statements: Vec<Statement> = Vec::new();
    let files = bank_files::of_application(tx.conn(), tenant, application.id, true).await?;
    for file in files.into_iter().filter(|file| file.kind == FileKind::Statement) {
        if file.linked {
            statements.extend(decode_linked(&file.content)?);
        } else {
            let uploaded_on = day_in(tx.time().zone, file.at);
            statements.extend(
                read_bank_file(tenant, &file.content, &file.reading, uploaded_on)?.statements,
            );
        }
    }
    let key = customers::name_key(tx.conn(), tenant, application.customer).await?;
    Ok(BankData::of(programme.currency, &statements, &|party| is_holder(tenant, &key, party)))
}

/// The policy's answer, stored with all that led to it, and what follows.
async fn evaluate_policy(
    tx: &mut WriteTx,
    application: &mut Application,
    programme: &Programme,
    data: &BankData,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let today = tx.today();
    let mut features = data.features(today);
    features.extend(
        payment_history::features(
            tx.conn(),
            &tenant,
            application.customer,
            programme.currency,
            today,
        )
        .await?,
    );
    let policy = policies::find(tx.conn(), &tenant, programme.policy).await?;
    let policy = policy
        .ok_or_else(|| AppError::Fault(format!("programme {} without a policy", programme.id)))?;
    let decided = decide(&policy.terms, &features, programme.cap.micros());
    application.was_answered();
    let (outcome, limit) = (decided.outcome, Money::from_micros(programme.currency, decided.limit));
    let reasons = decided.reasons.clone();
    match outcome {
        _ if application.goes_to_a_person() => application.refer(now),
        Outcome::Decline => application.decline(programme, reasons, now),
        Outcome::Refer => application.refer(now),
        Outcome::Approve => {
            let customer = customers::find(tx.conn(), &tenant, application.customer)
                .await?
                .ok_or_else(Refusal::not_found)?;
            let offer = Offer {
                limit,
                application: Some(application.id.uuid()),
                by: Actor::suite(),
                explanation: String::new(),
            };
            match new_line(tx, programme, &customer, offer).await {
                Ok(mut line) => {
                    application.approve(limit, line.id.uuid(), now);
                    let advised = (decided.advised > 0)
                        .then(|| Money::from_micros(programme.currency, decided.advised));
                    publish_line(tx, &mut line, DrawChanges { advised, ..DrawChanges::default() })
                        .await?;
                    if let Some(advised) = advised {
                        let advised_limit =
                            AdvisedLimit::of(tx.id(), &line, application, advised, now);
                        publish_advised_limit(tx, &advised_limit, &line).await?;
                    }
                }
                // What stands against a line now is for a person to look at.
                Err(AppError::Refused(refusal)) => {
                    tracing::info!(reason = refusal.reason.name(), "an approval goes to a person");
                    application.refer(now);
                }
                Err(error) => return Err(error),
            }
        }
    }
    applications::save(tx.conn(), &tenant, application, programme.currency).await?;
    let advice = Advice {
        policy: policy.id,
        features,
        cap: programme.cap,
        coverage: data.coverage(),
        decided,
        at: now,
    };
    decisions::insert(tx.conn(), &tenant, application, &advice).await
}
