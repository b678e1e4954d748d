//! What is mailed of disputes, to the customer and to the tenant
//! (docs/domain/invoicing.md#disputes).

use super::{
    dispute_reports::report_to_tenant,
    write::{Letter, flag, method, write_to_customer},
};
use crate::{
    documents::wording::Language,
    store::{disputes, tenants},
    use_cases::{collections::follow_method::last_day, plans::outlook::PlanPart},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Customer, MailKind, mail::Attachment};
use payterms_kernel::{Id, Money, calendar::day_in, money::MoneyError};
use payterms_proto::wallet::v1::{self as pb, PaymentMethod};
use prost::Message;
use serde_json::{Value, json};
use uuid::Uuid;

/// What has become of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It is open.
    Opened,
    /// It is won.
    Won,
    /// It is lost.
    Lost,
    /// The provider has decided otherwise than a person had; only the tenant is told.
    Contradicted,
}

/// How an invoice stands that is open because of it.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its number.
    pub number: String,
    /// What is open again because of the dispute.
    pub again: Money,
    /// What is open in all; none: nothing.
    pub open: Option<Money>,
    /// The day on which it is collected by itself.
    pub collected_on: Option<NaiveDate>,
    /// The day by which its customer is to pay it where it is not; none where that is over.
    pub pay_by: Option<NaiveDate>,
    /// The payment plan that takes what is open.
    pub plan: Option<PlanPart>,
}

impl Item {
    /// Whether nobody is to pay anything: it is collected from a method that can be charged then.
    fn is_collected_from(&self, method: Option<&PaymentMethod>) -> bool {
        self.collected_on
            .is_some_and(|day| method.is_some_and(|payment_method| day <= last_day(payment_method)))
    }

    /// Whether a customer who reads only this has something to do for it, now that it is lost.
    fn is_to_pay(&self, method: Option<&PaymentMethod>) -> bool {
        self.open.is_some() && !self.is_collected_from(method)
    }
}

/// What is told of a dispute.
#[derive(Debug, Clone)]
pub struct DisputeNotice {
    /// What has become of it.
    pub notice: Notice,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The dispute's id.
    pub id: Uuid,
    /// How much was taken back.
    pub amount: Money,
    /// How much was charged.
    pub charged: Money,
    /// What the wallet owes now; none: nothing.
    pub owed: Option<Money>,
    /// What of the credit that is there again paid what was owed.
    pub paid_owed: Option<Money>,
    /// What was paid otherwise while it was open, and is given back as credit.
    pub paid_otherwise: Option<Money>,
    /// The dispute, as the wallet has it.
    pub dispute: pb::Dispute,
    /// The provider's id of the charge.
    pub provider_charge_id: String,
    /// Until when auto-recharge waits because of it; none where there is none, or it does not wait.
    pub recharge_from: Option<DateTime<Utc>>,
    /// The part that was credit.
    pub credit: Money,
    /// The part that was tax of a purchase.
    pub tax: Money,
    /// The last day on which the credit can be used that is given back; none where it does not
    /// expire.
    pub usable_until: Option<NaiveDate>,
    /// The numbers of the credit notes or of the receipt that were issued because of it.
    pub numbers: Vec<String>,
    /// The provider's code.
    pub reason: String,
    /// Whether a bank has returned a debit.
    pub by_bank: bool,
    /// The day until which the provider takes evidence.
    pub evidence_due: Option<NaiveDate>,
    /// What was charged.
    pub method: Option<PaymentMethod>,
    /// What is charged without a person present from now on.
    pub collection_method: Option<PaymentMethod>,
    /// Its invoices.
    pub items: Vec<Item>,
    /// Documents.
    pub attachments: Vec<Attachment>,
}

/// The documents of the dispute of a purchase.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// What is attached.
    pub attachments: Vec<Attachment>,
    /// Their numbers.
    pub numbers: Vec<String>,
    /// The last day on which the credit of a receipt can be used.
    pub usable_until: Option<NaiveDate>,
}

impl DisputeNotice {
    /// With documents, and their numbers.
    #[must_use]
    pub fn with(self, documents: Documents) -> Self {
        Self {
            attachments: documents.attachments,
            numbers: documents.numbers,
            usable_until: documents.usable_until,
            ..self
        }
    }

    /// The next instalment of an item's plan, with the day that is true: none while the dispute is
    /// open, since nobody knows it, and none that is over.
    pub(super) fn next_day(&self, item: &Item, today: NaiveDate) -> Option<NaiveDate> {
        let due = item.plan.as_ref().and_then(|plan| plan.next).map(|next| next.due);
        let day = match self.notice {
            Notice::Opened | Notice::Contradicted => None,
            Notice::Won => due,
            Notice::Lost => item.collected_on.or(item.pay_by),
        };
        day.filter(|day| *day >= today)
    }

