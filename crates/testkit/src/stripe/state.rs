//! What the stand-in knows: accounts, objects, keys. Requests are answered one after another.

use super::{ACCOUNT, Fault, KEY, parameters};
use payterms_kernel::{Clock, SystemClock};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};
use url::form_urlencoded;

/// A request.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) key: String,
}

impl Command {
    /// What must be the same for the same idempotency key.
    pub(super) fn words(&self) -> String {
        format!("{} {:?}", self.path, self.fields)
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether a part of the answer is asked for whole.
    pub(super) fn expands(&self, part: &str) -> bool {
        self.fields.iter().any(|(name, value)| name.starts_with("expand") && value == part)
    }

    pub(super) fn metadata(&self) -> Value {
        let field = |(name, value): (&String, &String)| {
            let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((name.to_owned(), Value::from(value.clone())))
        };
        Value::Object(self.fields.iter().filter_map(field).collect())
    }
}

/// The fields of query and form; those of a list get their places.
pub(super) fn fields(query: &str, body: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let all = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .chain(form_urlencoded::parse(body).into_owned());
    for (name, value) in all {
        let name = if name == "expand[]" { format!("expand[{}]", fields.len()) } else { name };
        fields.insert(name, value);
    }
    fields
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(super) fn error(status: u16, kind: &str, code: Option<&str>, param: Option<&str>) -> Self {
        let message = "No such thing as sk_test_should_stay_out_of_logs";
        Self {
            status,
            body: json!({ "error": { "type": kind, "code": code, "param": param, "message": message } }),
        }
    }

    pub(super) fn invalid(what: &str, code: Option<&str>, param: Option<&str>) -> Self {
        let mut answer = Self::error(400, "invalid_request_error", code, param);
        answer.body["error"]["message"] = what.into();
        answer
    }

    pub(super) fn missing(status: u16, param: &str) -> Self {
        Self::error(status, "invalid_request_error", Some("resource_missing"), Some(param))
    }
}

/// An object of an account.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) account: String,
    pub(super) value: Value,
}

impl Object {
    pub(super) fn id(&self) -> &str {
        self.value["id"].as_str().unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) at: SocketAddr,
    /// The account of each secret key.
    pub(super) keys: HashMap<String, String>,
    /// The accounts that the first one acts for.
    pub(super) connected: Vec<String>,
    pub(super) objects: Vec<Object>,
    /// How many objects were made.
    made: usize,
    /// The first answer of each idempotency key, and the words of its request.
    pub(super) answers: HashMap<String, (String, Answer)>,
    pub(super) faults: Vec<(String, Fault)>,
    pub(super) requests: Vec<String>,
    pub(super) cards: HashMap<String, super::Card>,
    /// The payout of each balance transaction that one has taken up.
    pub(super) paid_in: HashMap<String, String>,
}

impl State {
    pub(super) fn new(at: SocketAddr) -> Self {
        let keys = [(KEY.to_owned(), ACCOUNT.to_owned())].into();
        let (objects, answers, faults, requests) =
            (Vec::new(), HashMap::new(), Vec::new(), Vec::new());
        Self {
            at,
            keys,
            connected: Vec::new(),
            objects,
            made: 0,
            answers,
            faults,
            requests,
            cards: HashMap::new(),
            paid_in: HashMap::new(),
        }
    }

    pub(super) fn now() -> i64 {
        SystemClock.now().timestamp()
    }

    /// Adds an object with a new id.
    pub(super) fn add(&mut self, account: &str, prefix: &str, mut value: Value) -> Value {
        self.made += 1;
        value["id"] = format!("{prefix}_{:06}", self.made).into();
        value["created"] = Self::now().into();
        value["livemode"] = false.into();
        self.objects.push(Object { account: account.to_owned(), value: value.clone() });
        value
    }

    pub(super) fn find(&mut self, account: &str, kind: &str, id: &str) -> Option<&mut Value> {
        let found = self.objects.iter_mut().find(|object| {
            object.account == account && object.value["object"] == kind && object.id() == id
        });
        found.map(|object| &mut object.value)
    }

    /// A page of an account's objects, newest first.
    pub(super) fn page(
        &self,
        account: &str,
        kind: &str,
        command: &Command,
        fits: impl Fn(&Value) -> bool,
    ) -> Answer {
        let all = self.objects.iter().rev().filter(|object| {
            object.account == account && object.value["object"] == kind && fits(&object.value)
        });
        Self::cut(all.map(|object| object.value.clone()).collect(), command)
    }

