//! How often a mail is tried, and when that is over.

use super::{Mail, MailKind, MailState, Tried};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn mail(to: &[&str]) -> Mail {
    let to = to.iter().map(|text| (*text).to_owned()).collect();
    Mail::write(
        Id::from_uuid(Uuid::nil()),
        (MailKind::Receipt, None),
        to,
        (String::new(), String::new()),
        Vec::new(),
        NOW,
    )
}

#[test]
fn a_mail_is_tried_six_times_and_a_refusal_is_final() {
    let mut this_mail = mail(&["a@b.example"]);
    let pauses: Vec<_> = std::iter::from_fn(|| this_mail.tried(&Tried::Unreachable, NOW))
        .map(|at| (at - NOW).num_minutes())
        .collect();
    assert_eq!(
        (pauses, this_mail.state, this_mail.attempts),
        (vec![1, 5, 30, 120, 720], MailState::Failed, 6)
    );
    this_mail.retry(NOW).unwrap();
    assert_eq!(this_mail.tried(&Tried::Unreachable, NOW), Some(NOW + TimeDelta::minutes(1)));
    assert_eq!((this_mail.tried(&Tried::Refused, NOW), this_mail.state), (None, MailState::Failed));
    this_mail.retry(NOW).unwrap();
    this_mail.tried(&Tried::Sent, NOW);
    assert_eq!(
        (this_mail.state, this_mail.retry(NOW).unwrap_err().reason),
        (MailState::Sent, Reason::MAIL_STATE)
    );
    let nobody = mail(&[]);
    assert_eq!((nobody.state, nobody.failure.as_str()), (MailState::Failed, "NO_ADDRESS"));
}
