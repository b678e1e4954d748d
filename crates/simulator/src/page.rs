//! The hosted page on which a person saves a card. The person chooses a test card and types no
//! number.

use crate::{World, cards, setups::Setup};
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use std::fmt::Write;

/// The kind of a set-up for a bank account.
const ACCOUNT: &str = "bank_debit";

/// The fields of the form.
#[derive(Debug, Deserialize)]
pub struct Choice {
    token: String,
}

const TITLE: &str = "Save a card";

/// Renders a page of the simulator.
pub(crate) fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>body{{font:16px system-ui;\
         max-width:30rem;margin:4rem auto;padding:0 1rem}}label{{display:block;padding:.3rem 0}}button{{margin-top:1rem;padding:.5rem 1.5rem}}\
         </style></head><body><h1>{title}</h1>{body}</body></html>"
    ))
}

/// Shows the form, or a message that it was submitted.
pub async fn show(State(world): State<World>, Path(id): Path<String>) -> Response {
    match world.store.find_setup(&id).await {
        Ok(Some(setup)) if setup.saved.is_empty() => {
            let account = setup.kind == ACCOUNT;
            let what = if account {
                "a test account; you give a mandate to debit it"
            } else {
                "a test card"
            };
            let mut form = format!(
                "<p>This is the payment simulator. Choose {what}; nothing is charged.</p><form method=\"post\">"
            );
            for card in cards::CARDS.iter().filter(|card| card.account == account) {
                let _ = write!(
                    form,
                    "<label><input type=\"radio\" name=\"token\" value=\"{0}\" required> {1} ···· {2} <small>({0})</small></label>",
                    card.token, card.brand, card.last_four
                );
            }
            form.push_str("<button>Save</button></form>");
            page(TITLE, &form).into_response()
        }
        Ok(Some(_)) => {
            page(TITLE, "<p>The card is saved. You can close this page.</p>").into_response()
        }
        _ => (StatusCode::NOT_FOUND, page(TITLE, "<p>There is no such page.</p>")).into_response(),
    }
}

/// Saves the chosen card, and notifies the suite.
pub async fn save(
    State(world): State<World>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    let Ok(Some(Setup { tenant, kind, .. })) = world.store.find_setup(&id).await else {
        return (StatusCode::NOT_FOUND, page(TITLE, "<p>There is no such page.</p>"))
            .into_response();
    };
    if cards::find(&choice.token).is_none_or(|card| card.account != (kind == ACCOUNT)) {
        return (StatusCode::BAD_REQUEST, page(TITLE, "<p>There is no such test card.</p>"))
            .into_response();
    }
    let saved = id.replace("seti_", "pm_");
    match world.store.save_card(&id, &tenant, &saved, &choice.token).await {
        Ok(_) => {
            world.notify(&tenant, "setup.completed", &id);
            page(TITLE, "<p>The card is saved. You can close this page.</p>").into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
