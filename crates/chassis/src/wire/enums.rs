//! Validation of enums in requests: what is no value is refused with the values that there are.

use crate::wire::fields::Fields;
use payterms_kernel::Reason;
use std::{any::type_name, fmt::Debug};

/// The largest number that is looked at for a value; a test compares it with the contract.
const MOST_NUMBER: i32 = 99;

impl Fields {
    /// A value of an enum other than its unspecified one.
    pub fn choice<E: TryFrom<i32> + Into<i32> + Copy + Debug>(
        &mut self,
        field: &str,
        number: i32,
    ) -> Option<E> {
        let value = E::try_from(number).ok().filter(|_| number != 0);
        if value.is_none() {
            self.wrong(field, Reason::ENUM_INVALID, format!("Choose one of {}.", values::<E>()));
        }
        value
    }

    /// As [`Fields::choice`], where not every value is taken.
    pub fn choice_among<E: TryFrom<i32> + Into<i32> + Copy + Debug + PartialEq>(
        &mut self,
        field: &str,
        number: i32,
        among: &[E],
    ) -> Option<E> {
        let value = E::try_from(number).ok().filter(|value| among.contains(value));
        if value.is_none() {
            let named: Vec<_> = among.iter().map(|value| named(value, (*value).into())).collect();
            self.wrong(field, Reason::ENUM_INVALID, format!("Choose one of {}.", named.join(", ")));
        }
        value
    }
}

/// The values of an enum.
fn values<E: TryFrom<i32> + Debug>() -> String {
    let all =
        (1..=MOST_NUMBER).filter_map(|number| Some(named(&E::try_from(number).ok()?, number)));
    all.collect::<Vec<_>>().join(", ")
}

/// A value by the name that JSON takes, with its number: `KIND_NET_DAYS (1)`. Every name begins
/// with that of its enum, as the contract's lint has it.
fn named<E: Debug>(value: &E, number: i32) -> String {
    let prefix = upper_snake(type_name::<E>().rsplit("::").next().unwrap_or_default());
    format!("{prefix}_{} ({number})", upper_snake(&format!("{value:?}")))
}

/// `NetDays` as `NET_DAYS`.
fn upper_snake(name: &str) -> String {
    let words = name.chars().enumerate().map(|(place, letter)| {
        let gap = if place > 0 && letter.is_uppercase() { "_" } else { "" };
        format!("{gap}{}", letter.to_ascii_uppercase())
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::{MOST_NUMBER, values};
    use payterms_proto::invoicing::v1::payment_term::Kind;
    use prost_reflect::DescriptorPool;

    #[test]
    fn the_values_are_named_with_their_numbers() {
        let named = "KIND_NET_DAYS (1), KIND_NET_DAYS_END_OF_MONTH (2), KIND_END_OF_MONTH_NET_DAYS (3), KIND_END_OF_FOLLOWING_MONTH (4)";
        assert_eq!(values::<Kind>(), named);
    }

    #[test]
    fn no_enum_of_a_request_has_a_larger_number() {
        let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap();
        let ours = pool
            .all_enums()
            .filter(|enum_descriptor| enum_descriptor.full_name().starts_with("payterms."));
        for enum_descriptor in ours.filter(|enum_descriptor| {
            enum_descriptor.full_name() != "payterms.common.v1.ErrorReason"
        }) {
            assert!(
                enum_descriptor.values().all(|value| (0..=MOST_NUMBER).contains(&value.number())),
                "{}",
                enum_descriptor.full_name()
            );
        }
    }
}
