//! `PaymentIntents`.

use super::{
    Card, StripeServer,
    pages::currency_of,
    state::{Answer, Command, State},
};
use serde_json::{Value, json};

/// The least amount that is charged.
const LEAST: i64 = 50;
/// Currencies with three digits after the point, of which the last must be 0.
const THREE_DIGITS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

fn unexpected_state() -> Answer {
    Answer::invalid(
        "its status allows no such thing",
        Some("payment_intent_unexpected_state"),
        None,
    )
}

fn card_error(code: &str, decline_code: &str) -> Value {
    json!({ "type": "card_error", "code": code, "decline_code": decline_code, "message": "Your card was declined." })
}

/// What becomes of a confirmed intent, and the error that is answered.
fn confirm(intent: &mut Value, card: Card) -> Option<Value> {
    let error = match card {
        Card::Declined(decline_code) => card_error("card_declined", decline_code),
        Card::Authenticates => card_error("authentication_required", "authentication_required"),
        Card::RequiresAction => {
            intent["status"] = "requires_action".into();
            return None;
        }
        Card::Slow | Card::Account => {
            intent["status"] = "processing".into();
            return None;
        }
        Card::Good | Card::Discover | Card::RefundFails | Card::RefundSlow => {
            succeed(intent);
            return None;
        }
    };
    decline(intent, &error);
    Some(error)
}

fn succeed(intent: &mut Value) {
    intent["status"] = "succeeded".into();
    intent["amount_received"] = intent["amount"].clone();
}

fn decline(intent: &mut Value, error: &Value) {
    intent["status"] = "requires_payment_method".into();
    intent["payment_method"] = Value::Null;
    intent["last_payment_error"] = error.clone();
}

impl State {
    pub(super) fn create_intent(&mut self, account: &str, command: &Command) -> Answer {
        let (customer, method) = (command.field("customer"), command.field("payment_method"));
        let Ok(amount) = command.field("amount").parse::<i64>() else {
            return Answer::invalid("amount", None, Some("amount"));
        };
        if amount < LEAST {
            return Answer::invalid("amount", Some("amount_too_small"), Some("amount"));
        }
        if THREE_DIGITS.contains(&command.field("currency")) && amount % 10 != 0 {
            return Answer::invalid(
                "the last digit must be 0",
                Some("parameter_invalid_integer"),
                Some("amount"),
            );
        }
        if self.find(account, "customer", customer).is_none() {
            return Answer::missing(400, "customer");
        }
        let Some(found) = self
            .find(account, "payment_method", method)
            .filter(|method| method["customer"] == customer)
        else {
            return Answer::missing(400, "payment_method");
        };
        let kind = found["type"].as_str().unwrap_or_default();
        if command.field("payment_method_types[]") != kind {
            return Answer::invalid(
                "the method is of another kind",
                Some("payment_intent_invalid_parameter"),
                Some("payment_method"),
            );
        }
        if currency_of(kind).is_some_and(|currency| currency != command.field("currency")) {
            return Answer::invalid(
                "the scheme has another currency",
                Some("parameter_invalid"),
                Some("currency"),
            );
        }
        let intent = json!({
            "object": "payment_intent", "status": "requires_confirmation", "amount": amount, "amount_received": 0,
            "currency": command.field("currency"), "customer": customer, "payment_method": method, "metadata": command.metadata(),
            "last_payment_error": null, "cancellation_reason": null, "made_with": method,
        });
        Answer::ok(self.add(account, "pi", intent))
    }

    pub(super) fn intent(&mut self, account: &str, id: &str) -> Answer {
        self.find(account, "payment_intent", id)
            .map_or_else(|| Answer::missing(404, "intent"), |intent| Answer::ok(intent.clone()))
    }

    pub(super) fn list_intents(&self, account: &str, command: &Command) -> Answer {
        let since: i64 = command.field("created[gte]").parse().unwrap_or_default();
        let fits = |object: &Value| {
            object["customer"] == command.field("customer")
                && object["created"].as_i64().unwrap_or_default() >= since
        };
        self.page(account, "payment_intent", command, fits)
    }

    /// Whether a bank may be debited with nobody present: cards always, accounts by the mandate
    /// that was given on the page.
    fn has_mandate(&mut self, account: &str, method: &str) -> bool {
        let is_card = self
            .find(account, "payment_method", method)
            .is_some_and(|method| method["type"] == "card");
        let mandates = self
            .objects
            .iter()
            .map(|object| &object.value)
            .filter(|object| object["object"] == "mandate");
        is_card
            || mandates
                .into_iter()
                .any(|mandate| mandate["payment_method"] == method && mandate["status"] == "active")
    }

    pub(super) fn confirm_intent(&mut self, account: &str, id: &str, command: &Command) -> Answer {
        let cards = self.cards.clone();
        let Some(intent) = self.find(account, "payment_intent", id) else {
            return Answer::missing(404, "intent");
        };
        let method = intent["payment_method"].as_str().unwrap_or_default().to_owned();
        if intent["status"] == "requires_confirmation"
            && !(command.field("off_session") == "true" && self.has_mandate(account, &method))
        {
            return Answer::invalid(
                "no mandate",
                Some("payment_intent_mandate_invalid"),
                Some("payment_method"),
            );
        }
        let Some(intent) = self.find(account, "payment_intent", id) else {
            return Answer::missing(404, "intent");
        };
        if intent["status"] != "requires_confirmation" {
            return unexpected_state();
        }
        let card = cards
            .get(intent["payment_method"].as_str().unwrap_or_default())
            .copied()
            .unwrap_or(Card::Declined("generic_decline"));
        match confirm(intent, card) {
            None => Answer::ok(intent.clone()),
            Some(mut error) => {
                error["payment_intent"] = intent.clone();
                Answer { status: 402, body: json!({ "error": error }) }
            }
        }
    }

    pub(super) fn cancel_intent(&mut self, account: &str, id: &str, command: &Command) -> Answer {
        let Some(intent) = self.find(account, "payment_intent", id) else {
            return Answer::missing(404, "intent");
        };
        if ["succeeded", "canceled", "processing"].iter().any(|status| intent["status"] == *status)
        {
            return unexpected_state();
        }
        intent["status"] = "canceled".into();
        intent["cancellation_reason"] =
            Some(command.field("cancellation_reason")).filter(|reason| !reason.is_empty()).into();
        Answer::ok(intent.clone())
    }
}

impl StripeServer {
    /// The network decides all charges that it is at: they succeed, or are declined with a code.
    pub fn settle(&self, declined: Option<&str>) {
        let mut state = self.state();
        for object in state.objects.iter_mut().filter(|object| {
            object.value["object"] == "payment_intent" && object.value["status"] == "processing"
        }) {
            match declined {
                None => succeed(&mut object.value),
                Some(code) => decline(&mut object.value, &card_error("card_declined", code)),
            }
        }
    }
}