    fn items(&self, language: Language, today: NaiveDate) -> Value {
        let shown = |item: &Item| {
            let money = |amount: Option<Money>| {
                amount.map(|amount| language.money(amount)).unwrap_or_default()
            };
            let date =
                |day: Option<NaiveDate>| day.map(|day| language.date(day)).unwrap_or_default();
            match self.notice {
                Notice::Opened => {
                    json!({ "number": item.number, "open": money(item.open.and(Some(item.again))), "in_plan": flag(item.plan.is_some()) })
                }
                Notice::Lost => json!({
                    "number": item.number,
                    "open": money(item.open),
                    "again": money(Some(item.again).filter(|_| item.plan.is_some())),
                    "date": date(item.collected_on),
                    "no_method": flag(!item.is_collected_from(self.collection_method.as_ref())),
                    "pay_by": date(item.pay_by),
                }),
                Notice::Won | Notice::Contradicted => {
                    let next = item.plan.as_ref().and_then(|plan| plan.next);
                    json!({
                        "number": item.number,
                        "open": money(item.open),
                        "next_amount": money(next.map(|next| next.unpaid)),
                        "next_date": date(self.next_day(item, today)),
                    })
                }
            }
        };
        self.items.iter().map(shown).collect::<Vec<_>>().into()
    }

    /// Which words say what is charged without a person present now that it is won.
    /// `is_disputed_otherwise`: another payment by the method is disputed still.
    fn charging_when_won(&self, is_disputed_otherwise: bool) -> &'static str {
        let is_charged_back =
            self.method.as_ref().is_none_or(|payment_method| payment_method.charged_back);
        match &self.collection_method {
            Some(_) if self.is_charged_again() => "again",
            Some(_) if !is_charged_back => "choose",
            Some(_) => "new",
            None if is_charged_back && is_disputed_otherwise => "disputed",
            None => "none",
        }
    }

    /// Which words say what is charged without a person present now that it is lost: none that seem
    /// to say that a card pays what is to be paid by hand, and a missing method once.
    fn charging_when_lost(&self) -> &'static str {
        let method = self.collection_method.as_ref();
        let is_to_pay = self.items.iter().any(|item| item.is_to_pay(method));
        let is_collected =
            self.items.iter().any(|item| item.open.is_some() && item.is_collected_from(method));
        let says_no_method =
            self.items.iter().any(|item| item.is_to_pay(method) && item.collected_on.is_some());
        match method {
            Some(_) if is_to_pay && !is_collected => "else",
            Some(_) => "new",
            None if says_no_method => "said",
            None => "none",
        }
    }

    /// Whether the method that was charged is the one that is charged without a person present.
    fn is_charged_again(&self) -> bool {
        let name = |payment_method: &Option<PaymentMethod>| {
            payment_method.as_ref().map(|payment_method| payment_method.name.clone())
        };
        self.collection_method.is_some() && name(&self.collection_method) == name(&self.method)
    }

    /// The whole charge where a part of it is disputed.
    pub(super) fn part_of(&self, language: Language) -> String {
        if self.charged == self.amount { String::new() } else { language.money(self.charged) }
    }

    /// The part that was credit, in words; empty where there was none.
    pub(super) fn credit(&self, language: Language) -> String {
        language.money_or_nothing(self.credit)
    }

    /// The credit that is left in the balance, where some of what is there again has paid what was
    /// owed.
    fn credit_left(&self) -> Result<Money, MoneyError> {
        let paid = self
            .paid_owed
            .map_or(Ok(Money::zero(self.credit.currency())), |paid| paid.min(self.credit))?;
        self.credit.minus(paid)
    }
}

/// The other disputes of a customer that are open, as the wallet told of them when it did last.
async fn others_open(
    tx: &WriteTx,
    customer: Id<Customer>,
    but: Option<Uuid>,
) -> Result<Vec<pb::DisputeChanged>, AppError> {
    let open = disputes::open_of(tx.conn(), &tx.call().tenant, customer).await?;
    let events = open
        .iter()
        .filter(|dispute| Some(dispute.id.uuid()) != but)
        .map(|dispute| pb::DisputeChanged::decode(dispute.event.as_slice()));
    Ok(events.collect::<Result<_, _>>()?)
}

/// Whether an open dispute has told a customer already that nothing is charged without a person
/// present until it is decided.
pub(super) async fn waits_for_a_dispute(
    tx: &WriteTx,
    customer: Id<Customer>,
) -> Result<bool, AppError> {
    Ok(others_open(tx, customer, None).await?.iter().any(|dispute_changed| {
        dispute_changed.payment_method.is_some() && dispute_changed.collection_method.is_none()
    }))
}

