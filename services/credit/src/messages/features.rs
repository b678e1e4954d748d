//! Features with their values, outcomes and points, both ways.

use payterms_chassis::{Fields, render::decimal};
use payterms_credit_domain::{Feature, Features, Outcome, feature::Unit};
use payterms_kernel::Reason;
use payterms_proto::{credit::v1 as pb, google::r#type::Decimal as DecimalMessage};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// Points of anything, either way.
const MOST_POINTS: i32 = 1_000;
/// The largest value of a feature, in its unit.
const MOST_VALUE: i64 = 1_000_000_000;

/// Digits after the point of a unit.
fn decimals(unit: Unit) -> u32 {
    match unit {
        Unit::Money => 6,
        Unit::BasisPoints => 4,
        Unit::Count | Unit::Days | Unit::Months => 0,
    }
}

/// A feature by its number.
pub(super) fn feature(fields: &mut Fields, field: &str, number: i32) -> Option<Feature> {
    let message = fields.choice::<pb::Feature>(field, number)?;
    Feature::ALL.into_iter().find(|feature| render_feature(*feature) == message)
}

/// A value of a feature, in its unit's smallest part.
pub(super) fn value(
    fields: &mut Fields,
    field: &str,
    feature: Feature,
    message: Option<&DecimalMessage>,
) -> i64 {
    let most = Decimal::from(MOST_VALUE);
    let scale = decimals(feature.unit());
    let parsed = match negative(message) {
        Some(plain) => -fields.decimal(field, Some(&plain), scale, Decimal::ZERO, most),
        None => fields.decimal(field, message, scale, -most, most),
    };
    let factor = 10_i64.checked_pow(scale).unwrap_or(1);
    parsed.checked_mul(Decimal::from(factor)).and_then(|parsed| parsed.to_i64()).unwrap_or_default()
}

/// The number without its minus sign; none where it has none: the grammar of amounts takes no sign.
fn negative(message: Option<&DecimalMessage>) -> Option<DecimalMessage> {
    let plain = message?.value.strip_prefix('-')?;
    Some(DecimalMessage { value: plain.to_owned() })
}

/// Points, within their bounds.
pub(super) fn points(fields: &mut Fields, field: &str, points: i32) -> i64 {
    if points.checked_abs().is_none_or(|points| points > MOST_POINTS) {
        fields.wrong(field, Reason::FIELD_OUT_OF_RANGE, "Use -1,000 to 1,000 points.");
    }
    points.into()
}

/// An outcome by its number.
pub(super) fn outcome(fields: &mut Fields, field: &str, number: i32) -> Outcome {
    match fields.choice::<pb::Outcome>(field, number) {
        Some(pb::Outcome::Refer) => Outcome::Refer,
        Some(pb::Outcome::Decline) => Outcome::Decline,
        Some(pb::Outcome::Approve | pb::Outcome::Unspecified) | None => Outcome::Approve,
    }
}

/// A feature.
pub(super) fn render_feature(feature: Feature) -> pb::Feature {
    pb::Feature::from_str_name(&format!("FEATURE_{}", feature.name())).unwrap_or_default()
}

/// A value of a feature.
pub(super) fn render_value(feature: Feature, value: i64) -> DecimalMessage {
    decimal(Decimal::new(value, decimals(feature.unit())))
}

/// A feature with its value; none: it is not known.
pub(super) fn feature_value(feature: Feature, known: Option<i64>) -> pb::FeatureValue {
    pb::FeatureValue {
        feature: render_feature(feature).into(),
        value: known.map(|known| render_value(feature, known)),
    }
}

/// All features.
pub(super) fn feature_values(features: &Features) -> Vec<pb::FeatureValue> {
    Feature::ALL
        .into_iter()
        .map(|feature| feature_value(feature, features.get(&feature).copied()))
        .collect()
}

/// An outcome.
pub(super) fn render_outcome(outcome: Outcome) -> pb::Outcome {
    match outcome {
        Outcome::Approve => pb::Outcome::Approve,
        Outcome::Refer => pb::Outcome::Refer,
        Outcome::Decline => pb::Outcome::Decline,
    }
}

/// Points, as a message holds them.
pub(super) fn render_points(points: i64) -> i32 {
    i32::try_from(points).unwrap_or(i32::MAX)
}
