//! The contract as `OpenAPI` 3.1, for clients of plain HTTP. It is made of the descriptors and of the access table, so that it says
//! what the gateway does. Streams are not in it: `OpenAPI` has no words for envelopes.

use super::contract::{self, Shape};
use payterms_chassis::access::AccessTable;
use prost_reflect::{EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// The role of services among each other, which no client has.
const PEER: &str = "PEER";
/// The name of the schema of refusals.
const REFUSAL: &str = "Refusal";

/// The comments of the contract, by file and place.
struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    fn read(files: impl Iterator<Item = FileDescriptor>) -> Self {
        let mut comments = HashMap::new();
        for file in files {
            let Some(info) = &file.file_descriptor_proto().source_code_info else { continue };
            for location in &info.location {
                if let Some(text) = &location.leading_comments {
                    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
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
    let open: Vec<_> = access.cells().filter(|(_, roles)| roles.keys().any(|role| role != PEER)).map(|(path, _)| path).collect();
    let (mut paths, mut tags, mut schemas) = (BTreeMap::new(), BTreeMap::new(), Schemas { comments: &comments, done: BTreeMap::new() });
    for path in open {
        let Some(method) = contract::method(path).filter(|method| Shape::of(method) == Shape::OneMessage) else { continue };
        let service = method.parent_service();
        tags.entry(short(service.full_name())).or_insert_with(|| tag(&comments, service));
        schemas.message(&method.input());
        schemas.message(&method.output());
        paths.insert(path.to_owned(), json!({ "post": operation(&comments, &method) }));
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

fn operation(comments: &Comments, method: &MethodDescriptor) -> Value {
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
    let content = |message: &MessageDescriptor| json!({ "application/json": { "schema": reference(&short(message.full_name())) } });
    json!({
        "operationId": short(method.full_name()).replace('.', "_"),
        "tags": [short(service.full_name())],
        "summary": about.get(..end).unwrap_or_default().trim_end_matches('.'),
        "description": about,
        "parameters": parameters,
        "requestBody": { "required": true, "content": content(&method.input()) },
        "responses": {
            "200": { "description": "It is done.", "content": content(&method.output()) },
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

/// The schemas of messages and enums, each once.
struct Schemas<'a> {
    comments: &'a Comments,
    done: BTreeMap<String, Value>,
}

impl Schemas<'_> {
    /// Adds a message and all that it holds.
    fn message(&mut self, message: &MessageDescriptor) {
        let name = short(message.full_name());
        if self.done.contains_key(&name) {
            return;
        }
        // Before its fields, since a message may hold itself.
        self.done.insert(name.clone(), Value::Null);
        let properties: Map<_, _> = message.fields().map(|field| (field.json_name().to_owned(), self.field(&field))).collect();
        let about = self.comments.at(&message.parent_file(), message.path());
        let schema = json!({ "type": "object", "description": about, "properties": properties, "additionalProperties": false });
        self.done.insert(name, schema);
    }

    fn enumeration(&mut self, values: &EnumDescriptor) -> String {
        let name = short(values.full_name());
        if !self.done.contains_key(&name) {
            let file = values.parent_file();
            let lines = values.values().map(|value| format!("- `{}`: {}", value.name(), self.comments.at(&file, value.path())));
            let about = format!("{}\n\n{}", self.comments.at(&file, values.path()), lines.collect::<Vec<_>>().join("\n"));
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            self.done.insert(name.clone(), json!({ "type": "string", "description": about, "enum": names }));
        }
        name
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        let about = self.comments.at(&field.parent_message().parent_file(), field.path());
        let mut schema = if field.is_map() {
            let value = field.kind().as_message().map(MessageDescriptor::map_entry_value_field);
            let value = value.map_or(Value::Bool(true), |value| self.kind(&value.kind()));
            json!({ "type": "object", "additionalProperties": value })
        } else if field.is_list() {
            json!({ "type": "array", "items": self.kind(&field.kind()) })
        } else {
            self.kind(&field.kind())
        };
        if let Some(schema) = schema.as_object_mut().filter(|_| !about.is_empty()) {
            schema.insert("description".to_owned(), about.into());
        }
        schema
    }

    /// The schema of a value, as `ProtoJSON` writes it.
    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]+$" }),
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]+$" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(values) => reference(&self.enumeration(values)),
            Kind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
                "google.protobuf.Duration" => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" }),
                "google.protobuf.FieldMask" => json!({ "type": "string" }),
                "google.protobuf.Any" => {
                    json!({ "type": "object", "required": ["@type"], "properties": { "@type": { "type": "string" } } })
                }
                _ => {
                    self.message(message);
                    reference(&short(message.full_name()))
                }
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

    #[test]
    fn every_reference_leads_somewhere_and_everything_is_explained() {
        let document = document(&AccessTable::load().unwrap());
        let text = document.to_string();
        let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for reference in references {
            assert!(document.pointer(reference).is_some_and(|target| !target.is_null()), "{reference}");
        }
        let debit = &document["paths"]["/payterms.wallet.v1.PostingService/PostDebit"]["post"];
        assert!(debit["summary"].as_str().unwrap().starts_with("PostDebit"), "{debit}");
        assert_eq!(debit["parameters"][1]["$ref"], "#/components/parameters/Key");
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 150 && !paths.keys().any(|path| path.contains("InboxService") || path.contains("UsageStream")));
        let amount = &document["components"]["schemas"]["wallet.PostDebitRequest"]["properties"]["amount"];
        assert!(amount["$ref"].is_string() && amount["description"].is_string(), "{amount}");
        assert!(paths.values().all(|path| !path["post"]["description"].as_str().unwrap().is_empty()));
    }
}
