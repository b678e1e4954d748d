//! The check at the end: the invariants that a client can see, and the provider's own list.

use super::stage::{Stage, exact, must_hold, sentence_of, shown};
use comfy_table::Table;
use payterms_kernel::{Currency, Money};
use payterms_proto::{
    invoicing::v1::{ListPaymentsRequest, PaymentTender, payment_tender},
    wallet::v1::{
        Entry, ListEntriesRequest, ListLotsRequest, ListTopUpsRequest, entry::Kind, top_up::State,
    },
};

/// Checks everything, and prints the summary.
///
/// # Errors
/// A sentence that names the invariant that does not hold.
pub async fn all(stage: &Stage) -> Result<(), String> {
    stage.print_title("The check");
    let staff = stage.someone("STAFF")?;
    let zero = Currency::parse("USD").map(Money::zero).ok_or("no USD")?;
    let entries = entries(stage).await?;
    let mut running = zero;
    let mut by_kind: Vec<(Kind, u64, Money)> = Vec::new();
    for (place, entry) in (1..).zip(&entries) {
        let moved = entry.amount.as_ref().and_then(exact).ok_or("an entry without amount")?;
        running = running.plus(moved).map_err(|error| error.to_string())?;
        must_hold(entry.sequence == place, "entries have no gap")?;
        must_hold(
            entry.balance_after.as_ref().and_then(exact) == Some(running),
            "every balance-after is the sum so far",
        )?;
        match by_kind.iter_mut().find(|(kind, ..)| *kind == entry.kind()) {
            Some((_, count, sum)) => {
                *count += 1;
                *sum = sum.plus(moved).map_err(|error| error.to_string())?;
            }
            None => by_kind.push((entry.kind(), 1, moved)),
        }
    }
    let balance = stage.balance().await?;
    must_hold(
        balance.posted.as_ref().and_then(exact) == Some(running),
        "I2: posted is the sum of the entries",
    )?;
    let lots =
        ListLotsRequest { parent: stage.wallet.clone(), page_size: 500, ..Default::default() };
    let lots = staff.lots().list_lots(lots).await.map_err(sentence_of)?.into_inner().lots;
    let left = lots
        .iter()
        .filter_map(|lot| lot.remaining.as_ref().and_then(exact))
        .try_fold(zero, Money::plus);
    must_hold(left == Ok(running), "I3: the lots hold what is posted")?;
    let top_ups =
        ListTopUpsRequest { parent: stage.wallet.clone(), page_size: 500, ..Default::default() };
    let top_ups =
        staff.top_ups().list_top_ups(top_ups).await.map_err(sentence_of)?.into_inner().top_ups;
    let taken = top_ups.iter().filter(|top_up| top_up.state() == State::Succeeded);
    let taken = taken
        .filter_map(|top_up| top_up.amount.as_ref().and_then(exact))
        .try_fold(zero, Money::plus);
    let by_card = charged_for_invoices(stage, zero).await?;
    let taken = taken.and_then(|taken| taken.plus(by_card));
    must_hold(
        taken == Ok(provider_took(stage, zero).await?),
        "I4: the provider's list is what top-ups and payments took",
    )?;
    let mut table = Table::new();
    table.set_header(["movement", "entries", "sum"]);
    for (kind, count, sum) in by_kind {
        table.add_row([
            kind.as_str_name().trim_start_matches("KIND_").to_lowercase().replace('_', " "),
            count.to_string(),
            sum.to_string(),
        ]);
    }
    println!("{table}");
    println!(
        "  balance {}; {} top-ups; entries, lots and the provider's list agree.",
        shown(balance.posted.as_ref()),
        top_ups.len()
    );
    Ok(())
}

/// All entries of the wallet, oldest first.
async fn entries(stage: &Stage) -> Result<Vec<Entry>, String> {
    let (mut entries, mut token) = (Vec::new(), String::new());
    loop {
        let list = ListEntriesRequest {
            parent: stage.wallet.clone(),
            page_size: 500,
            page_token: token,
            ..Default::default()
        };
        let page = stage
            .someone("STAFF")?
            .wallets()
            .list_entries(list)
            .await
            .map_err(sentence_of)?
            .into_inner();
        entries.extend(page.entries);
        token = page.next_page_token;
        if token.is_empty() {
            entries.reverse();
            return Ok(entries);
        }
    }
}

/// What cards paid for invoices.
async fn charged_for_invoices(stage: &Stage, zero: Money) -> Result<Money, String> {
    let mut payments = Vec::new();
    for customer in std::iter::once(&stage.customer).chain(&stage.others) {
        let list =
            ListPaymentsRequest { parent: customer.clone(), page_size: 500, ..Default::default() };
        payments.extend(
            stage
                .someone("STAFF")?
                .payments()
                .list_payments(list)
                .await
                .map_err(sentence_of)?
                .into_inner()
                .payments,
        );
    }
    let tenders = payments.iter().flat_map(|payment| &payment.tenders);
    let by_card = |tender: &&PaymentTender| {
        !tender.credit && !tender.credit_line && tender.bank_line.is_empty()
    };
    let taken =
        tenders.filter(by_card).filter(|tender| tender.state() == payment_tender::State::Succeeded);
    taken
        .filter_map(|tender| tender.amount.as_ref().and_then(exact))
        .try_fold(zero, Money::plus)
        .map_err(|error| error.to_string())
}

/// What the provider's own list says it took.
async fn provider_took(stage: &Stage, zero: Money) -> Result<Money, String> {
    let url = format!("{}/v1/{}/charges", stage.suite.simulator, super::stage::TENANT);
    let charges: Vec<serde_json::Value> = match reqwest::get(url).await {
        Ok(answer) => answer.json().await.map_err(|error| error.to_string())?,
        Err(error) => return Err(error.to_string()),
    };
    let mut took = zero;
    for charge in charges.iter().filter(|charge| charge["state"] == "succeeded") {
        let amount = charge["amount"].as_str().unwrap_or_default();
        let amount = Money::parse(zero.currency(), amount).map_err(|error| error.to_string())?;
        took = took.plus(amount).map_err(|error| error.to_string())?;
    }
    Ok(took)
}
