//! What the contract says of its fields is what the services do: which fields are needed, and which
//! of a resource are not the caller's to set.

use crate::{
    contract::{channel, methods, path, send},
    invariants,
};
use payterms_chassis::{access::AccessTable, identity::Signer};
use payterms_testkit::{Database, World, people::person};
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, MethodDescriptor, Value,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tonic::{Status, transport::Channel};
use tonic_types::{FieldViolation, StatusExt};

/// Fields that a request without anything is asked for although there are requests without them.
/// All others that it is asked for are REQUIRED.
const CONDITIONAL: [(&str, &str, &str); 11] = [
    ("MatchBankLineRequest", "invoice", "or several, or the line that a return takes back"),
    ("CreatePaymentRequest", "currency_code", "where no invoice is named"),
    ("QuotePaymentRequest", "currency_code", "where no invoice is named"),
    ("ApplyCreditRequest", "currency_code", "where no invoice is named"),
    ("DismissBankLineRequest", "explanation", "of the reason OTHER"),
    ("DecideApplicationRequest", "reasons", "of a refusal"),
    ("DecideAdvisedLimitRequest", "reasons", "of a refusal"),
    ("CsvMapping", "amount_column", "or one column for what came in, and one for what went out"),
    ("Schedule", "interval", "of instalments"),
    ("Schedule", "instalment_count", "of instalments"),
    ("TransferTopUp", "address", "or the company's number in a register"),
];
/// The deepest message in a message that is looked at.
const DEPTH: usize = 4;

/// The numbers of `google.api.FieldBehavior` that the contract uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Required = 2,
    OutputOnly = 3,
    Immutable = 5,
    Identifier = 8,
}

pub(crate) fn has(field: &FieldDescriptor, behaviour: Behaviour) -> bool {
    let extension = field.parent_pool().get_extension_by_name("google.api.field_behavior").unwrap();
    let options = field.options();
    let given = options.get_extension(&extension);
    given.as_list().unwrap().iter().any(|one| one.as_enum_number() == Some(behaviour as i32))
}

/// The type and the pattern of a resource, where a message is one.
pub(crate) fn resource(message: &MessageDescriptor) -> Option<(String, String)> {
    let extension = message.parent_pool().get_extension_by_name("google.api.resource").unwrap();
    let options = message.options();
    let given = options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).as_message().unwrap().clone())?;
    let patterns = given.get_field_by_name("pattern").unwrap().as_list().unwrap().to_vec();
    let kind = given.get_field_by_name("type").unwrap().as_str().unwrap().to_owned();
    Some((kind, patterns[0].as_str().unwrap().to_owned()))
}

fn conditional(message: &str) -> BTreeSet<String> {
    CONDITIONAL
        .iter()
        .filter(|(text, ..)| *text == message)
        .map(|(_, field, _)| (*field).to_owned())
        .collect()
}

/// Every way in: the gateway as the widest caller, or the service itself as a peer.
pub(crate) struct Doors<'a> {
    world: &'a World,
    gateway: Channel,
    services: HashMap<String, Channel>,
    access: AccessTable,
    keys: HashMap<&'static str, Signer>,
}

impl<'a> Doors<'a> {
    pub(crate) async fn open(world: &'a World) -> Self {
        let mut services = HashMap::new();
        for (name, address) in &world.suite.services {
            services.insert(name.clone(), channel(*address).await);
        }
        let (folder, clock) =
            (world.folder.path().join("keys"), Arc::new(payterms_kernel::SystemClock));
        let signer = |name| (name, Signer::read(&folder, name, clock.clone()).unwrap());
        let keys =
            ["gateway", "wallet", "invoicing", "credit", "plans"].map(signer).into_iter().collect();
        let gateway = channel(world.suite.gateway).await;
        Self { world, gateway, services, access: AccessTable::load().unwrap(), keys }
    }

