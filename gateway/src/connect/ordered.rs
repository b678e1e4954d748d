//! Messages as JSON in one order: fields as the library writes them, by their numbers, and maps by
//! their keys. The library keeps maps unordered, so the same message would be other bytes each
//! time, and a replay would not be what was answered first.

use super::contract;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value as Field,
};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// A message that is written in order.
pub(super) struct Ordered<'a>(pub &'a DynamicMessage);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !may_shuffle(self.0) {
            return self.0.serialize(serializer);
        }
        // Ordered by key all through; the fields get their order back as they are written.
        let json = serde_json::to_value(self.0).map_err(S::Error::custom)?;
        Json { kind: Some(&self.0.descriptor()), value: &json }.serialize(serializer)
    }
}

/// Whether the library could write a message in several ways.
fn may_shuffle(message: &DynamicMessage) -> bool {
    // What is packed in it shows only when it is written.
    message.descriptor().full_name() == "google.protobuf.Any"
        || message.fields().any(|(_, value)| shuffles(value))
}

fn shuffles(value: &Field) -> bool {
    match value {
        Field::Map(entries) => entries.len() > 1,
        Field::List(values) => values.iter().any(shuffles),
        Field::Message(message) => may_shuffle(message),
        _ => false,
    }
}

/// A value of this kind; of none where it is no message, or a map, whose names are the caller's.
struct Json<'a> {
    kind: Option<&'a MessageDescriptor>,
    value: &'a Value,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.kind, self.value) {
            (Some(kind), Value::Array(values)) => {
                serializer.collect_seq(values.iter().map(|value| Self { kind: Some(kind), value }))
            }
            (Some(kind), Value::Object(fields)) => {
                let mut written = serializer.serialize_map(Some(fields.len()))?;
                let mut kind = kind.clone();
                if let Some(name) = fields.get(PACKED) {
                    written.serialize_entry(PACKED, name)?;
                    let packed = name.as_str().and_then(|name| {
                        contract::message(name.rsplit('/').next().unwrap_or_default())
                    });
                    kind = packed.unwrap_or(kind);
                }
                let mut known: Vec<FieldDescriptor> = kind.fields().collect();
                known.sort_unstable_by_key(FieldDescriptor::number);
                for field in known {
                    if let Some(value) = fields.get(field.json_name()) {
                        let kind = field.kind().as_message().filter(|_| !field.is_map()).cloned();
                        written.serialize_entry(
                            field.json_name(),
                            &Json { kind: kind.as_ref(), value },
                        )?;
                    }
                }
                written.end()
            }
            (_, value) => value.serialize(serializer),
        }
    }
}

/// The name of the message that is packed in an `Any`.
const PACKED: &str = "@type";

#[cfg(test)]
mod tests {
    use super::Ordered;
    use crate::connect::{contract, json};
    use prost::Message;
    use prost_reflect::{
        DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
    };

    /// As many labels, so that they stand in order by chance once in so many thousand runs only.
    const LABELS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

    fn labels() -> String {
        LABELS.iter().rev().map(|name| format!(r#""{name}":"1""#)).collect::<Vec<_>>().join(",")
    }

    fn in_order() -> String {
        LABELS.map(|name| format!(r#""{name}":"1""#)).join(",")
    }

    #[test]
    fn maps_are_ordered_by_key_and_fields_as_ever() {
        let kind = contract::message("payterms.invoicing.v1.GetCustomerResponse").unwrap();
        let given =
            format!(r#"{{"customer":{{"labels":{{{}}},"name":"n","legalName":"l"}}}}"#, labels());
        let message = json::read(&kind, given.as_bytes()).unwrap();
        let written = String::from_utf8(json::write(&message).unwrap()).unwrap();
        assert!(written.contains(&format!(r#""labels":{{{}}}"#, in_order())), "{written}");
        assert!(written.find("\"name\"") < written.find("\"legalName\""), "{written}");
        assert!(written.find("\"legalName\"") < written.find("\"labels\""), "{written}");
    }

    fn filled(kind: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(kind.clone());
        for field in kind.fields() {
            let kind_of_field = field.kind();
            if kind_of_field
                .as_message()
                .is_some_and(|message| depth == 0 || message.full_name() == "google.protobuf.Any")
                && !field.is_map()
            {
                continue;
            }
            let value = value_of(&field, &kind_of_field, depth);
            message.set_field(&field, value);
        }
        message
    }

    fn value_of(field: &FieldDescriptor, kind: &Kind, depth: usize) -> Value {
        let one = match kind {
            Kind::Message(kind) if field.is_map() => {
                let inner = kind.map_entry_value_field();
                let entry = |name: &&str| {
                    (MapKey::String((*name).to_owned()), value_of(&inner, &inner.kind(), 0))
                };
                return Value::Map(LABELS.iter().map(entry).collect());
            }
            Kind::Message(kind) if kind.full_name().starts_with("google.protobuf.") => {
                Value::Message(DynamicMessage::new(kind.clone()))
            }
            Kind::Message(kind) => Value::Message(filled(kind, depth.saturating_sub(1))),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::String => Value::String("x".to_owned()),
            Kind::Bytes => Value::Bytes(vec![250].into()),
            Kind::Bool => Value::Bool(true),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(-7),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(-7),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(7),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(7),
            Kind::Float => Value::F32(1.5),
            Kind::Double => Value::F64(1.5),
        };
        if field.is_list() { Value::List(vec![one]) } else { one }
    }

    /// Nothing is lost or changed on the way, whatever the message.
    #[test]
    fn every_message_is_what_the_library_writes() {
        let mut seen = 0;
        for kind in contract::files()
            .flat_map(|file| file.messages().collect::<Vec<_>>())
            .filter(|kind| kind.full_name().starts_with("payterms."))
        {
            let message = filled(&kind, 3);
            let ordered = serde_json::to_string(&Ordered(&message)).unwrap();
            assert_eq!(
                ordered,
                serde_json::to_string(&Ordered(&message.clone())).unwrap(),
                "{}",
                kind.full_name()
            );
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&ordered).unwrap(),
                serde_json::to_value(&message).unwrap()
            );
            seen += 1;
        }
        assert!(seen > 500, "{seen}");
    }

    #[test]
    fn what_is_packed_is_ordered_too() {
        let kind = contract::message("payterms.invoicing.v1.Customer").unwrap();
        let customer =
            json::read(&kind, format!(r#"{{"name":"n","labels":{{{}}}}}"#, labels()).as_bytes())
                .unwrap();
        let any = contract::message("google.protobuf.Any").unwrap();
        let mut packed = DynamicMessage::new(any);
        packed.set_field_by_name(
            "type_url",
            Value::String(format!("type.googleapis.com/{}", customer.descriptor().full_name())),
        );
        packed.set_field_by_name("value", Value::Bytes(customer.encode_to_vec().into()));
        let written = serde_json::to_string(&Ordered(&packed)).unwrap();
        let expected = format!(
            r#"{{"@type":"type.googleapis.com/payterms.invoicing.v1.Customer","name":"n","labels":{{{}}}}}"#,
            in_order()
        );
        assert_eq!(written, expected);
    }
}
