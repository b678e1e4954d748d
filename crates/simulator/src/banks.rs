//! The test banks: a page on which a person signs in, and accounts that can be read.

use crate::{World, page::page};
use axum::{
    Form, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{Datelike, Days, NaiveDate};
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write;

/// A test bank with one account.
#[derive(Debug, Clone, Copy)]
struct Bank {
    /// The token by which testers choose it.
    token: &'static str,
    /// Its name.
    name: &'static str,
    /// Currency of its account.
    currency: &'static str,
    /// The payers with their monthly amounts. The first pays on the 5th, the second on the 10th,
    /// and so on.
    payers: &'static [(&'static str, i64)],
    /// The monthly outflow, on the 22nd.
    outflow: i64,
    /// The balance at the end.
    closing: i64,
    /// What happens on its accounts beside that.
    story: Story,
    /// How it answers.
    behaviour: Behaviour,
}

/// What happens beside what payers pay and what goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Nothing.
    Plain,
    /// Each month 60,000 go round between two accounts, a day apart.
    Circle,
    /// In the two months before the last day a deposit of 200,000 bounces after two days.
    Bounces,
    /// Each month a loan of 20,000 is paid out.
    Loans,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// It answers at once.
    Answers,
    /// It reports for this many requests that it is still collecting the data.
    CollectsFor(i64),
    /// The first answer breaks off.
    LosesTheAnswer,
    /// It refuses access: the person must sign in again.
    LetsNobodyIn,
}

/// What a smaller business is paid.
const FOUR_SMALL: &[(&str, i64)] =
    &[("Globex", 4_000), ("Initech", 3_000), ("Umbrella", 2_000), ("Hooli", 1_000)];
const FOUR: &[(&str, i64)] =
    &[("Globex", 12_000), ("Initech", 10_000), ("Umbrella", 9_000), ("Hooli", 9_000)];

const fn bank(
    token: &'static str,
    name: &'static str,
    payers: &'static [(&'static str, i64)],
) -> Bank {
    let (story, behaviour) = (Story::Plain, Behaviour::Answers);
    Bank {
        token,
        name,
        currency: "USD",
        payers,
        outflow: 30_000,
        closing: 160_000,
        story,
        behaviour,
    }
}

const fn story(token: &'static str, name: &'static str, story: Story) -> Bank {
    Bank { outflow: 8_000, story, ..bank(token, name, FOUR_SMALL) }
}

/// All test banks.
const BANKS: [Bank; 12] = [
    bank("bank_steady", "Steady Bank", FOUR),
    bank("bank_one_payer", "Single Bank", &[("Globex", 40_000)]),
    Bank { outflow: 40_000, closing: -2_000, ..bank("bank_overdrawn", "Overdrawn Bank", FOUR) },
    Bank { currency: "EUR", ..bank("bank_euro", "Euro Bank", FOUR) },
    Bank { behaviour: Behaviour::CollectsFor(2), ..bank("bank_slow", "Slow Bank", FOUR) },
    Bank {
        behaviour: Behaviour::CollectsFor(i64::MAX),
        ..bank("bank_never_ready", "Endless Bank", FOUR)
    },
    Bank { behaviour: Behaviour::LosesTheAnswer, ..bank("bank_lost_answer", "Lost Bank", FOUR) },
    Bank { behaviour: Behaviour::LetsNobodyIn, ..bank("bank_login_required", "Locked Bank", FOUR) },
    story("bank_circle", "Round Bank", Story::Circle),
    story("bank_bounces", "Bouncing Bank", Story::Bounces),
    story("bank_loans", "Lending Bank", Story::Loans),
    Bank {
        outflow: 100_000,
        ..bank(
            "bank_large",
            "Large Bank",
            &[("Globex", 60_000), ("Initech", 45_000), ("Hooli", 45_000)],
        )
    },
];

fn find(token: &str) -> Option<&'static Bank> {
    BANKS.iter().find(|bank| bank.token == token)
}

#[derive(Debug)]
struct Booking {
    day: NaiveDate,
    amount: i64,
    party: String,
    reference: String,
    returned: bool,
    category: &'static str,
}

