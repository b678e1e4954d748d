//! JSON that can be read in one way only. A field that is set twice, by the same name or by both of
//! its names, and an element that is null, are refused: a reader that takes the last of two amounts
//! and another that takes the first see two payments. Values are counted on the way, before any
//! memory is taken for them.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{cell::Cell, collections::HashSet, fmt};

/// How many more values a message may have; none once it has too many.
pub(super) struct Left(Cell<Option<usize>>);

impl Left {
    pub(super) fn new(most: usize) -> Self {
        Self(Cell::new(Some(most)))
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.0.get().is_none()
    }

    fn take<E: Error>(&self, count: usize) -> Result<(), E> {
        let left = self.0.get().and_then(|left| left.checked_sub(count));
        self.0.set(left);
        left.map(drop).ok_or_else(|| E::custom("there are too many values"))
    }
}

/// A value of this message; none where the value has no fields, or names of its own.
#[derive(Clone, Copy)]
pub(super) struct Unambiguous<'a> {
    message: Option<&'a MessageDescriptor>,
    is_integer: bool,
    left: &'a Left,
}

impl<'a> Unambiguous<'a> {
    pub(super) fn new(message: Option<&'a MessageDescriptor>, left: &'a Left) -> Self {
        Self { message, is_integer: false, left }
    }
}

/// Whether a field holds integers, which may be written as text.
fn is_integer(field: &FieldDescriptor) -> bool {
    use Kind::{
        Fixed32, Fixed64, Int32, Int64, Sfixed32, Sfixed64, Sint32, Sint64, Uint32, Uint64,
    };
    matches!(
        field.kind(),
        Int32 | Int64 | Sint32 | Sint64 | Uint32 | Uint64 | Fixed32 | Fixed64 | Sfixed32 | Sfixed64
    )
}

/// The message whose fields stand in the value of a field; none in a map, whose names are the
/// caller's.
fn inner(field: Option<&FieldDescriptor>) -> Option<MessageDescriptor> {
    field.filter(|field| !field.is_map()).and_then(|field| field.kind().as_message().cloned())
}

impl<'de> DeserializeSeed<'de> for Unambiguous<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        self.left.take(1)?;
        reader.deserialize_any(self)
    }
}

/// An element of a list.
struct Element<'a>(Unambiguous<'a>);

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
        reader.deserialize_option(NotNull(self.0))
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
            let field = self.message.and_then(|message| {
                message.get_field_by_json_name(&key).or_else(|| message.get_field_by_name(&key))
            });
            let name = field.as_ref().map_or_else(|| key.clone(), |field| field.name().to_owned());
            if !seen.insert(name) {
                return Err(A::Error::custom(format!("`{key}` is set twice")));
            }
            let message = inner(field.as_ref());
            let is_integer = field.as_ref().is_some_and(is_integer);
            map.next_value_seed(Unambiguous {
                message: message.as_ref(),
                is_integer,
                left: self.left,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Element(self))?.is_some() {}
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

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.is_integer && text.starts_with('+') {
            return Err(E::custom("a number is written without +"));
        }
        // The paths of a field mask stand in one text.
        let is_mask =
            self.message.is_some_and(|message| message.full_name() == "google.protobuf.FieldMask");
        if is_mask && !text.is_empty() && text.split(',').any(str::is_empty) {
            return Err(E::custom("a path of the mask is empty"));
        }
        self.left.take(if is_mask { text.bytes().filter(|byte| *byte == b',').count() } else { 0 })
    }
}