impl DisputeNotice {
    /// What the mail of one that is won says beside the rest.
    fn when_won(
        &self,
        language: Language,
        is_disputed_otherwise: bool,
    ) -> [(&'static str, Value); 4] {
        let money = |amount: Option<Money>| {
            amount.map(|amount| language.money(amount)).unwrap_or_default().into()
        };
        let until = self.usable_until.map(|day| language.date(day)).unwrap_or_default();
        [
            ("credit_until", until.into()),
            ("paid_owed", money(self.paid_owed)),
            ("paid_otherwise", money(self.paid_otherwise)),
            ("charging", self.charging_when_won(is_disputed_otherwise).into()),
        ]
    }

    /// What the mail of one that is lost says beside the rest.
    fn when_lost(&self, bank_details: &str) -> [(&'static str, Value); 4] {
        let is_open = self.items.iter().any(|item| item.open.is_some());
        let is_to_pay =
            self.items.iter().any(|item| item.is_to_pay(self.collection_method.as_ref()));
        [
            ("charging", self.charging_when_lost().into()),
            ("bank_details", if is_to_pay { bank_details.into() } else { "".into() }),
            ("by_bank", flag(self.by_bank).into()),
            ("is_open", flag(is_open).into()),
        ]
    }
}

/// Tells the customer and the tenant.
pub async fn mail_dispute(tx: &mut WriteTx, dispute_notice: DisputeNotice) -> Result<(), AppError> {
    report_to_tenant(tx, &dispute_notice).await?;
    let zone = tx.time().zone;
    let takes_credit = dispute_notice.credit.is_positive()
        && (dispute_notice.notice == Notice::Opened || dispute_notice.by_bank);
    // Without a method nothing is charged on that day either.
    let recharge_from = dispute_notice
        .recharge_from
        .filter(|_| takes_credit && dispute_notice.collection_method.is_some())
        .map(|at| day_in(zone, at));
    let owed = dispute_notice.owed.filter(|_| dispute_notice.credit.is_positive());
    let kind = match dispute_notice.notice {
        Notice::Opened => MailKind::DisputeOpened,
        Notice::Won => MailKind::DisputeWon,
        Notice::Lost => MailKind::DisputeLost,
        Notice::Contradicted => return Ok(()),
    };
    let (customer, attachments, today) =
        (dispute_notice.customer, dispute_notice.attachments.clone(), tx.today());
    let seller = tenants::find(tx.conn(), &tx.call().tenant).await?;
    let bank_details = seller.map(|tenant| tenant.business.bank_details).unwrap_or_default();
    let name = |payment_method: &Option<PaymentMethod>| {
        payment_method.as_ref().map(|payment_method| payment_method.name.clone())
    };
    let others = if dispute_notice.notice == Notice::Won {
        others_open(tx, customer, Some(dispute_notice.id)).await?
    } else {
        Vec::new()
    };
    let is_disputed_otherwise = others.iter().any(|dispute_changed| {
        dispute_changed.payment_method.is_some()
            && name(&dispute_changed.payment_method) == name(&dispute_notice.method)
    });
    let dispute_notice = if dispute_notice.notice == Notice::Won {
        DisputeNotice { credit: dispute_notice.credit_left()?, ..dispute_notice }
    } else {
        dispute_notice
    };
    let letter = Letter {
        kind,
        page: format!("/disputes/{}", dispute_notice.id),
        variables: |language: Language| {
            let mut variables = vec![
                ("amount", language.money(dispute_notice.amount).into()),
                ("part_of", dispute_notice.part_of(language).into()),
                ("method", method(language, dispute_notice.method.as_ref()).into()),
                ("items", dispute_notice.items(language, today)),
                ("credit", dispute_notice.credit(language).into()),
                ("tax", language.money_or_nothing(dispute_notice.tax).into()),
                ("documents", dispute_notice.numbers.clone().into()),
            ];
            let collected_by = dispute_notice
                .collection_method
                .as_ref()
                .map(|new| method(language, Some(new)))
                .unwrap_or_default();
            variables.push(("new_method", collected_by.into()));
            if dispute_notice.notice == Notice::Won {
                variables.extend(dispute_notice.when_won(language, is_disputed_otherwise));
                return variables;
            }
            variables
                .push(("owed", owed.map(|owed| language.money(owed)).unwrap_or_default().into()));
            variables.push((
                "recharge_from",
                recharge_from.map(|day| language.date(day)).unwrap_or_default().into(),
            ));
            if dispute_notice.notice == Notice::Opened {
                variables.push(("reason", language.dispute_reason(&dispute_notice.reason).into()));
                return variables;
            }
            variables.extend(dispute_notice.when_lost(&bank_details));
            variables
        },
        attachments,
    };
    write_to_customer(tx, customer, letter).await
}
