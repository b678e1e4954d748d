//! The contract, walked by its descriptors: every method with bad input in every field.

use crate::invariants;
use payterms_chassis::access::AccessTable;
use payterms_testkit::{World, on_both, people::person, reason, violations};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    MethodDescriptor, Value,
};
use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    str::FromStr,
};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};

on_both!(every_field_refuses_bad_input_and_changes_nothing);

/// Sends and receives bare bytes, as a careless client may.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;
    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; bytes::Buf::remaining(buffer)];
        bytes::Buf::copy_to_slice(buffer, &mut item);
        Ok(Some(item))
    }
}

/// Every method of the packages that the gateway serves.
pub(crate) fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap();
    let services: Vec<_> =
        pool.services().filter(|service| service.full_name().starts_with("payterms.")).collect();
    services.iter().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

pub(crate) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

pub(crate) async fn send(
    channel: &Channel,
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(tokio_stream::once(body));
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request.metadata_mut().insert("payterms-service", "wallet".parse().unwrap());
    let path = PathAndQuery::from_str(path).unwrap();
    client.client_streaming(request, path, Bytes).await.map(tonic::Response::into_inner)
}

/// The service that has a method; what every service has is tried at the wallet.
pub(crate) fn service_of(path: &str) -> &str {
    let package = path.trim_start_matches("/payterms.").split('.').next().unwrap();
    if package == "common" { "wallet" } else { package }
}

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Codes that input may never lead to.
fn assert_canonical(status: &Status, what: &str) {
    assert!(
        !matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss),
        "{what}: {status:?}"
    );
    assert!(!reason(status).is_empty(), "{what}");
}

/// A message of the type with all that is harmless filled in: an id where a request id goes.
pub(crate) fn filled(message: &prost_reflect::MessageDescriptor) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    if let Some(field) = message.get_field_by_name("request_id") {
        filled.set_field(&field, Value::String(uuid::Uuid::from_u128(rand::random()).to_string()));
    }
    filled
}

/// Bad values of a field, after the table of bad input.
fn bad_values(field: &FieldDescriptor) -> Vec<Value> {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let keys = bad_values(&entry.map_entry_key_field())
            .into_iter()
            .filter_map(|bad| Some(MapKey::String(bad.as_str()?.to_owned())));
        let values = bad_values(&entry.map_entry_value_field())
            .into_iter()
            .map(|bad| (MapKey::String("k".into()), bad));
        return keys
            .map(|key| (key, Value::String("x".into())))
            .chain(values)
            .map(|entry| Value::Map([entry].into()))
            .collect();
    }
    let values = match field.kind() {
        Kind::String => {
            let long = "x".repeat(2_000);
            [
                "",
                " ",
                "\u{202E}abc",
                "a\u{0}b",
                "4242 4242 4242 4242",
                "../../etc",
                "tenants/nobody",
                "tenants/ACME/customers/7",
                "NaN",
                &long,
            ]
            .iter()
            .map(|text| Value::String((*text).to_owned()))
            .collect()
        }
        Kind::Int32 => [i32::MIN, -1, i32::MAX].map(Value::I32).to_vec(),
        Kind::Int64 => [i64::MIN, -1, i64::MAX].map(Value::I64).to_vec(),
        Kind::Enum(_) => [0, 99, -1].map(Value::EnumNumber).to_vec(),
        Kind::Bytes => vec![Value::Bytes(vec![0xFF; 70_000].into())],
        Kind::Message(message) => bad_messages(&message),
        _ => Vec::new(),
    };
    if field.is_list() {
        let mut lists: Vec<_> =
            values.iter().map(|value| Value::List(vec![value.clone()])).collect();
        lists.extend(values.first().map(|value| Value::List(vec![value.clone(); 600])));
        return lists;
    }
    values
}

fn message_of<const N: usize>(kind: &MessageDescriptor, fields: [(&str, Value); N]) -> Value {
    let mut message = DynamicMessage::new(kind.clone());
    for (name, value) in fields {
        message.set_field_by_name(name, value);
    }
    Value::Message(message)
}

