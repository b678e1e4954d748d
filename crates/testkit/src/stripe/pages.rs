//! Checkout Sessions that save a card, and the cards that a person may write there.

use super::{
    StripeServer,
    state::{Answer, Command, State},
};
use serde_json::{Value, json};

/// How a card behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// Charges and refunds succeed.
    Good,
    /// A brand that the suite does not take.
    Discover,
    /// The issuer declines, with this code of its own.
    Declined(&'static str),
    /// The issuer wants the cardholder to authenticate, and declines without.
    Authenticates,
    /// The same, by an intent that waits for the cardholder.
    RequiresAction,
    /// A charge is decided later.
    Slow,
    /// Charges succeed, refunds fail.
    RefundFails,
    /// Charges succeed, refunds are decided later.
    RefundSlow,
    /// A bank account, of which the bank decides days later.
    Account,
}

/// The currency in which accounts of a scheme are debited; none of what is no scheme.
pub(super) fn currency_of(scheme: &str) -> Option<&'static str> {
    match scheme {
        "sepa_debit" => Some("eur"),
        "bacs_debit" => Some("gbp"),
        "au_becs_debit" => Some("aud"),
        "us_bank_account" => Some("usd"),
        _ => None,
    }
}

impl State {
    pub(super) fn open_session(&mut self, account: &str, command: &Command) -> Answer {
        if command.field("mode") != "setup" {
            return Answer::invalid("only setup mode is known here", None, Some("mode"));
        }
        let urls = ["success_url", "cancel_url"];
        if let Some(wrong) = urls.into_iter().find(|name| !command.field(name).starts_with("http"))
        {
            return Answer::invalid("Not a valid URL", Some("url_invalid"), Some(wrong));
        }
        if self.find(account, "customer", command.field("customer")).is_none() {
            return Answer::missing(400, "customer");
        }
        let kind = command.field("payment_method_types[]");
        if kind != "card" && currency_of(kind).is_none() {
            return Answer::invalid("no such kind", None, Some("payment_method_types"));
        }
        let has_options = |name: &String| {
            name.strip_prefix("payment_method_options[").is_some_and(|rest| !rest.starts_with(kind))
        };
        if let Some(name) = command.fields.keys().find(|name| has_options(name)) {
            return Answer::invalid(
                "options of a kind that the page does not take",
                None,
                Some(name),
            );
        }
        let session = json!({
            "object": "checkout.session", "mode": "setup", "status": "open", "customer": command.field("customer"), "setup_intent": null,
            "payment_method_types": [kind],
            "success_url": command.field("success_url"), "cancel_url": command.field("cancel_url"), "metadata": command.metadata(),
        });
        let id =
            self.add(account, "cs_test", session)["id"].as_str().unwrap_or_default().to_owned();
        let url = format!("http://{}/c/pay/{id}", self.at);
        let Some(session) = self.find(account, "checkout.session", &id) else {
            return Answer::missing(404, "session");
        };
        session["url"] = url.into();
        Answer::ok(session.clone())
    }

    pub(super) fn session(&mut self, account: &str, id: &str, command: &Command) -> Answer {
        let Some(session) = self.find(account, "checkout.session", id).cloned() else {
            return Answer::missing(404, "session");
        };
        let is_expanded = command.expands("setup_intent.payment_method");
        let intent = session["setup_intent"].as_str().unwrap_or_default().to_owned();
        let mut shown = session;
        if let Some(mut intent) =
            self.find(account, "setup_intent", &intent).cloned().filter(|_| is_expanded)
        {
            let method = intent["payment_method"].as_str().unwrap_or_default().to_owned();
            intent["payment_method"] =
                self.find(account, "payment_method", &method).cloned().unwrap_or_default();
            if command.expands("setup_intent.mandate") {
                let mandate = intent["mandate"].as_str().unwrap_or_default().to_owned();
                intent["mandate"] =
                    self.find(account, "mandate", &mandate).cloned().unwrap_or_default();
            }
            shown["setup_intent"] = intent;
        }
        Answer::ok(shown)
    }
}

impl StripeServer {
    /// A person writes a card, or the account that the page asks for, on a hosted page. Answers
    /// where the browser goes, and the id of the session.
    #[must_use]
    pub fn save_card(&self, page: &str, card: Card) -> (String, String) {
        let id = page.rsplit('/').next().unwrap_or_default().to_owned();
        let mut state = self.state();
        let found = state
            .objects
            .iter()
            .find(|object| object.value["object"] == "checkout.session" && object.id() == id);
        let (account, page) =
            found.map(|object| (object.account.clone(), object.value.clone())).expect("a page");
        let (customer, kind) =
            (&page["customer"], page["payment_method_types"][0].as_str().unwrap_or_default());
        assert_eq!(kind == "card", card != Card::Account, "the page asks for a {kind}");
        let brand = if card == Card::Discover { "discover" } else { "visa" };
        let (shown, mandate) = if kind == "card" {
            (
                json!({ "brand": brand, "last4": "4242", "exp_month": 12, "exp_year": 2099 }),
                Value::Null,
            )
        } else {
            let mandate = json!({ "object": "mandate", "status": "active", "payment_method_details": { "type": kind, kind: { "reference": "REF-3000" } } });
            (json!({ "last4": "3000" }), state.add(&account, "mandate", mandate)["id"].clone())
        };
        let method = state.add(
            &account,
            "pm",
            json!({ "object": "payment_method", "customer": customer, "type": kind, kind: shown }),
        );
        let method = method["id"].as_str().unwrap_or_default().to_owned();
        state.cards.insert(method.clone(), card);
        if let Some(own) = state.find(&account, "mandate", mandate.as_str().unwrap_or_default()) {
            own["payment_method"] = method.clone().into();
        }
        let intent = json!({ "object": "setup_intent", "status": "succeeded", "customer": customer, "payment_method": method, "mandate": mandate });
        let intent = state.add(&account, "seti", intent)["id"].clone();
        let session = state.find(&account, "checkout.session", &id).expect("a page");
        session["status"] = "complete".into();
        session["setup_intent"] = intent;
        session["url"] = Value::Null;
        (session["success_url"].as_str().unwrap_or_default().to_owned(), id)
    }

    /// Customers end their mandates, at the bank or at Stripe.
    pub fn end_mandates(&self) {
        for object in
            self.state().objects.iter_mut().filter(|object| object.value["object"] == "mandate")
        {
            object.value["status"] = "inactive".into();
        }
    }

    /// Somebody deletes a customer in the dashboard, with its methods.
    pub fn delete_customers(&self) {
        self.state().objects.retain(|object| {
            object.value["object"] != "customer" && object.value["object"] != "payment_method"
        });
    }
}