    /// What is wrong with a message, by the service that has the method.
    pub(crate) async fn violations_of(
        &self,
        method: &MethodDescriptor,
        message: &DynamicMessage,
    ) -> Vec<FieldViolation> {
        let path = path(method);
        let customer = format!("tenants/acme/customers/{}", uuid::Uuid::from_u128(9));
        let roles = self.access.cells().find(|(text, _)| *text == path).unwrap().1;
        let widest =
            roles.iter().filter(|(role, _)| *role != "PEER").max_by_key(|(_, grant)| **grant);
        let (channel, token) = if let Some((role, _)) = widest {
            (
                &self.gateway,
                self.world.suite.token(&person("acme", role, Some(&customer)), 600).unwrap(),
            )
        } else {
            let (issuers, _) = self.access.services_of(&path);
            let package = path.trim_start_matches("/payterms.").split('.').next().unwrap();
            // Every service has the common ones.
            let service = if package == "common" { "wallet" } else { package };
            let signer = &self.keys[issuers[0].as_str()];
            (
                &self.services[service],
                signer.internal(service, &person("acme", "PEER", Some(&customer))).unwrap(),
            )
        };
        violations(send(channel, &path, Some(&token), message.encode_to_vec()).await.err().as_ref())
    }
}

fn violations(status: Option<&Status>) -> Vec<FieldViolation> {
    status
        .and_then(StatusExt::get_details_bad_request)
        .map(|bad| bad.field_violations)
        .unwrap_or_default()
}

/// The field right below a place that a violation is about.
fn below<'a>(place: &str, violation: &'a FieldViolation) -> Option<&'a str> {
    let rest = if place.is_empty() {
        Some(violation.field.as_str())
    } else {
        violation.field.strip_prefix(place)?.strip_prefix('.')
    };
    rest?.split(['.', '[']).next()
}

/// Something of the kind of a field, right or wrong.
pub(crate) fn stand_in(field: &FieldDescriptor) -> Value {
    if field.is_map() {
        return Value::Map([(MapKey::String("x".into()), Value::String("x".into()))].into());
    }
    let one = match field.kind() {
        Kind::String => Value::String("x".into()),
        Kind::Bytes => Value::Bytes(vec![1].into()),
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(1),
        Kind::Int64 => Value::I64(1),
        Kind::Enum(_) => Value::EnumNumber(1),
        Kind::Message(message) => Value::Message(DynamicMessage::new(message)),
        other => panic!("{other:?} in a request"),
    };
    if field.is_list() { Value::List(vec![one]) } else { one }
}