/// A booking as it is answered: its amount is a text.
fn message(booking: &Booking) -> serde_json::Value {
    json!({
        "day": booking.day, "amount": booking.amount.to_string(), "party": booking.party, "reference": booking.reference,
        "returned": booking.returned, "category": booking.category,
    })
}

fn booking(day: NaiveDate, amount: i64, party: &str) -> Booking {
    Booking {
        day,
        amount,
        party: party.to_owned(),
        reference: format!("{day} {party} {amount}"),
        returned: false,
        category: "",
    }
}

fn days(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(Some(from), |day| day.checked_add_days(Days::new(1)))
        .take_while(move |day| *day <= to)
}

/// What payers pay and what goes out: each month the same.
fn bookings(bank: &'static Bank, from: NaiveDate, to: NaiveDate) -> Vec<Booking> {
    let on = |day: NaiveDate| {
        let payers = (1_u32..)
            .zip(bank.payers)
            .filter(move |(place, _)| day.day() == place.saturating_mul(5));
        let paid = payers.map(move |(_, (party, amount))| booking(day, *amount, party));
        let rent = (day.day() == 22)
            .then(|| booking(day, bank.outflow.saturating_neg(), "Rent and wages"));
        paid.chain(rent).chain(of_story(bank.story, day, to))
    };
    days(from, to).flat_map(on).collect()
}

/// What happens on the first account beside that.
fn of_story(story: Story, day: NaiveDate, last: NaiveDate) -> Option<Booking> {
    let months =
        |day: NaiveDate| day.year().saturating_mul(12).saturating_add(day.month0().cast_signed());
    match (story, day.day()) {
        (Story::Circle, 10) => Some(booking(day, -60_000, "Transfer to savings")),
        (Story::Circle, 13) => Some(booking(day, 60_000, "Transfer from savings")),
        (Story::Loans, 8) => Some(Booking {
            category: "TRANSFER_IN_CASH_ADVANCES_AND_LOANS",
            ..booking(day, 20_000, "Lender")
        }),
        (Story::Bounces, 11 | 13)
            if (1..=2).contains(&months(last).saturating_sub(months(day))) =>
        {
            let returned = day.day() == 13;
            let (amount, party) =
                if returned { (-200_000, "Deposited item") } else { (200_000, "Kite") };
            Some(Booking { returned, ..booking(day, amount, party) })
        }
        _ => None,
    }
}

/// The second account of the circle.
fn savings(from: NaiveDate, to: NaiveDate) -> Vec<Booking> {
    let on = |day: NaiveDate| match day.day() {
        11 => Some(booking(day, 60_000, "Transfer from checking")),
        12 => Some(booking(day, -60_000, "Transfer to checking")),
        _ => None,
    };
    days(from, to).filter_map(on).collect()
}

/// Makes a page.
pub async fn open(State(world): State<World>, Path(tenant): Path<String>) -> Response {
    match world.store.bank_page(&tenant).await {
        Ok(id) => {
            Json(json!({ "id": id, "url": format!("/simulator/banks/{id}") })).into_response()
        }
        Err(error) => crate::api::failed(&error),
    }
}

/// The state of a page, with an access token once a bank is chosen.
pub async fn get(
    State(world): State<World>,
    Path((tenant, id)): Path<(String, String)>,
) -> Response {
    match world.store.find_bank_page(&id).await {
        Ok(Some(page)) if page.tenant == tenant => {
            let bank = find(&page.bank);
            let access_token = bank.map(|_| id.replace("page_", "access_"));
            let url = format!("/simulator/banks/{id}");
            Json(json!({ "id": id, "url": url, "token": access_token, "institution": bank.map(|bank| bank.name) })).into_response()
        }
        Ok(_) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => crate::api::failed(&error),
    }
}

/// Which accounts are read, and over which days.
#[derive(Debug, Deserialize)]
pub struct AccountRequest {
    token: String,
    from: NaiveDate,
    to: NaiveDate,
}