    /// The page of a list that is asked for.
    pub(super) fn cut(mut rest: Vec<Value>, command: &Command) -> Answer {
        let limit: usize = command.field("limit").parse().unwrap_or(10);
        let after = command.field("starting_after");
        if let Some(place) = rest.iter().position(|object| object["id"] == after) {
            rest.drain(..=place);
        }
        let has_more = rest.len() > limit;
        rest.truncate(limit);
        Answer::ok(json!({ "object": "list", "data": rest, "has_more": has_more }))
    }

    /// Answers a request with a key, in the name of another account if one is named.
    pub(super) fn answer(&mut self, key: &str, on_behalf_of: &str, command: &Command) -> Answer {
        let Some(account_of_key) = self.keys.get(key).cloned() else {
            return Answer::error(401, "invalid_request_error", None, None);
        };
        if !on_behalf_of.is_empty() && !self.connected.iter().any(|account| account == on_behalf_of)
        {
            return Answer::error(403, "invalid_request_error", Some("account_invalid"), None);
        }
        let account =
            if on_behalf_of.is_empty() { account_of_key } else { on_behalf_of.to_owned() };
        if let Some(refusal) = parameters::refusal(command) {
            return refusal;
        }
        if command.method != "POST" {
            return self.dispatch(&account, command);
        }
        let key = format!("{account} {}", command.key);
        if let Some((words, answer)) =
            self.answers.get(&key).or_else(|| self.answers.get(&command.key))
        {
            return if *words == command.words() {
                answer.clone()
            } else {
                Answer::error(400, "idempotency_error", None, None)
            };
        }
        let answer = self.dispatch(&account, command);
        // What was refused before it began may be asked for again with the key.
        if !command.key.is_empty() && (answer.status < 400 || answer.status == 402) {
            self.answers.insert(key, (command.words(), answer.clone()));
        }
        answer
    }

    fn dispatch(&mut self, account: &str, command: &Command) -> Answer {
        let parts: Vec<_> = command.path.trim_start_matches("/v1/").split('/').collect();
        match (command.method.as_str(), parts.as_slice()) {
            ("GET", ["account"]) => Answer::ok(json!({ "object": "account", "id": account })),
            ("POST", ["customers"]) => Answer::ok(self.add(
                account,
                "cus",
                json!({ "object": "customer", "metadata": command.metadata() }),
            )),
            ("POST", ["checkout", "sessions"]) => self.open_session(account, command),
            ("GET", ["checkout", "sessions", id]) => self.session(account, id, command),
            ("POST", ["payment_intents"]) => self.create_intent(account, command),
            ("GET", ["payment_intents"]) => self.list_intents(account, command),
            ("GET", ["payment_intents", id]) => self.intent(account, id),
            ("POST", ["payment_intents", id, "confirm"]) => {
                self.confirm_intent(account, id, command)
            }
            ("POST", ["payment_intents", id, "cancel"]) => self.cancel_intent(account, id, command),
            ("POST", ["refunds"]) => self.refund(account, command),
            ("GET", ["balance_transactions"]) => self.list_balance(account, command),
            ("GET", ["payouts"]) => {
                let since: i64 = command.field("created[gte]").parse().unwrap_or_default();
                self.page(account, "payout", command, |object| {
                    object["created"].as_i64().unwrap_or_default() >= since
                })
            }
            ("GET", [kind @ ("refunds" | "disputes"), id]) => {
                let found = self.find(account, kind.trim_end_matches('s'), id);
                found
                    .map_or_else(|| Answer::missing(404, "id"), |object| Answer::ok(object.clone()))
            }
            ("GET", ["refunds" | "disputes"]) => {
                let kind = parts.first().copied().unwrap_or_default().trim_end_matches('s');
                let fits = |object: &Value| {
                    command.field("payment_intent").is_empty()
                        || object["payment_intent"] == command.field("payment_intent")
                };
                let mut answer = self.page(account, kind, command, fits);
                if command.expands("data.charge") {
                    self.with_charges(account, &mut answer.body);
                }
                answer
            }
            _ => Answer::error(404, "invalid_request_error", None, None),
        }
    }
}
