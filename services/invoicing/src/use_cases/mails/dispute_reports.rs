//! What the tenant is mailed of a dispute (docs/domain/invoicing.md#disputes).

use super::{
    dispute_notices::{DisputeNotice, Item, Notice},
    write::{flag, write_to_tenant},
};
use crate::{documents::wording::Language, store::customers};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::MailKind;
use payterms_proto::wallet::v1::dispute::State;
use serde_json::{Value, json};

impl DisputeNotice {
    /// Its invoices as the tenant reads them: of an instalment what of it is open again, and its
    /// plan.
    fn reported_items(&self, language: Language, today: NaiveDate) -> Value {
        let shown = |item: &Item| {
            let plan = item.plan.as_ref().map(|plan| plan.name.clone()).unwrap_or_default();
            let open = item.open.map(|open| {
                if plan.is_empty() || self.notice == Notice::Won {
                    open
                } else {
                    item.again.min(open).unwrap_or(open)
                }
            });
            json!({
                "number": item.number,
                "open": open.map(|open| language.money(open)).unwrap_or_default(),
                "again": flag(self.notice != Notice::Won),
                "plan": plan,
                "next_date": self.next_day(item, today).filter(|_| item.plan.is_some()).map(|day| language.date(day)).unwrap_or_default(),
            })
        };
        self.items.iter().map(shown).collect::<Vec<_>>().into()
    }
}

/// The name of an outcome in the mail to the tenant; empty: none is known.
fn outcome_name(state: State) -> &'static str {
    match state {
        State::Won => "won",
        State::Lost => "lost",
        State::Open | State::Unspecified => "",
    }
}

/// Tells the tenant.
pub(super) async fn report_to_tenant(
    tx: &mut WriteTx,
    dispute_notice: &DisputeNotice,
) -> Result<(), AppError> {
    let language = Language::English;
    let buyer = customers::find(tx.conn(), &tx.call().tenant, dispute_notice.customer)
        .await?
        .map(|buyer| buyer.legal_name)
        .unwrap_or_default();
    let outcome = match dispute_notice.notice {
        Notice::Opened => "opened",
        Notice::Won => "won",
        Notice::Lost if dispute_notice.by_bank => "returned",
        Notice::Lost => "lost",
        Notice::Contradicted => "contradicted",
    };
    let items = dispute_notice.reported_items(language, tx.today());
    let variables = vec![
        ("buyer", buyer.into()),
        ("amount", language.money(dispute_notice.amount).into()),
        ("part_of", dispute_notice.part_of(language).into()),
        (
            "owed",
            dispute_notice
                .owed
                .filter(|_| dispute_notice.credit.is_positive())
                .map(|owed| language.money(owed))
                .unwrap_or_default()
                .into(),
        ),
        ("outcome", outcome.into()),
        ("dispute", dispute_notice.dispute.name.clone().into()),
        (
            "of",
            if dispute_notice.dispute.payment.is_empty() {
                &dispute_notice.dispute.top_up
            } else {
                &dispute_notice.dispute.payment
            }
            .clone()
            .into(),
        ),
        ("charge", dispute_notice.provider_charge_id.clone().into()),
        ("state", outcome_name(dispute_notice.dispute.state()).into()),
        ("provider_outcome", outcome_name(dispute_notice.dispute.provider_outcome()).into()),
        ("explanation", dispute_notice.dispute.explanation.clone().into()),
        ("reason", language.dispute_reason(&dispute_notice.reason).into()),
        ("items", items),
        ("credit", dispute_notice.credit(language).into()),
        ("tax", language.money_or_nothing(dispute_notice.tax).into()),
        ("documents", dispute_notice.numbers.clone().into()),
        (
            "evidence_due",
            dispute_notice
                .evidence_due
                .filter(|_| dispute_notice.notice == Notice::Opened)
                .map(|day| language.date(day))
                .unwrap_or_default()
                .into(),
        ),
    ];
    write_to_tenant(tx, MailKind::DisputeReported, variables).await
}
