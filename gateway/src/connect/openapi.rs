//! The contract as `OpenAPI` 3.1, for clients of plain HTTP. It is made of the descriptors and of
//! the access table, so that it says what the gateway does. Streams are not in it: `OpenAPI` has no
//! words for envelopes.
//!
//! A request is closed: the gateway refuses fields and values that it does not know. An answer is
//! open: docs/versioning.md allows new ones within v1, which a client must bear. What both hold has
//! a schema for each, the request's named with [`INPUT`].

use super::contract::{self, Shape};
use payterms_chassis::access::AccessTable;
use prost_reflect::{
    EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The role of services among each other, which no client has.
const PEER: &str = "PEER";
/// The name of the schema of refusals.
const REFUSAL: &str = "Refusal";

/// What ends the name of a request's schema where an answer has one of the same message.
const INPUT: &str = "Input";

/// On which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// The comments of the contract, by file and place.
struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    fn read(files: impl Iterator<Item = FileDescriptor>) -> Self {
        let mut comments = HashMap::new();
        for file in files {
            let Some(info) = &file.file_descriptor_proto().source_code_info else { continue };
            for location in &info.location {
                if let Some(text) = &location.leading_comments {
                    let text =
                        text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
                    comments.insert((file.name().to_owned(), location.path.clone()), text);
                }
            }
        }
        Self(comments)
    }

    fn at(&self, file: &FileDescriptor, path: &[i32]) -> String {
        self.0.get(&(file.name().to_owned(), path.to_vec())).cloned().unwrap_or_default()
    }
}

/// The document.
pub(super) fn document(access: &AccessTable) -> Value {
    let comments = Comments::read(contract::with_comments().files());
    let open: Vec<_> = access
        .cells()
        .filter(|(_, roles)| roles.keys().any(|role| role != PEER))
        .map(|(path, _)| path)
        .collect();
    let methods: Vec<_> = open
        .into_iter()
        .filter_map(|path| {
            Some((
                path,
                contract::method(path).filter(|method| Shape::of(method) == Shape::OneMessage)?,
            ))
        })
        .collect();
    let mut answered = BTreeSet::new();
    for (_, method) in &methods {
        collect_names(&Kind::Message(method.output()), &mut answered);
    }
    let (mut paths, mut tags) = (BTreeMap::new(), BTreeMap::new());
    let mut schemas = Schemas { comments: &comments, answered, done: BTreeMap::new() };
    for (path, method) in methods {
        let service = method.parent_service();
        tags.entry(short(service.full_name())).or_insert_with(|| tag(&comments, service));
        let content = [
            schemas.message(&method.input(), Way::In),
            schemas.message(&method.output(), Way::Out),
        ];
        paths.insert(path.to_owned(), json!({ "post": operation(&comments, &method, content) }));
    }
    schemas.done.insert(REFUSAL.to_owned(), refusal());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Payterms",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Prepaid credit, invoices, deferred payment and payment plans, over plain HTTP. Every method is a POST with JSON.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "tags": tags.into_values().collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
            "parameters": parameters(),
            "responses": { REFUSAL: { "description": "The call is refused, or not answered; the status says which.",
                "content": { "application/json": { "schema": reference(REFUSAL) } } } },
            "schemas": schemas.done,
        },
    })
}

fn tag(comments: &Comments, service: &ServiceDescriptor) -> Value {
    json!({ "name": short(service.full_name()), "description": comments.at(&service.parent_file(), service.path()) })
}

/// Adds the names of a message and of all that it holds, messages and enums.
fn collect_names(kind: &Kind, names: &mut BTreeSet<String>) {
    match kind {
        Kind::Enum(values) => {
            names.insert(values.full_name().to_owned());
        }
        Kind::Message(message) if names.insert(message.full_name().to_owned()) => {
            message.fields().for_each(|field| collect_names(&field.kind(), names));
        }
        _ => {}
    }
}

