//! Words of fields (docs/versioning.md#words-of-fields). `reason` is an enum for programs,
//! `explanation` a text from a person. Beside a list `things` there is no field `things_count`:
//! Java's generated code has a method of that name for the length of the list.

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind};

/// Texts that hold codes: a payment provider's among them, or one of ours.
const CODES: [&str; 4] = ["barred_reason", "failure_reason", "provider_reason", "refusal_reason"];

/// Names fields of the contract whose word is not that of their type.
pub fn check(wrong: &mut Vec<String>) {
    let Ok(pool) = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET) else { return };
    let ours = pool.all_messages().filter(|message| message.full_name().starts_with("payterms."));
    wrong.extend(ours.flat_map(|message| {
        message.fields().filter_map(|field| fault(&field)).collect::<Vec<_>>()
    }));
}

fn fault(field: &FieldDescriptor) -> Option<String> {
    let (name, is_text) = (field.name(), field.kind() == Kind::String);
    let is_word = |word: &str| {
        name == word || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('_'))
    };
    if is_word("reason") && is_text && !CODES.contains(&name) && !is_refusal(field) {
        return Some(format!(
            "{}: a text that says why is an explanation; a reason is an enum",
            field.full_name()
        ));
    }
    if is_word("explanation") && !is_text {
        return Some(format!("{}: an explanation is a text", field.full_name()));
    }
    let list =
        name.strip_suffix("_count").and_then(|list| field.parent_message().get_field_by_name(list));
    list.filter(FieldDescriptor::is_list).map(|list| {
        format!("{}: Java counts the list {} by this name", field.full_name(), list.name())
    })
}

/// Whether it is the reason of a refusal, spelt as in `ErrorInfo`: beside it stands the sentence
/// that the refusal would have.
fn is_refusal(field: &FieldDescriptor) -> bool {
    let message = field.parent_message();
    field.name() == "reason"
        && ["message", "sentence"].iter().any(|name| message.get_field_by_name(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::fault;
    use prost_reflect::{
        DescriptorPool,
        prost_types::{
            DescriptorProto, FieldDescriptorProto, FileDescriptorProto,
            field_descriptor_proto::{Label, Type},
        },
    };

    #[test]
    fn a_word_that_is_not_that_of_its_type_is_refused() {
        let field = |name: &str, number, kind: Type| FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            r#type: Some(kind.into()),
            ..Default::default()
        };
        let fields = [
            field("reason", 1, Type::String),
            field("void_reason", 2, Type::String),
            field("failure_reason", 3, Type::String),
            field("explanation", 4, Type::String),
            field("decision_explanation", 5, Type::Int32),
        ];
        let refusal = [
            field("reason", 1, Type::String),
            field("void_reason", 2, Type::String),
            field("message", 3, Type::String),
        ];
        let message = |name: &str, fields: &[_]| DescriptorProto {
            name: Some(name.to_owned()),
            field: fields.to_vec(),
            ..Default::default()
        };
        let names = FieldDescriptorProto {
            label: Some(Label::Repeated.into()),
            ..field("names", 1, Type::String)
        };
        let counted = [
            names,
            field("names_count", 2, Type::Int32),
            field("names_count_count", 3, Type::Int32),
        ];
        let messages =
            vec![message("M", &fields), message("Refusal", &refusal), message("Counted", &counted)];
        let file = FileDescriptorProto {
            name: Some("m.proto".to_owned()),
            message_type: messages,
            ..Default::default()
        };
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_proto(file).unwrap();
        let faulty = |message: &str| -> Vec<_> {
            let message = pool.get_message_by_name(message).unwrap();
            message
                .fields()
                .filter(|field| fault(field).is_some())
                .map(|field| field.name().to_owned())
                .collect()
        };
        assert_eq!(faulty("M"), ["reason", "void_reason", "decision_explanation"]);
        assert_eq!(
            faulty("Refusal"),
            ["void_reason"],
            "a reason beside its sentence is that of a refusal"
        );
        assert_eq!(
            faulty("Counted"),
            ["names_count"],
            "the count of a list, and not that of a number"
        );
    }
}
