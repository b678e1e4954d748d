//! S4, first part: prepayment is turned on when all conditions hold; the customer prepays without
//! an invoice, and the credit waits.

use super::stage::{Stage, TENANT, said, shown, told};
use crate::{
    client::{amount, request_id},
    shop,
};
use payterms_proto::wallet::v1::{GetPrepaymentOptionsRequest, TurnOnPrepaymentRequest, top_up::State};

/// Plays the story.
///
/// # Errors
/// A sentence that says what was not as told.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    println!("\nS4  Pay ahead: prepayment is turned on, and credit is bought without an invoice.");
    let owner = stage.someone("OWNER")?;
    let on = TurnOnPrepaymentRequest { request_id: request_id(), name: format!("tenants/{TENANT}/walletSettings"), methods: Vec::new() };
    let early = owner.settings().turn_on_prepayment(on).await;
    let refused = early.err().map(said).unwrap_or_default();
    stage.tell("Owner", &format!("asks for prepayment. Refused: {refused}"));
    for condition in ["PROVIDER_NOT_CONNECTED", "PROVIDER_NOT_DEFAULT", "NO_METHOD_CHOSEN"] {
        told(refused.contains(condition), &format!("the refusal names {condition}"))?;
    }
    shop::open(&owner, TENANT).await.map_err(said)?;
    stage.tell("Owner", "connects the payment provider, chooses cards, turns prepayment on.");
    let read = GetPrepaymentOptionsRequest { parent: stage.customer.clone() };
    let options = stage.someone("CUSTOMER_ADMIN")?.settings().get_prepayment_options(read).await.map_err(said)?.into_inner();
    told(options.prepayment, "the customer sees that credit can be bought")?;
    let least = shown(options.minimums.first().and_then(|minimum| minimum.amount.as_ref()));
    stage.tell("Brightside admin", &format!("sees that credit can be bought by card, from {least}."));
    stage.save_card("tok_visa").await?;
    stage.tell("Brightside admin", "saves a Visa card on the provider's page; nothing is charged.");
    let bought = stage.buy(50, 0).await?;
    told(bought.state() == State::Succeeded, "the card is charged")?;
    stage.tell(
        "Brightside admin",
        &format!(
            "prepays {}: credit {}, tax {}.",
            shown(bought.amount.as_ref()),
            shown(bought.credit.as_ref()),
            shown(bought.tax.as_ref())
        ),
    );
    let balance = stage.balance().await?;
    told(balance.available == amount("USD", 50, 0), "50.00 USD wait in the wallet")?;
    stage.tell("Wallet", &format!("holds {}; the credit waits.", shown(balance.available.as_ref())));
    Ok(())
}
