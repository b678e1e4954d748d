//! The language of filters, a part of AIP-160: comparisons joined by AND, over the fields that a
//! list allows.
//!
//! There are no parentheses, no OR and no functions, so an expression has no depth, and each
//! comparison narrows the list. What the fields mean in the database is the store's; this knows
//! their names and the types of their values.

use crate::wire::names;
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, marks, money::parse_decimal};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use std::fmt;
use uuid::Uuid;

/// The longest expression, in characters.
pub const MOST_CHARACTERS: usize = 1_000;
/// The most comparisons of an expression.
const MOST_COMPARISONS: usize = 20;

/// What a field is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text, compared as a whole.
    Text,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// A currency by its code.
    Currency,
    /// A country by its code.
    Country,
    /// `true` or `false`.
    Flag,
    /// A calendar date such as `2026-01-31`.
    Date,
    /// An instant such as `2026-01-31T09:30:00Z`.
    Instant,
    /// An amount or another decimal with at most six digits after the point.
    Amount,
    /// The name of a resource with these collections; its last id is compared.
    Name(&'static [&'static str]),
    /// Labels, of which one is compared as a text: `labels.region`.
    Labels,
}

/// A field that a list may be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in the expression.
    pub name: &'static str,
    /// What it is compared with.
    pub kind: Kind,
}

/// The field of a tenant's own ids, and its column.
pub const EXTERNAL_ID: &str = "external_id";
/// The field of labels, and its column.
pub const LABELS: &str = "labels";

