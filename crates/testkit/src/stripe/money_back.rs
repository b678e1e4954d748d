//! Refunds and disputes, and what the account lists of all that moved.

use super::{
    Card, StripeServer,
    state::{Answer, Command, State},
};
use serde_json::{Value, json};

fn number(value: &Value, name: &str) -> i64 {
    value[name].as_i64().unwrap_or_default()
}

/// Hundredths as a plain decimal; tests pay in currencies that have them.
fn plain(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

impl State {
    /// What has been given back of an intent, or is being.
    fn given_back(&self, intent: &str) -> i64 {
        let refunds =
            self.objects.iter().map(|object| &object.value).filter(|object| {
                object["object"] == "refund" && object["payment_intent"] == intent
            });
        refunds
            .filter(|object| object["status"] != "failed")
            .map(|object| number(object, "amount"))
            .sum()
    }

    pub(super) fn refund(&mut self, account: &str, command: &Command) -> Answer {
        let id = command.field("payment_intent").to_owned();
        let Some(intent) = self.find(account, "payment_intent", &id).cloned() else {
            return Answer::missing(404, "payment_intent");
        };
        let amount: i64 = command.field("amount").parse().unwrap_or_default();
        if intent["status"] != "succeeded" {
            return Answer::invalid("nothing to refund", Some("charge_not_captured"), None);
        }
        let is_disputed = |object: &Value| {
            object["object"] == "dispute"
                && object["payment_intent"] == id.as_str()
                && object["status"] != "won"
        };
        if self.objects.iter().any(|object| is_disputed(&object.value)) {
            return Answer::invalid("the issuer has it", Some("charge_disputed"), None);
        }
        if amount <= 0 || amount > number(&intent, "amount").saturating_sub(self.given_back(&id)) {
            return Answer::invalid(
                "more than is left",
                Some("charge_already_refunded"),
                Some("amount"),
            );
        }
        let status = match self.cards.get(intent["made_with"].as_str().unwrap_or_default()) {
            Some(Card::RefundFails) => "failed",
            Some(Card::RefundSlow) => "pending",
            _ => "succeeded",
        };
        let refund = json!({
            "object": "refund", "status": status, "amount": amount, "currency": intent["currency"], "payment_intent": id,
            "metadata": command.metadata(),
        });
        Answer::ok(self.add(account, "re", refund))
    }

    /// Shows the charges of disputes whole, by the kind of method that was charged.
    pub(super) fn with_charges(&mut self, account: &str, page: &mut Value) {
        for dispute in page["data"].as_array_mut().into_iter().flatten() {
            let intent = dispute["payment_intent"].as_str().unwrap_or_default().to_owned();
            let Some(made_with) = self
                .find(account, "payment_intent", &intent)
                .map(|intent| intent["made_with"].clone())
            else {
                continue;
            };
            let method =
                self.find(account, "payment_method", made_with.as_str().unwrap_or_default());
            let kind = method.map(|method| method["type"].clone()).unwrap_or_default();
            dispute["charge"] = json!({ "object": "charge", "id": format!("ch_{intent}"), "payment_method_details": { "type": kind } });
        }
    }

    pub(super) fn listed(&self, what: &str) -> Vec<Value> {
        let kind = match what {
            "charges" => "payment_intent",
            "refunds" => "refund",
            _ => "dispute",
        };
        let shown = |object: &Value| {
            let state = match object["status"].as_str().unwrap_or_default() {
                "needs_response" | "under_review" => "open",
                status => status,
            };
            json!({ "id": object["id"], "charge": object["payment_intent"], "amount": plain(number(object, "amount")), "state": state })
        };
        let inquiry =
            |object: &Value| object["status"].as_str().unwrap_or_default().starts_with("warning");
        self.objects
            .iter()
            .map(|object| &object.value)
            .filter(|object| object["object"] == kind && !inquiry(object))
            .map(shown)
            .collect()
    }
}

impl StripeServer {
    /// Stripe decides the refunds that it is at.
    pub fn decide_refunds(&self, status: &str) {
        let mut state = self.state();
        for object in state.objects.iter_mut().filter(|object| {
            object.value["object"] == "refund" && object.value["status"] == "pending"
        }) {
            object.value["status"] = status.into();
        }
    }

    /// An issuer disputes a charge, or asks about it with `warning_needs_response`. Answers the
    /// dispute.
    #[must_use]
    pub fn dispute(&self, intent: &str, cents: i64, status: &str) -> Value {
        let mut state = self.state();
        let found = state.objects.iter().find(|object| object.id() == intent).expect("a charge");
        let (account, currency) = (found.account.clone(), found.value["currency"].clone());
        let dispute = json!({
            "object": "dispute", "status": status, "amount": cents, "currency": currency, "payment_intent": intent,
            "reason": "fraudulent", "evidence_details": { "due_by": State::now() + 864_000 },
        });
        state.add(&account, "dp", dispute)
    }

    /// The network decides a dispute. Answers it.
    #[must_use]
    pub fn decide_dispute(&self, dispute: &Value, status: &str) -> Value {
        let mut state = self.state();
        let object = state
            .objects
            .iter_mut()
            .find(|object| object.value["id"] == dispute["id"])
            .expect("a dispute");
        object.value["status"] = status.into();
        object.value.clone()
    }

    /// Somebody gives a charge back in the dashboard.
    pub fn refund_by_hand(&self, intent: &str, cents: i64) {
        let mut state = self.state();
        let found = state.objects.iter().find(|object| object.id() == intent).expect("a charge");
        let (account, currency) = (found.account.clone(), found.value["currency"].clone());
        let refund = json!({
            "object": "refund", "status": "succeeded", "amount": cents, "currency": currency, "payment_intent": intent, "metadata": {},
        });
        state.add(&account, "re", refund);
    }
}