/// Reads the account of a token.
pub async fn read(
    State(world): State<World>,
    Path(tenant): Path<String>,
    Json(request): Json<AccountRequest>,
) -> Response {
    let page = request.token.replace("access_", "page_");
    let (bank, reads) = match world.store.count_bank_read(&tenant, &page).await {
        Ok(Some((token, reads))) => (find(&token), reads),
        Ok(None) => return StatusCode::GONE.into_response(),
        Err(error) => return crate::api::failed(&error),
    };
    let Some(bank) = bank else { return StatusCode::GONE.into_response() };
    match bank.behaviour {
        Behaviour::CollectsFor(most) if reads <= most => {
            return StatusCode::CONFLICT.into_response();
        }
        Behaviour::LosesTheAnswer if reads == 1 => return crate::api::broken_answer(),
        Behaviour::LetsNobodyIn => return StatusCode::GONE.into_response(),
        Behaviour::Answers | Behaviour::CollectsFor(_) | Behaviour::LosesTheAnswer => {}
    }
    let account = |number: &str, closing: i64, bookings: &[Booking]| {
        json!({
            "number": format!("{} {number}", bank.name), "currency": bank.currency, "closing": closing.to_string(),
            "bookings": bookings.iter().map(message).collect::<Vec<_>>(),
        })
    };
    let (from, to) = (request.from, request.to);
    let mut accounts = vec![account("0001", bank.closing, &bookings(bank, from, to))];
    if bank.story == Story::Circle {
        let savings = savings(from, to);
        let closing =
            savings.iter().fold(1_000_i64, |sum, booking| sum.saturating_add(booking.amount));
        accounts.push(account("0002", closing, &savings));
    }
    Json(accounts).into_response()
}

/// A token whose access ends.
#[derive(Debug, Deserialize)]
pub struct Token {
    token: String,
}

/// Ends the access that a page gave.
pub async fn forget(
    State(world): State<World>,
    Path(tenant): Path<String>,
    Json(body): Json<Token>,
) -> Response {
    match world.store.forget_bank_page(&tenant, &body.token.replace("access_", "page_")).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => crate::api::failed(&error),
    }
}

/// How many of a tenant's accounts can still be read. Tests compare it with what the suite should
/// have forgotten.
pub async fn count(State(world): State<World>, Path(tenant): Path<String>) -> Response {
    match world.store.open_banks(&tenant).await {
        Ok(count) => Json(count).into_response(),
        Err(error) => crate::api::failed(&error),
    }
}

const TITLE: &str = "Sign in at your bank";

/// Shows the form, or a message that it was submitted.
pub async fn show(State(world): State<World>, Path(id): Path<String>) -> Response {
    match world.store.find_bank_page(&id).await {
        Ok(Some(found)) if found.bank.is_empty() => {
            let mut form =
                "<p>This is the simulator. Choose a test bank.</p><form method=\"post\">"
                    .to_owned();
            for bank in &BANKS {
                let _ = write!(
                    form,
                    "<label><input type=\"radio\" name=\"token\" value=\"{0}\" required> {1} <small>({0})</small></label>",
                    bank.token, bank.name
                );
            }
            form.push_str("<button>Sign in</button></form>");
            page(TITLE, &form).into_response()
        }
        Ok(Some(_)) => {
            page(TITLE, "<p>The account is linked. You can close this page.</p>").into_response()
        }
        _ => (StatusCode::NOT_FOUND, page(TITLE, "<p>There is no such page.</p>")).into_response(),
    }
}

/// The fields of the form.
#[derive(Debug, Deserialize)]
pub struct Choice {
    token: String,
}

/// Links the chosen bank.
pub async fn choose(
    State(world): State<World>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    if find(&choice.token).is_none() {
        return (StatusCode::BAD_REQUEST, page(TITLE, "<p>There is no such test bank.</p>"))
            .into_response();
    }
    match world.store.choose_bank(&id, &choice.token).await {
        Ok(true) => {
            page(TITLE, "<p>The account is linked. You can close this page.</p>").into_response()
        }
        Ok(false) => {
            (StatusCode::NOT_FOUND, page(TITLE, "<p>There is no such page.</p>")).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