impl Field {
    /// A tenant's own id.
    pub const EXTERNAL_ID: Self = Self { name: EXTERNAL_ID, kind: Kind::Text };
    /// A label.
    pub const LABELS: Self = Self { name: LABELS, kind: Kind::Labels };
    /// When a resource was created.
    pub const CREATE_TIME: Self = Self { name: "create_time", kind: Kind::Instant };
    /// When it was last changed.
    pub const UPDATE_TIME: Self = Self { name: "update_time", kind: Kind::Instant };
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Operator {
    /// All operators, the longer ones first, as an expression is read.
    const ALL: [(&'static str, Self); 6] = [
        ("!=", Self::NotEqual),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::More),
    ];
}

/// What a field is compared with, of the field's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Text`], [`Kind::Choice`] and codes.
    Text(String),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Date`].
    Date(NaiveDate),
    /// Of [`Kind::Instant`].
    Instant(DateTime<Utc>),
    /// Of [`Kind::Amount`], in millionths.
    Amount(i64),
    /// Of [`Kind::Name`].
    Id(Uuid),
    /// Of [`Kind::Labels`].
    Label {
        /// The label's key.
        key: String,
        /// The value that it is compared with.
        value: String,
    },
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The field's name.
    pub field: &'static str,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Value,
}

impl Comparison {
    /// Whether it asks for exactly this text.
    #[must_use]
    pub fn is_equal_to(&self, text: &str) -> bool {
        self.operator == Operator::Equal
            && matches!(&self.value, Value::Text(value) if value == text)
    }
}

/// Comparisons that all must hold; none: everything is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(pub Vec<Comparison>);

/// Parses an expression over these fields of resources of a tenant.
///
/// # Errors
/// A sentence that names the field, the operator, and what is allowed.
pub fn parse(text: &str, fields: &[Field], tenant: &str) -> Result<Filter, String> {
    let mut rest = text.trim();
    let mut filter = Filter::default();
    while !rest.is_empty() {
        if filter.0.len() == MOST_COMPARISONS {
            return Err(format!("Use at most {MOST_COMPARISONS} comparisons."));
        }
        if !filter.0.is_empty() {
            rest = joined(rest)?;
        }
        let (comparison, after) = comparison(rest, fields, tenant)?;
        filter.0.push(comparison);
        rest = after.trim_start();
    }
    Ok(filter)
}

/// What follows the word between two comparisons.
fn joined(rest: &str) -> Result<&str, String> {
    if rest == "AND" {
        return Err("Write another comparison after AND, or leave it out.".to_owned());
    }
    let after = rest.strip_prefix("AND").filter(|after| after.starts_with(char::is_whitespace));
    if let Some(sentence) = outside(rest) {
        return Err(sentence);
    }
    after
        .map(str::trim_start)
        .ok_or_else(|| format!("Join comparisons with AND before {}.", shown(rest)))
}

/// Why what follows is no part of this language, where AIP-160 has it.
fn outside(rest: &str) -> Option<String> {
    if rest.starts_with(['(', ')']) {
        return Some(format!(
            "Leave out the parentheses at {}: comparisons are joined by AND alone.",
            shown(rest)
        ));
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let word = rest.get(..end)?;
    let rest = shown(rest);
    match word {
        "OR" => Some(format!(
            "OR is not taken at {rest}: join comparisons with AND, and list once for each alternative."
        )),
        "NOT" => Some(format!(
            "NOT is not taken at {rest}: compare with != or with the opposite operator."
        )),
        "and" | "And" => Some(format!("Write AND in capitals at {rest}.")),
        "or" | "Or" | "not" | "Not" => Some(format!(
            "Only AND joins comparisons, not {word:?} at {rest}; != compares with everything else."
        )),
        _ if word.is_empty() && rest.starts_with("\"-") => Some(format!(
            "- is not taken at {rest}: compare with != or with the opposite operator."
        )),
        _ => None,
    }
}

fn comparison<'a>(
    text: &'a str,
    fields: &[Field],
    tenant: &str,
) -> Result<(Comparison, &'a str), String> {
    let end = text
        .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let written_name = |field: &Field| {
        if field.kind == Kind::Labels {
            format!("{}.KEY", field.name)
        } else {
            field.name.to_owned()
        }
    };
    let names = || fields.iter().map(written_name).collect::<Vec<_>>().join(", ");
    let Some(field) = fields.iter().find(|field| field.name == name) else {
        if let Some(sentence) = outside(text) {
            return Err(sentence);
        }
        let unknown = if name.is_empty() { text } else { name };
        return Err(format!(
            "{} is no field of this list. Compare one of {}.",
            shown(unknown),
            names()
        ));
    };
    let (key, rest) = if field.kind == Kind::Labels { label(rest)? } else { ("", rest) };
    let rest = rest.trim_start();
    let found = Operator::ALL
        .into_iter()
        .find_map(|(sign, operator)| Some((operator, rest.strip_prefix(sign)?)));
    let found = found.filter(|(operator, _)| operators(field.kind).contains(operator));
    let Some((operator, rest)) = found else {
        return Err(format!(
            "Compare {name} with one of the operators {}, not with {}.",
            signs(field.kind),
            shown(rest)
        ));
    };
    let (written, rest) = operand(rest.trim_start())
        .ok_or_else(|| format!("Write what {name} is compared with; close quotation marks."))?;
    let value = value(field.kind, key, &written).ok_or_else(|| {
        format!("{} is no value for {name}. Write {}.", shown(&written), field.kind)
    })?;
    // Its id alone is compared, and an id of another tenant is never looked at.
    if matches!(field.kind, Kind::Name(_)) && written.split('/').nth(1) != Some(tenant) {
        return Err(format!(
            "{} is not of this tenant. Write a name that begins with tenants/{tenant}/.",
            shown(&written)
        ));
    }
    Ok((Comparison { field: field.name, operator, value }, rest))
}

/// The key after `labels`, with what follows it.
fn label(rest: &str) -> Result<(&str, &str), String> {
    let after = rest.strip_prefix('.').unwrap_or_default();
    let end = after
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
        .unwrap_or(after.len());
    let (key, rest) = after.split_at(end);
    if marks::is_key(key) {
        Ok((key, rest))
    } else {
        Err(format!("{}, after labels and a point: labels.region.", marks::KEY_RULE))
    }
}

/// The operators of a kind of field.
fn operators(kind: Kind) -> &'static [Operator] {
    use Operator::{AtLeast, AtMost, Equal, Less, More, NotEqual};
    match kind {
        Kind::Text
        | Kind::Choice(_)
        | Kind::Currency
        | Kind::Country
        | Kind::Flag
        | Kind::Name(_)
        | Kind::Labels => &[Equal, NotEqual],
        Kind::Date | Kind::Instant | Kind::Amount => {
            &[Equal, NotEqual, Less, AtMost, More, AtLeast]
        }
    }
}

fn signs(kind: Kind) -> String {
    let allowed = Operator::ALL.iter().filter(|(_, operator)| operators(kind).contains(operator));
    allowed.map(|(sign, _)| *sign).collect::<Vec<_>>().join(" ")
}

/// A word, or a text between quotation marks of either kind in which a backslash takes the next
/// character as it is.
fn operand(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let end = text
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\'' | '<' | '>' | '=' | '!')
            })
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return (!word.is_empty()).then(|| (word.to_owned(), rest));
    };
    let mut written = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => written.push(characters.next()?.1),
            c if c == quote => return Some((written, text.get(at.checked_add(1)?..)?)),
            c => written.push(c),
        }
    }
    None
}

fn value(kind: Kind, key: &str, written: &str) -> Option<Value> {
    match kind {
        Kind::Labels => Some(Value::Label { key: key.to_owned(), value: written.to_owned() }),
        Kind::Text => (!written.is_empty()).then(|| Value::Text(written.to_owned())),
        Kind::Choice(names) => names.contains(&written).then(|| Value::Text(written.to_owned())),
        Kind::Currency => {
            Currency::parse(written).map(|currency| Value::Text(currency.code().to_owned()))
        }
        Kind::Country => (written.len() == 2 && written.bytes().all(|b| b.is_ascii_uppercase()))
            .then(|| Value::Text(written.to_owned())),
        Kind::Flag => written.parse().ok().map(Value::Flag),
        // No other form: a database compares dates as texts of ten characters.
        Kind::Date => written
            .parse::<NaiveDate>()
            .ok()
            .filter(|day| day.to_string() == written && written.len() == 10)
            .map(Value::Date),
        Kind::Instant => instant(written).map(Value::Instant),
        Kind::Amount => parse_decimal(written, 6)
            .ok()?
            .checked_mul(Decimal::from(1_000_000))?
            .to_i64()
            .map(Value::Amount),
        Kind::Name(collections) => {
            names::parse(written, collections)?.ids.last().copied().map(Value::Id)
        }
    }
}

/// An instant of the years 1 to 9999.
fn instant(written: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(written).ok()?.with_timezone(&Utc);
    (-62_135_596_800..253_402_300_800).contains(&at.timestamp()).then_some(at)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text | Self::Labels => f.write_str("a text, in quotation marks if it has blanks"),
            Self::Choice(names) => write!(f, "one of {}", names.join(", ")),
            Self::Currency => f.write_str("the code of a currency in capitals, such as USD"),
            Self::Country => f.write_str("the code of a country in capitals, such as GB"),
            Self::Flag => f.write_str("true or false"),
            Self::Date => f.write_str("a date such as 2026-01-31"),
            Self::Instant => f.write_str("an instant such as 2026-01-31T09:30:00Z"),
            Self::Amount => f.write_str(
                "a plain decimal such as 12.50, with at most six digits after the point",
            ),
            Self::Name(collections) => write!(f, "a name of the form {}", names::form(collections)),
        }
    }
}

/// The beginning of what was written, for a sentence.
fn shown(text: &str) -> String {
    let shown: String =
        text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(60).collect();
    format!("{shown:?}")
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