/// The operation of a method, whose request and answer have these schemas.
fn operation(comments: &Comments, method: &MethodDescriptor, schemas: [String; 2]) -> Value {
    let service = method.parent_service();
    let about = comments.at(&service.parent_file(), method.path());
    let end = about.find(". ").unwrap_or(about.len());
    let mut parameters = vec![json!({ "$ref": "#/components/parameters/Timeout" })];
    if method.input().get_field_by_name("request_id").is_some() {
        parameters.push(json!({ "$ref": "#/components/parameters/Key" }));
    }
    if service.full_name().starts_with("payterms.common.") {
        parameters.push(json!({ "$ref": "#/components/parameters/Service" }));
    }
    let [request, answer] =
        schemas.map(|schema| json!({ "application/json": { "schema": reference(&schema) } }));
    json!({
        "operationId": short(method.full_name()).replace('.', "_"),
        "tags": [short(service.full_name())],
        "summary": about.get(..end).unwrap_or_default().trim_end_matches('.'),
        "description": about,
        "parameters": parameters,
        "requestBody": { "required": true, "content": request },
        "responses": {
            "200": { "description": "It is done.", "content": answer },
            "4XX": { "$ref": format!("#/components/responses/{REFUSAL}") },
            "5XX": { "$ref": format!("#/components/responses/{REFUSAL}") },
        },
    })
}

fn parameters() -> Value {
    json!({
        "Timeout": { "name": "Connect-Timeout-Ms", "in": "header", "required": false, "description": "The deadline, in milliseconds; without it 30 seconds.",
            "schema": { "type": "string", "pattern": "^[1-9][0-9]{3,9}$" } },
        "Key": { "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Stands for `requestId`: a UUID, or any text, which is the caller's own.",
            "schema": { "type": "string", "pattern": "^[!-~][ -~]{0,254}[!-~]?$" } },
        "Service": { "name": "payterms-service", "in": "header", "required": true, "description": "The service that is meant.",
            "schema": { "type": "string", "enum": ["wallet", "invoicing", "credit", "plans"] } },
    })
}

fn refusal() -> Value {
    let detail = json!({
        "type": "object", "required": ["type", "value"],
        "properties": {
            "type": { "type": "string", "description": "The message, such as `google.rpc.ErrorInfo`." },
            "value": { "type": "string", "description": "The message in protobuf, in base64 without padding." },
            "debug": { "description": "The same message as JSON." },
        },
    });
    json!({
        "type": "object", "required": ["code", "message"], "description": "Why a call has no answer.",
        "properties": {
            "code": { "type": "string", "description": "The canonical code, in snake case." },
            "message": { "type": "string", "description": "A sentence that says what to do." },
            "details": { "type": "array", "items": detail },
        },
    })
}

/// The schemas of messages and enums, each once for each way on which it goes.
struct Schemas<'a> {
    comments: &'a Comments,
    /// What answers hold.
    answered: BTreeSet<String>,
    done: BTreeMap<String, Value>,
}

impl Schemas<'_> {
    fn name(&self, full_name: &str, way: Way) -> String {
        let has_both = way == Way::In && self.answered.contains(full_name);
        format!("{}{}", short(full_name), if has_both { INPUT } else { "" })
    }

    /// Adds a message and all that it holds. Answers its name.
    fn message(&mut self, message: &MessageDescriptor, way: Way) -> String {
        let name = self.name(message.full_name(), way);
        if self.done.contains_key(&name) {
            return name;
        }
        // Before its fields, since a message may hold itself.
        self.done.insert(name.clone(), Value::Null);
        let properties: Map<_, _> = message
            .fields()
            .map(|field| (field.json_name().to_owned(), self.field(&field, way)))
            .collect();
        let about = self.comments.at(&message.parent_file(), message.path());
        let mut schema = Map::from_iter([
            ("type".to_owned(), "object".into()),
            ("description".to_owned(), about.into()),
        ]);
        schema.insert("properties".to_owned(), properties.into());
        if way == Way::In {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        self.done.insert(name.clone(), schema.into());
        name
    }

    /// Adds an enum. Answers its name. In an answer its values are told as those of today, which
    /// generators do not hold a client to.
    fn enumeration(&mut self, values: &EnumDescriptor, way: Way) -> String {
        let name = self.name(values.full_name(), way);
        if !self.done.contains_key(&name) {
            let file = values.parent_file();
            let lines = values.values().map(|value| {
                format!("- `{}`: {}", value.name(), self.comments.at(&file, value.path()))
            });
            let about = format!(
                "{}\n\n{}",
                self.comments.at(&file, values.path()),
                lines.collect::<Vec<_>>().join("\n")
            );
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            let keyword = if way == Way::In { "enum" } else { "x-extensible-enum" };
            self.done.insert(
                name.clone(),
                json!({ "type": "string", "description": about, keyword: names }),
            );
        }
        name
    }

    fn field(&mut self, field: &FieldDescriptor, way: Way) -> Value {
        let about = self.comments.at(&field.parent_message().parent_file(), field.path());
        let mut schema = if field.is_map() {
            let value = field.kind().as_message().map(MessageDescriptor::map_entry_value_field);
            let value = value.map_or(Value::Bool(true), |value| self.kind(&value.kind(), way));
            json!({ "type": "object", "additionalProperties": value })
        } else if field.is_list() {
            json!({ "type": "array", "items": self.kind(&field.kind(), way) })
        } else {
            self.kind(&field.kind(), way)
        };
        if let Some(schema) = schema.as_object_mut().filter(|_| !about.is_empty()) {
            schema.insert("description".to_owned(), about.into());
        }
        schema
    }

    /// The schema of a value, as `ProtoJSON` writes it.
    fn kind(&mut self, kind: &Kind, way: Way) -> Value {
        match kind {
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]+$" })
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]+$" })
            }
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(values) => reference(&self.enumeration(values, way)),
            Kind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
                "google.protobuf.Duration" => {
                    json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" })
                }
                "google.protobuf.FieldMask" => json!({ "type": "string" }),
                "google.protobuf.Any" => {
                    json!({ "type": "object", "required": ["@type"], "properties": { "@type": { "type": "string" } } })
                }
                _ => reference(&self.message(message, way)),
            },
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A name without what all names share: `payterms.wallet.v1.Lot` is `wallet.Lot`.
fn short(name: &str) -> String {
    name.replace("payterms.", "").replace(".v1.", ".")
}

