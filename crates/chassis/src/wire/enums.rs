//! Validation of enums in requests: what is no value is refused with the values that there are.

use crate::wire::fields::Fields;
use std::fmt::Debug;

/// The largest number that is looked at for a value; a test compares it with the contract.
const MOST_NUMBER: i32 = 99;

impl Fields {
    /// A value of an enum other than its unspecified one.
    pub fn choice<E: TryFrom<i32> + Into<i32> + Copy + Debug>(&mut self, field: &str, number: i32) -> Option<E> {
        let value = E::try_from(number).ok().filter(|_| number != 0);
        if value.is_none() {
            self.wrong(field, "ENUM_INVALID", format!("Choose one of {}.", values::<E>()));
        }
        value
    }
}

/// The values of an enum with their numbers, as the contract's comments call them: `NET_DAYS (1)`.
fn values<E: TryFrom<i32> + Debug>() -> String {
    let named = (1..=MOST_NUMBER).filter_map(|number| Some((number, E::try_from(number).ok()?)));
    named.map(|(number, value)| format!("{} ({number})", upper_snake(&format!("{value:?}")))).collect::<Vec<_>>().join(", ")
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
        let named = "NET_DAYS (1), NET_DAYS_END_OF_MONTH (2), END_OF_MONTH_NET_DAYS (3), END_OF_FOLLOWING_MONTH (4)";
        assert_eq!(values::<Kind>(), named);
    }

    #[test]
    fn no_enum_of_a_request_has_a_larger_number() {
        let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap();
        let ours = pool.all_enums().filter(|own| own.full_name().starts_with("payterms."));
        for own in ours.filter(|own| own.full_name() != "payterms.common.v1.ErrorReason") {
            assert!(own.values().all(|value| (0..=MOST_NUMBER).contains(&value.number())), "{}", own.full_name());
        }
    }
}
