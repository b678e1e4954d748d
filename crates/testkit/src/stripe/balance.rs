//! Balance transactions, and what tests plant that the suite has not made.

use super::{
    StripeServer,
    state::{Answer, Command, State},
};
use serde_json::{Value, json};

/// What moved money: the charge of an intent that succeeded, a refund, or a dispute that is no
/// inquiry.
fn source(object: &Value) -> Option<Value> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
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
        return Some(object.clone());
    }
    Some(json!({
        "object": "charge", "id": format!("ch_{}", text("id")), "payment_intent": object["id"], "status": "succeeded",
        "amount": object["amount"], "amount_captured": object["amount_received"], "currency": object["currency"], "created": object["created"],
        "metadata": object["metadata"],
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
        let shown = |mut object: Value| {
            if !is_whole {
                object["source"] = object["source"]["id"].clone();
            }
            object
        };
        let all = self.transactions(account).into_iter().filter(|(object, of)| {
            (from..to).contains(&object["created"].as_i64().unwrap_or_default())
                && (payout.is_empty() || payout == of)
        });
        Self::cut(all.map(|(object, _)| shown(object)).collect(), command)
    }

    /// All balance transactions, newest first, and the payout of each.
    pub(super) fn transactions(&self, account: &str) -> Vec<(Value, String)> {
        let sources = self
            .objects
            .iter()
            .rev()
            .filter(|object| object.account == account)
            .filter_map(|object| source(&object.value));
        let with_payout = sources.map(|object| transaction(&object)).map(|object| {
            let of = self
                .paid_in
                .get(object["id"].as_str().unwrap_or_default())
                .cloned()
                .unwrap_or_default();
            (object, of)
        });
        with_payout.collect()
    }
}

impl StripeServer {
    /// Another charge with the marks of one, of which the suite knows nothing: its database was
    /// restored from a backup. Answers its id.
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
        let found = state.objects.iter().find(|object| object.id() == like).expect("a charge");
        let (account, mut value) = (found.account.clone(), found.value.clone());
        change(&mut value);
        state.add(&account, "pi", value)["id"].as_str().unwrap_or_default().to_owned()
    }

    /// The schedule of the account pays out all that is there, and so many cents more. Answers the
    /// payout's id.
    #[must_use]
    pub fn pay_out(&self, more: i64) -> String {
        let mut state = self.state();
        let fresh = state
            .transactions(super::ACCOUNT)
            .into_iter()
            .filter(|(_, of)| of.is_empty())
            .map(|(object, _)| object);
        let fresh: Vec<_> = fresh.collect();
        let net: i64 = fresh.iter().filter_map(|object| object["net"].as_i64()).sum();
        let payout = json!({
            "object": "payout", "status": "paid", "amount": net + more, "currency": "usd", "automatic": true,
            "arrival_date": State::now() + 172_800, "reconciliation_status": "completed",
        });
        let id =
            state.add(super::ACCOUNT, "po", payout)["id"].as_str().unwrap_or_default().to_owned();
        let taken = fresh
            .iter()
            .filter_map(|object| object["id"].as_str())
            .map(str::to_owned)
            .chain([format!("txn_{id}")]);
        for transaction in taken.collect::<Vec<_>>() {
            state.paid_in.insert(transaction, id.clone());
        }
        id
    }

    /// Pays another amount out.
    pub fn change_payout(&self, id: &str, cents: i64) {
        let mut state = self.state();
        let object = state.objects.iter_mut().find(|object| object.id() == id).expect("a payout");
        object.value["amount"] = cents.into();
    }

    /// The bank does not take a payout.
    pub fn fail_payout(&self, id: &str) {
        let mut state = self.state();
        let object = state.objects.iter_mut().find(|object| object.id() == id).expect("a payout");
        object.value["status"] = "failed".into();
    }

    /// Takes another amount by a charge than the suite has asked for.
    pub fn change_amount(&self, intent: &str, cents: i64) {
        let mut state = self.state();
        let object =
            state.objects.iter_mut().find(|object| object.id() == intent).expect("a charge");
        object.value["amount_received"] = cents.into();
    }

    /// Loses an object.
    pub fn forget(&self, id: &str) {
        self.state().objects.retain(|object| object.id() != id);
    }
}
