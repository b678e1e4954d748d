//! Messages as JSON, by the rules of `ProtoJSON`. What does not fit is refused with the field's
//! path.

use super::{
    ordered::Ordered,
    unambiguous::{Left, Unambiguous},
};
use payterms_chassis::error::{DOMAIN, detailed, field_violation, status};
use payterms_kernel::Reason;
use prost_reflect::{DeserializeOptions, DynamicMessage, Kind, MessageDescriptor};
use serde::de::DeserializeSeed;
use serde_json::de::SliceRead;
use serde_path_to_error::{Path, Segment, Track};
use std::{collections::HashMap, fmt::Write};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

/// The most names that a refusal lists.
const MOST_NAMES: usize = 60;

/// The most values of a message. Each takes a hundred times the memory of the two or three bytes
/// that one may be.
pub(super) const MOST_VALUES: usize = 200_000;

/// Reads a message. A field that the message does not have is refused, so that a misspelt name is
/// not taken for nothing, and so is one that is set twice.
pub(super) fn read(kind: &MessageDescriptor, json: &[u8]) -> Result<DynamicMessage, Box<Status>> {
    let left = Left::new(MOST_VALUES);
    let read =
        tracked(kind, json, |reader| Unambiguous::new(Some(kind), &left).deserialize(reader));
    read.map_err(|status| if left.is_exceeded() { Box::new(too_many()) } else { status })?;
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    tracked(kind, json, |reader| {
        DynamicMessage::deserialize_with_options(kind.clone(), reader, &options)
    })
}

type Reader<'a, 'b, 'de> =
    serde_path_to_error::Deserializer<'a, 'b, &'a mut serde_json::Deserializer<SliceRead<'de>>>;

/// Reads JSON to its end; what is wrong is refused with its place.
fn tracked<'de, T>(
    kind: &MessageDescriptor,
    json: &'de [u8],
    read: impl FnOnce(Reader<'_, '_, 'de>) -> Result<T, serde_json::Error>,
) -> Result<T, Box<Status>> {
    let (mut track, mut reader) = (Track::new(), serde_json::Deserializer::from_slice(json));
    let outcome = read(serde_path_to_error::Deserializer::new(&mut reader, &mut track));
    match outcome {
        Ok(value) => reader.end().map(|()| value).map_err(|error| {
            Box::new(refusal(kind, MALFORMED, "", &format!("{error}: send one JSON object")))
        }),
        Err(error) => {
            let path = track.path();
            let said = error.to_string();
            let reason = if said.starts_with("unrecognized enum value") {
                Reason::ENUM_INVALID
            } else {
                MALFORMED
            };
            let text = format!("{said}{}", allowed(kind, &path, &said));
            Err(Box::new(refusal(kind, reason, &written(kind, &path), &text)))
        }
    }
}

/// Writes a message, the same one always with the same bytes.
pub(super) fn write(message: &DynamicMessage) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Ordered(message))
}

const MALFORMED: Reason = Reason::MALFORMED_MESSAGE;

fn refusal(kind: &MessageDescriptor, reason: Reason, field: &str, text: &str) -> Status {
    let place = if field.is_empty() { String::new() } else { format!("{field}: ") };
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.set_bad_request(vec![field_violation(field.to_owned(), reason, format!("{text}."))]);
    let message = format!("The JSON is no {}: {place}{text}.", kind.name());
    detailed(Code::InvalidArgument, message, details)
}

fn too_many() -> Status {
    let text = "The JSON has more than 200,000 values. Send less at once.";
    status(Code::ResourceExhausted, Reason::MESSAGE_TOO_LARGE, text)
}

/// A path as far as it is known, by the names of the contract, as every other refusal has them. A
/// name that is no JSON has none, and the error says in which line and column it stands.
fn written(kind: &MessageDescriptor, path: &Path) -> String {
    let mut text = String::new();
    let mut place = Some(kind.clone());
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let field = place.as_ref().and_then(|message| {
                    message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key))
                });
                let dot = if text.is_empty() { "" } else { "." };
                let _ = write!(
                    text,
                    "{dot}{}",
                    field.as_ref().map_or(key.as_str(), |field| field.name())
                );
                // The names in a map are the caller's.
                place = field
                    .filter(|field| !field.is_map())
                    .and_then(|field| field.kind().as_message().cloned());
            }
            Segment::Unknown => {}
        }
    }
    text
}

