//! How each bank's export names its columns; here the banks of the United States.

use super::{DateOrder, Preset, european, plan::Plan, table::plain};
use crate::model::ReferenceKind;
use payterms_kernel::Currency;

/// A header that an export is recognised by, and how its rows are read.
pub(super) struct Layout {
    /// Columns that the header must have.
    pub(super) required: &'static [&'static str],
    pub(super) plan: Plan,
}

impl Layout {
    /// Whether a row with these names is its header.
    pub(super) fn is_header(&self, names: &[String]) -> bool {
        !self.required.is_empty() && self.required.iter().all(|name| names.contains(&plain(name)))
    }
}

/// The header that Wells Fargo's older export lacks.
pub(super) const WELLS_FARGO_COLUMNS: [&str; 5] = ["Date", "Amount", "*", "Check", "Description"];
/// The columns to which Wise's history of transfers is brought, in which a row is two where it
/// moves money between own balances.
pub(super) const WISE_HISTORY_COLUMNS: [&str; 10] = [
    "Date",
    "Amount",
    "Currency",
    "Name",
    "Reference",
    "Status",
    "ID",
    "Fee",
    "Direction",
    "Created on",
];
/// What Wise's history is recognised by.
pub(super) const WISE_HISTORY: &[&str] = &[
    "ID",
    "Status",
    "Direction",
    "Created on",
    "Source amount (after fees)",
    "Source currency",
    "Target amount (after fees)",
    "Target currency",
];

pub(super) fn named(name: &str) -> String {
    name.to_owned()
}

pub(super) fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| named(name)).collect()
}

/// A plan with the columns that most exports have.
pub(super) fn base(
    preset: Preset,
    currency: &str,
    order: DateOrder,
    date: &str,
    text: &[&str],
) -> Plan {
    Plan {
        preset: Some(preset),
        date: named(date),
        order,
        text: list(text),
        default_currency: Currency::parse(currency),
        ..Plan::default()
    }
}

/// A plan of an export from the United States, where the description is all that says who it is.
fn american(preset: Preset, date: &str, description: &str) -> Plan {
    Plan {
        party: list(&[description]),
        ..base(preset, "USD", DateOrder::MonthDayYear, date, &[description])
    }
}

/// All layouts of a preset.
pub(super) fn layouts(preset: Preset) -> Vec<Layout> {
    match preset {
        Preset::Chase => chase(),
        Preset::BankOfAmerica => bank_of_america(),
        Preset::WellsFargo => wells_fargo(),
        Preset::Citi => citi(),
        Preset::CapitalOne => capital_one(),
        Preset::Ing => european::ing(),
        Preset::Lloyds => european::lloyds(),
        Preset::Sparkasse => european::sparkasse(),
        Preset::Wise => european::wise(),
        Preset::Revolut => european::revolut(),
    }
}

fn chase() -> Vec<Layout> {
    let account = Plan {
        amount: named("Amount"),
        balance: named("Balance"),
        code: named("Type"),
        references: vec![(named("Check or Slip #"), ReferenceKind::Cheque)],
        ..american(Preset::Chase, "Posting Date", "Description")
    };
    let card = Plan {
        card: true,
        amount: named("Amount"),
        code: named("Type"),
        text: list(&["Description", "Memo"]),
        ..american(Preset::Chase, "Post Date", "Description")
    };
    vec![
        Layout {
            required: &["Details", "Posting Date", "Description", "Amount", "Type", "Balance"],
            plan: account,
        },
        Layout {
            required: &[
                "Transaction Date",
                "Post Date",
                "Description",
                "Category",
                "Type",
                "Amount",
            ],
            plan: card,
        },
    ]
}

fn bank_of_america() -> Vec<Layout> {
    let account = Plan {
        amount: named("Amount"),
        balance: named("Running Bal."),
        ..american(Preset::BankOfAmerica, "Date", "Description")
    };
    let card = Plan {
        card: true,
        amount: named("Amount"),
        references: vec![(named("Reference Number"), ReferenceKind::Bank)],
        ..american(Preset::BankOfAmerica, "Posted Date", "Payee")
    };
    vec![
        Layout { required: &["Date", "Description", "Amount", "Running Bal."], plan: account },
        Layout {
            required: &["Posted Date", "Reference Number", "Payee", "Address", "Amount"],
            plan: card,
        },
    ]
}

fn wells_fargo() -> Vec<Layout> {
    let newer = Plan {
        amount: named("AMOUNT"),
        status: named("STATUS"),
        references: vec![(named("CHECK #"), ReferenceKind::Cheque)],
        ..american(Preset::WellsFargo, "DATE", "DESCRIPTION")
    };
    let older = Plan {
        amount: named("Amount"),
        references: vec![(named("Check"), ReferenceKind::Cheque)],
        ..american(Preset::WellsFargo, "Date", "Description")
    };
    vec![
        Layout { required: &["DATE", "DESCRIPTION", "AMOUNT", "CHECK #", "STATUS"], plan: newer },
        Layout { required: &[], plan: older },
    ]
}

fn citi() -> Vec<Layout> {
    let account = Plan {
        credit: named("Credit"),
        debit: named("Debit"),
        status: named("Status"),
        balance: named("Balance"),
        ..american(Preset::Citi, "Date", "Description")
    };
    let card = Plan { card: true, ..account.clone() };
    vec![
        Layout {
            required: &["Status", "Date", "Description", "Debit", "Credit", "Member Name"],
            plan: card,
        },
        Layout { required: &["Status", "Date", "Description", "Debit", "Credit"], plan: account },
    ]
}

fn capital_one() -> Vec<Layout> {
    let account = Plan {
        amount: named("Transaction Amount"),
        direction: named("Transaction Type"),
        balance: named("Balance"),
        account: list(&["Account Number"]),
        ..american(Preset::CapitalOne, "Transaction Date", "Transaction Description")
    };
    let card = Plan {
        card: true,
        order: DateOrder::YearMonthDay,
        credit: named("Credit"),
        debit: named("Debit"),
        account: list(&["Card No."]),
        ..american(Preset::CapitalOne, "Posted Date", "Description")
    };
    vec![
        Layout {
            required: &[
                "Transaction Date",
                "Transaction Amount",
                "Transaction Type",
                "Transaction Description",
                "Balance",
            ],
            plan: account,
        },
        Layout {
            required: &[
                "Transaction Date",
                "Posted Date",
                "Card No.",
                "Description",
                "Debit",
                "Credit",
            ],
            plan: card,
        },
    ]
}
