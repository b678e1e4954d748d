//! A CSV file of customers → rows, each checked like a customer that is added alone.

use super::customers::customer_fields;
use crate::commands::customers::{CustomerFields, ImportedCustomer};
use payterms_chassis::{AppError, Call, Fields, Scope};
use payterms_kernel::{Kind, Reason, Refusal};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Bytes of a file.
const MOST_BYTES: usize = 1 << 20;

/// Rows of a file.
const MOST_ROWS: usize = 500;

/// The columns that a file may have.
const COLUMNS: [&str; 12] = [
    "country",
    "legal_name",
    "billing_email",
    "tax_id",
    "tier",
    "locale",
    "address_lines",
    "city",
    "region",
    "postal_code",
    "address_country",
    "external_id",
];

/// Adds the customers of a file.
///
/// # Errors
/// `CSV_INVALID`, and all violations of the request at once.
pub fn import_customers(
    request: Request<pb::ImportCustomersRequest>,
) -> Result<(Call, Vec<ImportedCustomer>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    if message.csv.is_empty() {
        fields.wrong(
            "csv",
            Reason::FIELD_REQUIRED,
            "Send a file with a row of column names and a row for each customer.",
        );
    }
    if message.csv.len() > MOST_BYTES {
        fields.wrong("csv", Reason::FIELD_TOO_LONG, "Send at most 1 MiB; cut the file in two.");
    }
    let scope = fields.scope().clone();
    let call = fields.write(&message.request_id, tenant)?;
    Ok((call, rows(&scope, &message.csv)?))
}

fn invalid(message: impl Into<String>) -> AppError {
    Refusal::new(Kind::Invalid, Reason::CSV_INVALID, message).into()
}

fn rows(scope: &Scope, file: &[u8]) -> Result<Vec<ImportedCustomer>, AppError> {
    let mut reader = csv::Reader::from_reader(file);
    let unreadable = |error: &csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        invalid(format!(
            "The file cannot be read at line {line}: write UTF-8 with a comma between fields and as many fields as names."
        ))
    };
    let names: Vec<String> = reader
        .headers()
        .map_err(|error| unreadable(&error))?
        .iter()
        .map(|name| name.trim().to_owned())
        .collect();
    if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let shown: String = unknown.chars().filter(char::is_ascii_graphic).take(40).collect();
        return Err(invalid(format!(
            "There is no column {shown:?}. Use some of {}.",
            COLUMNS.join(", ")
        )));
    }
    if !names.iter().any(|name| name == "country") {
        return Err(invalid("There is no column country: each customer is taxed somewhere."));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        if rows.len() == MOST_ROWS {
            return Err(invalid("The file has more than 500 rows. Cut it in two."));
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |name: &str| {
            names
                .iter()
                .position(|text| text == name)
                .and_then(|place| record.get(place))
                .unwrap_or_default()
                .trim()
        };
        rows.push(ImportedCustomer {
            line: i32::try_from(line).unwrap_or(i32::MAX),
            customer: customer(scope, cell),
        });
    }
    if rows.is_empty() {
        return Err(invalid("The file has no row beside the names of its columns."));
    }
    Ok(rows)
}

/// Checks a row like the customer of a request.
fn customer<'a>(
    scope: &Scope,
    cell: impl Fn(&str) -> &'a str,
) -> Result<CustomerFields, Vec<String>> {
    let address = ["address_lines", "city", "region", "postal_code", "address_country"]
        .iter()
        .any(|name| !cell(name).is_empty());
    let lines = cell("address_lines")
        .split('|')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    let message = pb::Customer {
        legal_name: cell("legal_name").to_owned(),
        billing_address: address.then(|| pb::Address {
            lines,
            city: cell("city").to_owned(),
            region: cell("region").to_owned(),
            postal_code: cell("postal_code").to_owned(),
            country: cell("address_country").to_owned(),
        }),
        billing_email: cell("billing_email").to_owned(),
        country: cell("country").to_owned(),
        tax_id: cell("tax_id").to_owned(),
        tier: cell("tier").to_owned(),
        locale: cell("locale").to_owned(),
        external_id: cell("external_id").to_owned(),
        ..pb::Customer::default()
    };
    let mut fields = Fields::of(scope.clone(), &message);
    let parsed = customer_fields(&mut fields, &message, |_| true);
    match fields.finish() {
        Ok(()) => Ok(parsed),
        Err(AppError::Refused(refusal)) => {
            let told = |field: &str| {
                field.trim_start_matches("customer.").replace("billing_address.", "address_")
            };
            Err(refusal
                .violations
                .iter()
                .map(|violation| format!("{}: {}", told(&violation.field), violation.description))
                .collect())
        }
        Err(other) => Err(vec![other.to_string()]),
    }
}