/// Each message within a message: its place, its kind, and a request that holds it with nothing in
/// it.
pub(crate) fn inner(
    request: &MessageDescriptor,
) -> Vec<(String, MessageDescriptor, DynamicMessage)> {
    fn wrapped(path: &[FieldDescriptor], innermost: Value) -> Value {
        path.iter().rev().fold(innermost, |value, field| {
            let mut outer = DynamicMessage::new(field.parent_message().clone());
            outer.set_field(field, if field.is_list() { Value::List(vec![value]) } else { value });
            Value::Message(outer)
        })
    }
    let (mut found, mut open) = (Vec::new(), vec![(Vec::new(), request.clone())]);
    while let Some((path, message)) = open.pop() {
        for field in message.fields().filter(|field| !field.is_map()) {
            let Kind::Message(kind) = field.kind() else { continue };
            if kind.full_name().starts_with("google.") || path.len() >= DEPTH {
                continue;
            }
            let path: Vec<_> = path.iter().cloned().chain([field]).collect();
            let place: Vec<_> = path
                .iter()
                .map(|field| {
                    format!("{}{}", field.name(), if field.is_list() { "[0]" } else { "" })
                })
                .collect();
            let whole = wrapped(&path, Value::Message(DynamicMessage::new(kind.clone())));
            let Value::Message(whole) = whole else { unreachable!("a message holds it") };
            found.push((place.join("."), kind.clone(), whole));
            open.push((path, kind));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_is_required_where_and_only_where_its_service_asks_for_it() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let doors = Doors::open(&world).await;
    let mut within: BTreeMap<String, (MessageDescriptor, BTreeSet<String>)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for method in methods().into_iter().filter(|method| !method.is_client_streaming()) {
        let input = method.input();
        let field_violations =
            doors.violations_of(&method, &DynamicMessage::new(input.clone())).await;
        let demanded: BTreeSet<_> =
            field_violations.iter().filter_map(|one| below("", one)).map(str::to_owned).collect();
        let required: BTreeSet<_> = input
            .fields()
            .filter(|field| has(field, Behaviour::Required))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|field| field.name().to_owned())
            .collect();
        let expected: BTreeSet<_> = required.union(&conditional(input.name())).cloned().collect();
        if demanded != expected {
            wrong.push(format!(
                "{}: asked for {demanded:?}, REQUIRED or conditional {expected:?}",
                method.full_name()
            ));
        }
        for field in input.fields().filter(|field| has(field, Behaviour::Required)) {
            let mut all_else = DynamicMessage::new(input.clone());
            for other in input.fields().filter(|other| other.number() != field.number()) {
                all_else.set_field(&other, stand_in(&other));
            }
            let field_violations = doors.violations_of(&method, &all_else).await;
            if !field_violations.iter().any(|one| below("", one) == Some(field.name())) {
                wrong.push(format!(
                    "{}: {} may be left out: {field_violations:?}",
                    method.full_name(),
                    field.name()
                ));
            }
        }
        for (place, kind, request) in inner(&input) {
            let field_violations = doors.violations_of(&method, &request).await;
            let demanded = within
                .entry(kind.full_name().to_owned())
                .or_insert_with(|| (kind, BTreeSet::new()));
            demanded.1.extend(
                field_violations.iter().filter_map(|one| below(&place, one)).map(str::to_owned),
            );
        }
    }
    for (name, (message, demanded)) in
        within.iter().filter(|(_, (message, _))| !message.name().ends_with("Request"))
    {
        // The name of a resource is asked for where it is changed, and given where it is created.
        let is = |field: &FieldDescriptor| {
            has(field, Behaviour::Required)
                || (has(field, Behaviour::Identifier) && demanded.contains("name"))
        };
        let mut expected: BTreeSet<_> =
            message.fields().filter(is).map(|field| field.name().to_owned()).collect();
        expected.extend(conditional(message.name()));
        let demanded: BTreeSet<_> = demanded
            .iter()
            .filter(|demanded| message.get_field_by_name(demanded).is_some())
            .cloned()
            .collect();
        if demanded != expected {
            wrong.push(format!(
                "{name}: asked for {demanded:?}, REQUIRED or conditional {expected:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    invariants::nothing_written(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_takes_what_is_the_callers_to_change() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let doors = Doors::open(&world).await;
    let mut compared = 0;
    for method in methods() {
        let input = method.input();
        let Some(mask) = input.get_field_by_name("update_mask") else { continue };
        let Kind::Message(of_mask) = mask.kind() else { panic!("{}", mask.full_name()) };
        let mut paths = DynamicMessage::new(of_mask);
        paths.set_field_by_name("paths", Value::List(vec![Value::String("nothing".into())]));
        let mut request = DynamicMessage::new(input.clone());
        request.set_field(&mask, Value::Message(paths));
        let field_violations = doors.violations_of(&method, &request).await;
        let sentence = field_violations
            .iter()
            .find(|one| one.reason == "FIELD_MASK_INVALID")
            .unwrap()
            .description
            .clone();
        // A second sentence says how JSON writes them.
        let list = sentence.split("Use some of ").nth(1).unwrap().split('.').next().unwrap();
        let taken: BTreeSet<_> = list.split(", ").map(str::to_owned).collect();
        let kind = input
            .fields()
            .find_map(|field| {
                field.kind().as_message().filter(|kind| resource(kind).is_some()).cloned()
            })
            .unwrap();
        let fixed = [Behaviour::OutputOnly, Behaviour::Immutable, Behaviour::Identifier];
        let open = kind.fields().filter(|field| {
            field.name() != "etag" && !fixed.iter().any(|behaviour| has(field, *behaviour))
        });
        assert_eq!(
            taken,
            open.map(|field| field.name().to_owned()).collect(),
            "{}",
            kind.full_name()
        );
        compared += 1;
    }
    assert_eq!(compared, 7);
    world.end().await;
}
