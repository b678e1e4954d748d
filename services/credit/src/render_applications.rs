//! Applications → messages of the contract.

use crate::{
    render::{customer_name, programme_name},
    render_policies::{decision, reason},
    store::applications::BankFile,
};
use payterms_chassis::{
    etag,
    render::{date, money, timestamp},
};
use payterms_credit_domain::{
    Advice, Application, ApplicationState, BankLink, LinkState,
    bank::{Coverage, Gap},
};
use payterms_kernel::TenantId;
use payterms_proto::credit::v1 as pb;

/// A state.
#[must_use]
pub fn state(state: ApplicationState) -> pb::credit_application::State {
    use pb::credit_application::State;
    match state {
        ApplicationState::Started => State::Started,
        ApplicationState::AwaitingBankData => State::AwaitingBankData,
        ApplicationState::Submitted => State::Submitted,
        ApplicationState::InReview => State::InReview,
        ApplicationState::MoreInformation => State::MoreInformation,
        ApplicationState::Approved => State::Approved,
        ApplicationState::Declined => State::Declined,
        ApplicationState::Withdrawn => State::Withdrawn,
        ApplicationState::Expired => State::Expired,
    }
}

/// What goes with an application.
#[derive(Debug, Default)]
pub struct Parts {
    /// Its files.
    pub files: Vec<BankFile>,
    /// The policy's answer.
    pub advice: Option<Advice>,
    /// Its links to banks.
    pub links: Vec<BankLink>,
}

/// A link; its page is for the customer alone.
#[must_use]
pub fn link(application: &str, own: &BankLink, as_customer: bool) -> pb::BankLink {
    use pb::bank_link::State;
    let state = match own.state {
        LinkState::Pending => State::Pending,
        LinkState::Linked => State::Linked,
        LinkState::Broken => State::Broken,
        LinkState::Expired => State::Expired,
        LinkState::Removed => State::Removed,
    };
    let url = if as_customer && own.state == LinkState::Pending { own.url.clone() } else { String::new() };
    pb::BankLink {
        name: format!("{application}/bankLinks/{}", own.id),
        state: state.into(),
        institution: own.institution.clone(),
        url,
        expire_time: Some(timestamp(own.expires_at)),
        create_time: Some(timestamp(own.created_at)),
    }
}

/// An application. Customers see the policy's answer once it is decided, without what would have passed, and not who
/// has claimed it.
#[must_use]
pub fn application(tenant: &TenantId, own: &Application, parts: &Parts, as_customer: bool) -> pb::CreditApplication {
    let customer = customer_name(tenant, own.customer);
    let decided = matches!(own.state, ApplicationState::Approved | ApplicationState::Declined);
    let advice = parts.advice.as_ref().filter(|_| !as_customer || decided).map(|advice| {
        let mut shown = decision(tenant, advice);
        if as_customer {
            shown.would_pass.clear();
            shown.points_lacking = 0;
        }
        shown
    });
    let file = |own: &BankFile| pb::BankFile {
        sha256: own.sha256.clone(),
        title: own.title.clone(),
        account_count: i32::try_from(own.accounts).unwrap_or(i32::MAX),
        booking_count: i32::try_from(own.bookings).unwrap_or(i32::MAX),
        create_time: Some(timestamp(own.at)),
        linked: own.linked,
    };
    let name = format!("{customer}/creditApplications/{}", own.id);
    pb::CreditApplication {
        links: parts.links.iter().map(|own| link(&name, own, as_customer)).collect(),
        name,
        programme: programme_name(tenant, own.programme),
        state: state(own.state).into(),
        files: parts.files.iter().map(file).collect(),
        bank_data: parts.advice.as_ref().map(|advice| summary(&advice.coverage)),
        advice,
        limit: own.limit.map(money),
        reasons: own.reasons.iter().map(reason).collect(),
        explanation: own.explanation.clone(),
        reviewer: if as_customer { String::new() } else { own.reviewer.clone() },
        credit_line: own.line.map(|line| format!("{customer}/creditLines/{line}")).unwrap_or_default(),
        reapply_time: own.reapply_at.map(timestamp),
        expire_time: own.expires_at.map(timestamp),
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
        etag: etag::etag(own.version),
    }
}

fn summary(own: &Coverage) -> pb::BankSummary {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let gap = |own: &Gap| pb::BankGap { account: count(own.account), from_date: Some(date(own.from)), to_date: Some(date(own.to)) };
    pb::BankSummary {
        account_count: count(own.accounts),
        ignored_count: count(own.ignored),
        until_date: own.until.map(date),
        gaps: own.gaps.iter().map(gap).collect(),
    }
}
