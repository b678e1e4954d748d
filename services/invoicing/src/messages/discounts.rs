//! Discounts of lines and of whole drafts: fields → domain, and domain → messages.

use payterms_chassis::{
    Fields,
    fields::Digits,
    render::{decimal, money},
};
use payterms_invoicing_domain::{Discount, Off};
use payterms_kernel::{Money, Reason};
use payterms_proto::invoicing::v1 as pb;
use rust_decimal::Decimal;

/// The discount of a field.
pub fn discount(fields: &mut Fields, field: &str, discount: &pb::Discount) -> Discount {
    let off = match &discount.off {
        Some(pb::discount::Off::Percent(percent)) => Off::Percent(fields.decimal(
            &format!("{field}.percent"),
            Some(percent),
            4,
            Decimal::new(1, 4),
            Decimal::ONE_HUNDRED,
        )),
        Some(pb::discount::Off::Amount(amount)) => {
            Off::Amount(fields.money(&format!("{field}.amount"), Some(amount), Digits::MinorUnit))
        }
        None => {
            fields.wrong(field, Reason::FIELD_REQUIRED, "Set percent or amount.");
            Off::Percent(Decimal::ONE)
        }
    };
    Discount {
        off,
        description: fields.printed(&format!("{field}.description"), &discount.description, 0, 100),
    }
}

/// A discount with what it takes off.
#[must_use]
pub fn render_discount(discount: &Discount, taken_off: Option<Money>) -> pb::Discount {
    let off = match discount.off {
        Off::Percent(percent) => pb::discount::Off::Percent(decimal(percent)),
        Off::Amount(amount) => pb::discount::Off::Amount(money(amount)),
    };
    pb::Discount {
        off: Some(off),
        description: discount.description.clone(),
        taken_off: taken_off.map(money),
    }
}