/// The names that would have been right: the values of an enum, or the fields of a message.
fn allowed(kind: &MessageDescriptor, path: &Path, error: &str) -> String {
    let mut place = Some(Kind::Message(kind.clone()));
    for segment in path {
        let Segment::Map { key } = segment else { continue };
        let Some(Kind::Message(message)) = &place else { break };
        match message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key)) {
            Some(field) => place = Some(field.kind()),
            // The field that does not exist is the path's last part; its message is the place.
            None => break,
        }
    }
    match place {
        Some(Kind::Enum(values)) => {
            let names: Vec<_> = values
                .values()
                .filter(|value| value.number() != 0)
                .map(|value| value.name().to_owned())
                .collect();
            format!(" (the enum has {}; a method may take fewer)", listed(&names))
        }
        Some(Kind::Message(message)) if message.full_name() == "google.protobuf.FieldMask" => {
            r#" (write paths as JSON names them, with commas between: "billingEmail,legalName")"#
                .to_owned()
        }
        Some(Kind::Message(message)) if error.starts_with("unrecognized field") => {
            let names: Vec<_> =
                message.fields().map(|field| field.json_name().to_owned()).collect();
            format!(" ({} has {})", message.name(), listed(&names))
        }
        _ => String::new(),
    }
}

fn listed(names: &[String]) -> String {
    let rest = if names.len() > MOST_NAMES { ", …" } else { "" };
    format!(
        "{}{rest}",
        names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{MOST_VALUES, read, write};
    use crate::connect::contract;
    use payterms_kernel::Reason;
    use prost::Message;
    use tonic_types::StatusExt;

    fn refused(json: &str) -> (String, String) {
        let kind = contract::message("payterms.wallet.v1.PostDebitRequest").unwrap();
        let status = read(&kind, json.as_bytes()).unwrap_err();
        let field = status.get_details_bad_request().unwrap().field_violations[0].field.clone();
        assert_eq!(
            status.get_details_bad_request().unwrap().field_violations[0].reason,
            Reason::MALFORMED_MESSAGE
        );
        (field, status.message().to_owned())
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let kind = contract::message("payterms.wallet.v1.PostDebitRequest").unwrap();
        for name in ["requestId", "request_id"] {
            let json = format!(
                r#"{{"{name}":"7","amount":{{"currencyCode":"USD","units":"12","nanos":500000000}}}}"#
            );
            let message = read(&kind, json.as_bytes()).unwrap();
            let bytes = message.encode_to_vec();
            let again =
                prost_reflect::DynamicMessage::decode(kind.clone(), bytes.as_slice()).unwrap();
            let expected = r#"{"requestId":"7","amount":{"currencyCode":"USD","units":"12","nanos":500000000}}"#;
            assert_eq!(String::from_utf8(write(&again).unwrap()).unwrap(), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let (field, text) = refused(r#"{"requestid":"7"}"#);
        assert!(text.contains("requestid") && text.contains("requestId"), "{field}: {text}");
        let (field, text) = refused(r#"{"amount":{"units":"1.5"}}"#);
        assert_eq!(field, "amount.units", "{text}");
        let (field, _) = refused(r#"{"amount":{"units":99999999999999999999}}"#);
        assert_eq!(field, "amount.units");
        let (field, text) = refused(r#"{"amount":{"units":"+5"}}"#);
        assert!(field == "amount.units" && text.contains("without +"), "{field}: {text}");
        let (field, _) = refused(r#"{"amount":[]}"#);
        assert_eq!(field, "amount");
        for json in ["", "[]", "null", "7", "{", "{}{}", "{\"amount\":", "\u{feff}{}"] {
            assert!(refused(json).1.starts_with("The JSON is no PostDebitRequest"), "{json}");
        }
        for json in [
            r#"{"requestId":"7","requestId":"8"}"#,
            r#"{"requestId":"7","request_id":"8"}"#,
            r#"{"amount":{"units":"1","units":"2"}}"#,
        ] {
            assert!(refused(json).1.contains("is set twice"), "{json}");
        }
        let deep = format!("{}{}", "{\"amount\":".repeat(100_000), "}".repeat(100_000));
        assert!(!refused(&deep).1.is_empty());
        let deep = format!("{{\"amount\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!refused(&deep).1.is_empty());
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        for (json, field, said) in [
            ("{name:1}", "", "PostDebitRequest: key must be a string at line 1 column 2."),
            (
                "{\"amount\":{\n units:1}}",
                "amount",
                "amount: key must be a string at line 2 column 2.",
            ),
            ("{\"amount\":{\"units\" 1}}", "amount", "amount: expected `:` at line 1 column 20."),
            ("{\"a?\":1}", "", "unrecognized field name 'a?' at line 1 column 5"),
        ] {
            let (named, text) = refused(json);
            assert!(named == field && text.contains(said), "{json}: {named}: {text}");
        }
    }

    #[test]
    fn values_are_counted_before_they_are_built() {
        let kind = contract::message("payterms.invoicing.v1.CreateInvoiceRequest").unwrap();
        // The message, the invoice, its lines as a list, and each.
        let lines = |count: usize| {
            format!(r#"{{"invoice":{{"lines":[{}]}}}}"#, vec!["{}"; count].join(","))
        };
        assert!(read(&kind, lines(MOST_VALUES - 3).as_bytes()).is_ok());
        let update = contract::message("payterms.invoicing.v1.UpdateCustomerRequest").unwrap();
        let paths = format!(r#"{{"updateMask":"{}"}}"#, vec!["a"; MOST_VALUES].join(","));
        let nothing =
            format!(r#"{{"invoice":{{"memo":[{}]}}}}"#, vec!["[]"; MOST_VALUES].join(","));
        for (kind, json) in [(&kind, lines(MOST_VALUES - 2)), (&update, paths), (&kind, nothing)] {
            let status = read(kind, json.as_bytes()).unwrap_err();
            assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{}", status.message());
        }
    }

    #[test]
    fn lists_and_choices_are_read_in_one_way_only() {
        let kind = contract::message("payterms.invoicing.v1.CreateInvoiceRequest").unwrap();
        let refused = |json: &str| read(&kind, json.as_bytes()).unwrap_err().message().to_owned();
        assert!(
            refused(r#"{"invoice":{"lines":[null]}}"#).contains("an element of a list is null")
        );
        assert!(
            refused(r#"{"invoice":{"lines":[{"description":"a","description":"b"}]}}"#)
                .contains("is set twice")
        );
        let both = refused(
            r#"{"invoice":{"lines":[{"discount":{"percent":{"value":"5"},"amount":{"units":"5"}}}]}}"#,
        );
        assert!(both.contains("oneof"), "{both}");
    }

    #[test]
    fn a_place_is_named_as_the_contract_names_it() {
        let refused = |kind: &str, json: &str| {
            let status = read(&contract::message(kind).unwrap(), json.as_bytes()).unwrap_err();
            (
                status.get_details_bad_request().unwrap().field_violations[0].field.clone(),
                status.message().to_owned(),
            )
        };
        let create = "payterms.invoicing.v1.CreateInvoiceRequest";
        assert_eq!(
            refused(create, r#"{"invoice":{"paymentTerm":{"kind":"NEVER"}}}"#).0,
            "invoice.payment_term.kind"
        );
        assert_eq!(
            refused(create, r#"{"invoice":{"lines":[{},{"unitPrice":7}]}}"#).0,
            "invoice.lines[1].unit_price"
        );
        let (field, text) = refused(
            "payterms.invoicing.v1.UpdateCustomerRequest",
            r#"{"updateMask":"billing_email"}"#,
        );
        assert!(field == "update_mask" && text.contains("billingEmail"), "{field}: {text}");
        for mask in ["memo,,", ",memo", ","] {
            let (field, text) = refused(
                "payterms.invoicing.v1.UpdateCustomerRequest",
                &format!(r#"{{"updateMask":"{mask}"}}"#),
            );
            assert!(
                field == "update_mask" && text.contains("a path of the mask is empty"),
                "{field}: {text}"
            );
        }
    }

    #[test]
    fn an_unknown_value_of_an_enum_names_the_known_ones() {
        let kind = contract::message("payterms.invoicing.v1.GetMailTemplateRequest").unwrap();
        let field = kind.fields().find(|field| field.kind().as_enum().is_some()).unwrap();
        let status = read(&kind, format!(r#"{{"{}":"NOTHING"}}"#, field.json_name()).as_bytes())
            .unwrap_err();
        assert!(status.message().contains("the enum has"), "{}", status.message());
        assert_eq!(
            payterms_chassis::error::reason(&status).as_deref(),
            Some(Reason::ENUM_INVALID.name()),
            "as in protobuf"
        );
    }
}
