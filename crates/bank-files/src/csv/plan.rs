//! What is to be read from which columns, by name; and the same by place, once a header is found.

use super::{
    CsvMapping, DateOrder, Preset,
    table::{Row, plain},
};
use crate::{finding::FileError, model::ReferenceKind};
use chrono::NaiveDate;
use payterms_kernel::Currency;

/// How a file is read: a mapping's columns, or a preset's.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) preset: Option<Preset>,
    /// Whether the account is that of a credit card.
    pub(super) card: bool,
    pub(super) date: String,
    /// The day of a row that has none under `date`, because it is not booked yet.
    pub(super) other_date: String,
    pub(super) order: DateOrder,
    pub(super) value_date: String,
    pub(super) amount: String,
    pub(super) credit: String,
    pub(super) debit: String,
    pub(super) direction: String,
    pub(super) balance: String,
    pub(super) party: Vec<String>,
    pub(super) party_account: String,
    pub(super) references: Vec<(String, ReferenceKind)>,
    pub(super) text: Vec<String>,
    pub(super) code: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) account: Vec<String>,
    pub(super) charges: String,
    /// Whether the charges are not in the amount, but booked beside it.
    pub(super) charges_beside: bool,
    pub(super) decimal_comma: bool,
    pub(super) default_account: String,
    pub(super) default_currency: Option<Currency>,
    pub(super) period: (Option<NaiveDate>, Option<NaiveDate>),
}

impl Plan {
    /// The plan of a mapping.
    pub(super) fn of(mapping: &CsvMapping) -> Self {
        let list = |name: &String| {
            Some(name.clone()).filter(|name| !name.is_empty()).into_iter().collect::<Vec<_>>()
        };
        Self {
            date: mapping.date_column.clone(),
            order: mapping.date_order,
            value_date: mapping.value_date_column.clone(),
            amount: mapping.amount_column.clone(),
            credit: mapping.credit_column.clone(),
            debit: mapping.debit_column.clone(),
            direction: mapping.direction_column.clone(),
            balance: mapping.balance_column.clone(),
            party: list(&mapping.party_column),
            party_account: mapping.party_account_column.clone(),
            references: list(&mapping.reference_column)
                .into_iter()
                .map(|name| (name, ReferenceKind::AccountServicer))
                .collect(),
            text: mapping.text_columns.iter().filter(|name| !name.is_empty()).cloned().collect(),
            code: mapping.code_column.clone(),
            status: mapping.status_column.clone(),
            currency: mapping.currency_column.clone(),
            account: list(&mapping.account_column),
            charges: mapping.charges_column.clone(),
            decimal_comma: mapping.decimal_comma,
            default_account: mapping.account.clone(),
            default_currency: mapping.currency,
            period: mapping.period,
            ..Self::default()
        }
    }

    /// All columns that it names.
    fn names(&self) -> impl Iterator<Item = &String> {
        let single = [
            &self.date,
            &self.other_date,
            &self.value_date,
            &self.amount,
            &self.credit,
            &self.debit,
            &self.direction,
            &self.balance,
            &self.party_account,
            &self.code,
            &self.status,
            &self.currency,
            &self.charges,
        ];
        let lists = self.party.iter().chain(&self.text).chain(&self.account);
        let all =
            single.into_iter().chain(lists).chain(self.references.iter().map(|(name, _)| name));
        all.filter(|name| !name.is_empty())
    }
}

/// The same by place.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// How many the header has.
    pub(super) count: usize,
    pub(super) date: Option<usize>,
    pub(super) other_date: Option<usize>,
    pub(super) value_date: Option<usize>,
    pub(super) amount: Option<usize>,
    pub(super) credit: Option<usize>,
    pub(super) debit: Option<usize>,
    /// Whether most credits have a minus, as with Citi's cards; and most debits.
    pub(super) credit_is_negative: bool,
    pub(super) debit_is_negative: bool,
    pub(super) direction: Option<usize>,
    pub(super) balance: Option<usize>,
    pub(super) party: Vec<usize>,
    pub(super) party_account: Option<usize>,
    pub(super) references: Vec<(usize, ReferenceKind)>,
    pub(super) text: Vec<usize>,
    pub(super) code: Option<usize>,
    pub(super) status: Option<usize>,
    /// Whether the status was found by its column's name: a word that it does not understand then
    /// says nothing.
    pub(super) status_found: bool,
    pub(super) currency: Option<usize>,
    pub(super) account: Vec<usize>,
    pub(super) charges: Option<usize>,
}

impl Columns {
    /// Where the plan's columns are in a header.
    pub(super) fn of(plan: &Plan, header: &Row) -> Result<Self, FileError> {
        let names: Vec<String> = header.fields.iter().map(|name| plain(name)).collect();
        for name in plan.names() {
            let count = names.iter().filter(|column| **column == plain(name)).count();
            // What a preset names besides what it was recognised by may be missing.
            if count > 1 || count == 0 && plan.preset.is_none() {
                let what = if count == 0 { "no column" } else { "more than one column" };
                return Err(FileError::new(format!(
                    "The file has {what} named {name:?}; its columns are named in line {}.",
                    header.line
                )));
            }
        }
        let place = |name: &String| {
            names.iter().position(|column| !name.is_empty() && *column == plain(name))
        };
        let places = |list: &[String]| list.iter().filter_map(place).collect::<Vec<_>>();
        Ok(Self {
            count: trimmed_count(&header.fields),
            date: place(&plan.date),
            other_date: place(&plan.other_date),
            value_date: place(&plan.value_date),
            amount: place(&plan.amount),
            credit: place(&plan.credit),
            debit: place(&plan.debit),
            credit_is_negative: false,
            debit_is_negative: false,
            direction: place(&plan.direction),
            balance: place(&plan.balance),
            party: places(&plan.party),
            party_account: place(&plan.party_account),
            references: plan
                .references
                .iter()
                .filter_map(|(name, kind)| Some((place(name)?, *kind)))
                .collect(),
            text: places(&plan.text),
            code: place(&plan.code),
            status: place(&plan.status),
            status_found: false,
            currency: place(&plan.currency),
            account: places(&plan.account),
            charges: place(&plan.charges),
        })
    }
}

/// How many fields there are without the empty ones at the end.
pub(super) fn trimmed_count(fields: &[String]) -> usize {
    fields
        .iter()
        .rposition(|field| !field.trim().is_empty())
        .map_or(0, |last| last.saturating_add(1))
}
