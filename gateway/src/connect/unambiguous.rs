//! JSON that can be read in one way only. A field that is set twice, by the same name or by both of its names, and an element that is
//! null, are refused: a reader that takes the last of two amounts and another that takes the first see two payments.

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{collections::HashSet, fmt};

/// A value of this message; none where the value has no fields, or names of its own.
pub(super) struct Unambiguous<'a>(pub Option<&'a MessageDescriptor>);

/// The message whose fields stand in the value of a field; none in a map, whose names are the caller's.
fn inner(field: Option<&FieldDescriptor>) -> Option<MessageDescriptor> {
    field.filter(|field| !field.is_map()).and_then(|field| field.kind().as_message().cloned())
}

impl<'de> DeserializeSeed<'de> for Unambiguous<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

/// An element of a list.
struct Element<'a>(Option<&'a MessageDescriptor>);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        struct NotNull<'a>(Unambiguous<'a>);
        impl<'de> Visitor<'de> for NotNull<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an element")
            }

            fn visit_none<E: Error>(self) -> Result<(), E> {
                Err(E::custom("an element of a list is null"))
            }

            fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
                self.0.deserialize(reader)
            }
        }
        reader.deserialize_option(NotNull(Unambiguous(self.0)))
    }
}

impl<'de> Visitor<'de> for Unambiguous<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let field = self.0.and_then(|message| message.get_field_by_json_name(&key).or_else(|| message.get_field_by_name(&key)));
            let name = field.as_ref().map_or_else(|| key.clone(), |field| field.name().to_owned());
            if !seen.insert(name) {
                return Err(A::Error::custom(format!("`{key}` is set twice")));
            }
            map.next_value_seed(Unambiguous(inner(field.as_ref()).as_ref()))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Element(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}
