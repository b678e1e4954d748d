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

impl State {
    /// A page of balance transactions, newest first.
    pub(super) fn list_balance(&self, account: &str, command: &Command) -> Answer {
        let bound = |name: &str, other: i64| command.field(name).parse().unwrap_or(other);
        let (from, to) = (bound("created[gte]", 0), bound("created[lt]", i64::MAX));
        let is_whole = command.fields.iter().any(|(name, value)| name.starts_with("expand") && value == "data.source");
        let transaction = |source: Value| {
            let shown = if is_whole { source.clone() } else { source["id"].clone() };
            json!({ "object": "balance_transaction", "id": format!("txn_{}", source["id"].as_str().unwrap_or_default()),
                "amount": source["amount"], "fee": 0, "created": source["created"], "source": shown })
        };
        let own = self.objects.iter().rev().filter(|own| own.account == account).filter_map(|own| source(&own.value));
        let all = own.map(transaction).filter(|own| (from..to).contains(&own["created"].as_i64().unwrap_or_default())).collect();
        Self::cut(all, command)
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