/// Bad values of a message: of money, decimals and times those that do not hold together, of others
/// each field's.
fn bad_messages(kind: &MessageDescriptor) -> Vec<Value> {
    match kind.full_name() {
        "google.type.Money" => [
            ("USD", 0, 0),
            ("USD", -1, 0),
            ("USD", i64::MAX, 0),
            ("USD", i64::MIN, 0),
            ("USD", 1, -1),
            ("USD", 1, i32::MAX),
            ("USD", 1, 1),
            ("JPY", 1, 500_000_000),
            ("XXX", 1, 0),
            ("usd", 1, 0),
            ("", 1, 0),
        ]
        .map(|(code, units, nanos)| {
            let code = Value::String(code.into());
            message_of(
                kind,
                [
                    ("currency_code", code),
                    ("units", Value::I64(units)),
                    ("nanos", Value::I32(nanos)),
                ],
            )
        })
        .to_vec(),
        "google.type.Decimal" => [
            "",
            "NaN",
            "Infinity",
            "1e400",
            "1e10",
            "1_000",
            "+5",
            "0x10",
            " 1",
            "1,5",
            "٣",
            "-1",
            "1.0000001",
            &"9".repeat(33),
        ]
        .map(|text| message_of(kind, [("value", Value::String(text.to_owned()))]))
        .to_vec(),
        "google.protobuf.Timestamp" => [(i64::MIN, 0), (i64::MAX, 0), (0, -1), (0, i32::MAX)]
            .map(|(seconds, nanos)| {
                message_of(kind, [("seconds", Value::I64(seconds)), ("nanos", Value::I32(nanos))])
            })
            .to_vec(),
        _ => {
            let of_fields = kind.fields().flat_map(|field| {
                bad_values(&field).into_iter().map(move |bad| (field.clone(), bad))
            });
            let outer = of_fields.map(|(field, bad)| {
                let mut outer = DynamicMessage::new(kind.clone());
                outer.set_field(&field, bad);
                Value::Message(outer)
            });
            std::iter::once(message_of(kind, [])).chain(outer).collect()
        }
    }
}

/// What may be asked without a field, and streams that may be empty.
const TAKE_NOTHING: [&str; 6] = [
    "/List",
    "/RecordUsageStream",
    "/RecordUsages",
    "/PostDebits",
    "OperationsService/Check",
    "OperationsService/CountSealedValues",
];

async fn every_field_refuses_bad_input_and_changes_nothing(world: &World) {
    world.usual().await;
    let door = channel(world.suite.gateway).await;
    let mut inside = HashMap::new();
    for (name, address) in &world.suite.services {
        inside.insert(name.as_str(), channel(*address).await);
    }
    let table = AccessTable::load().unwrap();
    let clock = std::sync::Arc::new(payterms_kernel::SystemClock);
    let signer = payterms_chassis::identity::Signer::read(
        &world.folder.path().join("keys"),
        "gateway",
        clock,
    )
    .unwrap();
    let (mut cases, mut reasons) = (0, BTreeSet::new());
    for method in methods() {
        let path = path(&method);
        let row = table.cells().find(|(named, _)| *named == path).unwrap().1.clone();
        let Some((role, _)) =
            row.iter().filter(|(role, _)| *role != "PEER").max_by_key(|(_, grant)| **grant)
        else {
            continue;
        };
        let customer = format!("tenants/acme/customers/{}", uuid::Uuid::from_u128(9));
        let caller = person("acme", role, Some(&customer));
        let outer = world.suite.token(&caller, 600).unwrap();
        for body in bad_bodies(&method) {
            let inner = signer.internal(service_of(&path), &caller).unwrap();
            // What the gateway itself serves has no other door.
            let inner_call = inside.get(service_of(&path)).map(|inner_call| (inner_call, &inner));
            for (channel, token) in std::iter::once((&door, &outer)).chain(inner_call) {
                cases += 1;
                match send(channel, &path, Some(token), body.clone()).await {
                    Err(status) => {
                        assert_canonical(
                            &status,
                            &format!("{path} {:?}", body.get(..200.min(body.len()))),
                        );
                        assert_ne!(status.code(), Code::Unavailable, "{path} {} bytes", body.len());
                        assert_ne!(status.code(), Code::Unauthenticated, "{path}");
                        reasons.insert(reason(&status));
                        reasons.extend(
                            violations(&status)
                                .iter()
                                .filter_map(|told| told.split(": ").nth(1).map(str::to_owned)),
                        );
                    }
                    Ok(_) => assert!(
                        TAKE_NOTHING.iter().any(|method| path.contains(method)),
                        "{path} takes {body:?}"
                    ),
                }
            }
        }
    }
    assert!(cases >= 2_000, "{cases} cases");
    for expected in [
        "AMOUNT_NOT_POSITIVE",
        "RESOURCE_NAME_INVALID",
        "MALFORMED_MESSAGE",
        "REQUEST_ID_REQUIRED",
        "FIELD_REQUIRED",
    ] {
        assert!(reasons.contains(expected), "{expected} in {reasons:?}");
    }
    invariants::nothing_written(world).await;
}

/// What is no message, and a message for each bad value of each field.
fn bad_bodies(method: &MethodDescriptor) -> Vec<Vec<u8>> {
    let mut bodies =
        vec![Vec::new(), vec![0xFF; 9], vec![0x0A, 0x7F, 0x01], vec![0x0A, 0x02, 0xC3, 0x28]];
    for field in method.input().fields() {
        for bad in bad_values(&field) {
            let mut message = filled(&method.input());
            message.set_field(&field, bad);
            bodies.push(message.encode_to_vec());
        }
    }
    bodies
}
