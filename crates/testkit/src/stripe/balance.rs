//! Balance transactions, and what tests plant that the suite has not made.

use super::{
    StripeServer,
    state::{Answer, Command, State},
};
use serde_json::{Value, json};

/// What moved money: the charge of an intent that succeeded, a refund, or a dispute that is no inquiry.
fn source(own: &Value) -> Option<Value> {
    let text = |name: &str| own[name].as_str().unwrap_or_default();
    let moves = match text("object") {
        "payment_intent" => text("status") == "succeeded",
        "refund" => text("status") != "pending",
        "dispute" => !text("status").starts_with("warning"),
        "payout" => true,
        _ => false,
    };
    if !moves {
        return None;
    }
    if text("object") != "payment_intent" {
        return Some(own.clone());
    }
    Some(json!({
        "object": "charge", "id": format!("ch_{}", text("id")), "payment_intent": own["id"], "status": "succeeded",
        "amount": own["amount"], "amount_captured": own["amount_received"], "currency": own["currency"], "created": own["created"],
        "metadata": own["metadata"],
    }))
}

/// What Stripe keeps of a charge: 2.9 % and 30 cents; of a dispute: 15.00.
fn fee(source: &Value) -> i64 {
    match source["object"].as_str().unwrap_or_default() {
        "charge" => source["amount_captured"].as_i64().unwrap_or_default() * 29 / 1_000 + 30,
        "dispute" => 1_500,
        _ => 0,
    }
}

/// The balance transaction of what moved money.
fn transaction(source: &Value) -> Value {
    let (sign, category) = match source["object"].as_str().unwrap_or_default() {
        "charge" => (1, "charge"),
        "refund" => (-1, "refund"),
        "payout" => (-1, "payout"),
        _ => (-1, "dispute"),
    };
    let taken = if category == "charge" { &source["amount_captured"] } else { &source["amount"] };
    let (amount, fee) = (sign * taken.as_i64().unwrap_or_default(), fee(source));
    // The balance is in the currency of the account, whatever the customer has paid in.
    json!({ "object": "balance_transaction", "id": format!("txn_{}", source["id"].as_str().unwrap_or_default()), "currency": "usd",
        "amount": amount, "fee": fee, "net": amount - fee, "created": source["created"], "available_on": source["created"],
        "reporting_category": category, "source": source })
}

impl State {
    /// A page of balance transactions, newest first.
    pub(super) fn list_balance(&self, account: &str, command: &Command) -> Answer {
        let bound = |name: &str, other: i64| command.field(name).parse().unwrap_or(other);
        let (from, to) = (bound("created[gte]", 0), bound("created[lt]", i64::MAX));
        let is_whole = command.expands("data.source");
        let payout = command.field("payout");
        let shown = |mut own: Value| {
            if !is_whole {
                own["source"] = own["source"]["id"].clone();
            }
            own
        };
        let all = self
            .transactions(account)
            .into_iter()
            .filter(|(own, of)| (from..to).contains(&own["created"].as_i64().unwrap_or_default()) && (payout.is_empty() || payout == of));
        Self::cut(all.map(|(own, _)| shown(own)).collect(), command)
    }

    /// All balance transactions, newest first, and the payout of each.
    pub(super) fn transactions(&self, account: &str) -> Vec<(Value, String)> {
        let own = self.objects.iter().rev().filter(|own| own.account == account).filter_map(|own| source(&own.value));
        let with_payout = own.map(|own| transaction(&own)).map(|own| {
            let of = self.paid_in.get(own["id"].as_str().unwrap_or_default()).cloned().unwrap_or_default();
            (own, of)
        });
        with_payout.collect()
    }
}

impl StripeServer {
    /// Another charge with the marks of one, of which the suite knows nothing: its database was restored from a backup. Answers its id.
    #[must_use]
    pub fn charge_by_hand(&self, like: &str) -> String {
        self.charge_like(like, |_| ())
    }

    /// A charge by something else than the suite, in a currency that the suite does not have.
    pub fn charge_elsewhere(&self, like: &str) {
        let _ = self.charge_like(like, |charge| {
            charge["metadata"] = json!({});
            charge["currency"] = "xxq".into();
        });
    }

    fn charge_like(&self, like: &str, change: impl Fn(&mut Value)) -> String {
        let mut state = self.state();
        let found = state.objects.iter().find(|own| own.id() == like).expect("a charge");
        let (account, mut value) = (found.account.clone(), found.value.clone());
        change(&mut value);
        state.add(&account, "pi", value)["id"].as_str().unwrap_or_default().to_owned()
    }

    /// The schedule of the account pays out all that is there, and so many cents more. Answers the payout's id.
    #[must_use]
    pub fn pay_out(&self, more: i64) -> String {
        let mut state = self.state();
        let fresh = state.transactions(super::ACCOUNT).into_iter().filter(|(_, of)| of.is_empty()).map(|(own, _)| own);
        let fresh: Vec<_> = fresh.collect();
        let net: i64 = fresh.iter().filter_map(|own| own["net"].as_i64()).sum();
        let payout = json!({
            "object": "payout", "status": "paid", "amount": net + more, "currency": "usd", "automatic": true,
            "arrival_date": State::now() + 172_800, "reconciliation_status": "completed",
        });
        let id = state.add(super::ACCOUNT, "po", payout)["id"].as_str().unwrap_or_default().to_owned();
        let taken = fresh.iter().filter_map(|own| own["id"].as_str()).map(str::to_owned).chain([format!("txn_{id}")]);
        for transaction in taken.collect::<Vec<_>>() {
            state.paid_in.insert(transaction, id.clone());
        }
        id
    }

    /// Pays another amount out.
    pub fn change_payout(&self, id: &str, cents: i64) {
        let mut state = self.state();
        let own = state.objects.iter_mut().find(|own| own.id() == id).expect("a payout");
        own.value["amount"] = cents.into();
    }

    /// The bank does not take a payout.
    pub fn fail_payout(&self, id: &str) {
        let mut state = self.state();
        let own = state.objects.iter_mut().find(|own| own.id() == id).expect("a payout");
        own.value["status"] = "failed".into();
    }

    /// Takes another amount by a charge than the suite has asked for.
    pub fn change_amount(&self, intent: &str, cents: i64) {
        let mut state = self.state();
        let own = state.objects.iter_mut().find(|own| own.id() == intent).expect("a charge");
        own.value["amount_received"] = cents.into();
    }

    /// Loses an object.
    pub fn forget(&self, id: &str) {
        self.state().objects.retain(|own| own.id() != id);
    }
}
