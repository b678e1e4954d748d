//! How the exports of banks outside of the United States name their columns.

use super::{
    DateOrder, Preset,
    layouts::{Layout, WISE_HISTORY, base, list, named},
    plan::Plan,
};
use crate::model::ReferenceKind;

/// The layouts of this bank.
pub(super) fn ing() -> Vec<Layout> {
    let plan = |names: [&str; 10]| {
        let [date, party, account, other, code, direction, amount, kind, text, balance] = names;
        Plan {
            amount: named(amount),
            direction: named(direction),
            balance: named(balance),
            party: list(&[party]),
            party_account: named(other),
            account: list(&[account]),
            code: named(code),
            decimal_comma: true,
            ..base(Preset::Ing, "EUR", DateOrder::YearMonthDay, date, &[text, kind])
        }
    };
    vec![
        Layout {
            required: &[
                "Datum",
                "Naam / Omschrijving",
                "Rekening",
                "Tegenrekening",
                "Code",
                "Af Bij",
                "Bedrag (EUR)",
                "Mededelingen",
            ],
            plan: plan([
                "Datum",
                "Naam / Omschrijving",
                "Rekening",
                "Tegenrekening",
                "Code",
                "Af Bij",
                "Bedrag (EUR)",
                "Mutatiesoort",
                "Mededelingen",
                "Saldo na mutatie",
            ]),
        },
        Layout {
            required: &[
                "Date",
                "Name / Description",
                "Account",
                "Counterparty",
                "Code",
                "Debit/credit",
                "Amount (EUR)",
                "Notifications",
            ],
            plan: plan([
                "Date",
                "Name / Description",
                "Account",
                "Counterparty",
                "Code",
                "Debit/credit",
                "Amount (EUR)",
                "Transaction type",
                "Notifications",
                "Resulting balance",
            ]),
        },
    ]
}

/// The layouts of this bank.
pub(super) fn lloyds() -> Vec<Layout> {
    let plan = Plan {
        credit: named("Credit Amount"),
        debit: named("Debit Amount"),
        balance: named("Balance"),
        code: named("Transaction Type"),
        party: list(&["Transaction Description"]),
        account: list(&["Sort Code", "Account Number"]),
        ..base(
            Preset::Lloyds,
            "GBP",
            DateOrder::DayMonthYear,
            "Transaction Date",
            &["Transaction Description"],
        )
    };
    let required = &[
        "Transaction Date",
        "Transaction Type",
        "Sort Code",
        "Account Number",
        "Transaction Description",
        "Debit Amount",
        "Credit Amount",
    ];
    vec![Layout { required, plan }]
}

/// The layouts of this bank.
pub(super) fn sparkasse() -> Vec<Layout> {
    let plan = Plan {
        value_date: named("Valutadatum"),
        amount: named("Betrag"),
        currency: named("Waehrung"),
        status: named("Info"),
        code: named("Buchungstext"),
        party: list(&["Beguenstigter/Zahlungspflichtiger"]),
        party_account: named("Kontonummer/IBAN"),
        account: list(&["Auftragskonto"]),
        references: vec![
            (named("Kundenreferenz (End-to-End)"), ReferenceKind::EndToEnd),
            (named("Mandatsreferenz"), ReferenceKind::Mandate),
            (named("Sammlerreferenz"), ReferenceKind::Bank),
        ],
        decimal_comma: true,
        default_currency: None,
        ..base(Preset::Sparkasse, "", DateOrder::DayMonthYear, "Buchungstag", &["Verwendungszweck"])
    };
    vec![Layout {
        required: &[
            "Auftragskonto",
            "Buchungstag",
            "Valutadatum",
            "Buchungstext",
            "Verwendungszweck",
            "Betrag",
            "Waehrung",
        ],
        plan,
    }]
}

/// The layouts of this bank.
pub(super) fn wise() -> Vec<Layout> {
    let statement = Plan {
        amount: named("Amount"),
        currency: named("Currency"),
        balance: named("Running Balance"),
        code: named("Transaction Details Type"),
        charges: named("Total fees"),
        party: list(&["Payer Name", "Payee Name", "Merchant"]),
        party_account: named("Payee Account Number"),
        references: vec![(named("TransferWise ID"), ReferenceKind::AccountServicer)],
        ..base(
            Preset::Wise,
            "",
            DateOrder::DayMonthYear,
            "Date",
            &["Description", "Payment Reference", "Note"],
        )
    };
    let history = Plan {
        other_date: named("Created on"),
        amount: named("Amount"),
        currency: named("Currency"),
        status: named("Status"),
        code: named("Direction"),
        charges: named("Fee"),
        charges_beside: true,
        party: list(&["Name"]),
        references: vec![(named("ID"), ReferenceKind::AccountServicer)],
        ..base(Preset::Wise, "", DateOrder::YearMonthDay, "Date", &["Reference"])
    };
    vec![
        Layout {
            required: &["TransferWise ID", "Date", "Amount", "Currency", "Description"],
            plan: statement,
        },
        Layout { required: WISE_HISTORY, plan: history },
    ]
}

/// The layouts of this bank.
pub(super) fn revolut() -> Vec<Layout> {
    let personal = Plan {
        other_date: named("Started Date"),
        amount: named("Amount"),
        currency: named("Currency"),
        status: named("State"),
        balance: named("Balance"),
        code: named("Type"),
        charges: named("Fee"),
        charges_beside: true,
        party: list(&["Description"]),
        account: list(&["Product"]),
        ..base(Preset::Revolut, "", DateOrder::YearMonthDay, "Completed Date", &["Description"])
    };
    let business = |currency: &str, total: bool| Plan {
        other_date: named("Date started (UTC)"),
        amount: named(if total { "Total amount" } else { "Amount" }),
        currency: named(currency),
        status: named("State"),
        balance: named("Balance"),
        code: named("Type"),
        charges: named("Fee"),
        charges_beside: !total,
        party: list(&["Payer", "Description"]),
        party_account: named("Beneficiary IBAN"),
        account: list(&["Account"]),
        references: vec![(named("ID"), ReferenceKind::AccountServicer)],
        ..base(
            Preset::Revolut,
            "",
            DateOrder::YearMonthDay,
            "Date completed (UTC)",
            &["Description", "Reference"],
        )
    };
    vec![
        Layout {
            required: &[
                "Type",
                "Started Date",
                "Completed Date",
                "Description",
                "Amount",
                "Fee",
                "Currency",
                "State",
            ],
            plan: personal,
        },
        Layout {
            required: &[
                "Date started (UTC)",
                "Date completed (UTC)",
                "ID",
                "Type",
                "State",
                "Total amount",
                "Payment currency",
            ],
            plan: business("Payment currency", true),
        },
        Layout {
            required: &[
                "Date started (UTC)",
                "Date completed (UTC)",
                "ID",
                "Type",
                "State",
                "Amount",
                "Payment currency",
            ],
            plan: business("Payment currency", false),
        },
        Layout {
            required: &[
                "Date started (UTC)",
                "Date completed (UTC)",
                "ID",
                "Type",
                "State",
                "Amount",
                "Currency",
            ],
            plan: business("Currency", false),
        },
    ]
}