#[cfg(test)]
mod tests {
    use super::document;
    use payterms_chassis::access::AccessTable;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// The names of the schemas that are reached from a part of the document.
    fn reached(document: &Value, from: &Value, names: &mut BTreeSet<String>) {
        match from {
            Value::Array(items) => items.iter().for_each(|item| reached(document, item, names)),
            Value::Object(fields) => {
                fields.values().for_each(|field| reached(document, field, names));
                let name = fields
                    .get("$ref")
                    .and_then(Value::as_str)
                    .and_then(|reference| reference.strip_prefix("#/components/schemas/"));
                if let Some(name) = name.filter(|name| names.insert((*name).to_owned())) {
                    reached(document, &document["components"]["schemas"][name], names);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn requests_are_closed_and_answers_are_open() {
        let document = document(&AccessTable::load().unwrap());
        let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
        for path in document["paths"].as_object().unwrap().values() {
            reached(&document, &path["post"]["requestBody"], &mut asked);
            reached(&document, &path["post"]["responses"], &mut answered);
        }
        let schema = |name: &String| &document["components"]["schemas"][name];
        let is_closed =
            |schema: &Value| schema["additionalProperties"] == false || schema["enum"].is_array();
        assert_eq!(
            asked.iter().filter(|name| !is_closed(schema(name))).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        assert_eq!(
            answered.iter().filter(|name| is_closed(schema(name))).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        let all: BTreeSet<_> =
            document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            asked.union(&answered).cloned().chain(["Refusal".to_owned()]).collect::<BTreeSet<_>>(),
            all,
            "none is left over"
        );
        assert!(
            asked.contains("google.type.MoneyInput") && answered.contains("google.type.Money"),
            "{asked:?}"
        );
    }

    #[test]
    fn every_reference_leads_somewhere_and_everything_is_explained() {
        let document = document(&AccessTable::load().unwrap());
        let text = document.to_string();
        let references =
            text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for reference in references {
            assert!(
                document.pointer(reference).is_some_and(|target| !target.is_null()),
                "{reference}"
            );
        }
        let debit = &document["paths"]["/payterms.wallet.v1.PostingService/PostDebit"]["post"];
        assert!(debit["summary"].as_str().unwrap().starts_with("PostDebit"), "{debit}");
        assert_eq!(debit["parameters"][1]["$ref"], "#/components/parameters/Key");
        let paths = document["paths"].as_object().unwrap();
        assert!(
            paths.len() > 150
                && !paths
                    .keys()
                    .any(|path| path.contains("InboxService") || path.contains("UsageStream"))
        );
        let amount =
            &document["components"]["schemas"]["wallet.PostDebitRequest"]["properties"]["amount"];
        assert!(amount["$ref"].is_string() && amount["description"].is_string(), "{amount}");
        assert!(
            paths.values().all(|path| !path["post"]["description"].as_str().unwrap().is_empty())
        );
    }
}
