//! S5, first part: a month of usage, recharged by threshold and at the month's end, a card that
//! fails and is replaced, a negative balance that is repaired.

use super::stage::{Stage, must_hold, sentence_of, shown};
use crate::{
    client::{amount, request_id},
    usage_file::{Target, UsageFile},
};
use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use payterms_proto::wallet::v1::{
    AutoRecharge, GetAutoRechargeRequest, ListTopUpsRequest, PostFeeRequest, RecordUsageRequest,
    RecordUsageStreamRequest, RefundTopUpRequest, RetryAutoRechargeRequest,
    SetCollectionMethodRequest, TopUp, UpdateAutoRechargeRequest, auto_recharge::State,
    auto_recharge::ThresholdRecharge, top_up, top_up_refund,
};

/// Plays the story with a usage file.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage, usage: &str) -> Result<(), String> {
    stage.print_title(
        "S5  Prepaid, recharged by itself: a month of calls and messages from a file.",
    );
    let lines = read(usage, &stage.wallet)?;
    must_hold(lines.len() >= 5_000, "the file holds at least 5,000 records")?;
    let below = stage.buy(19, 99).await;
    stage.print_step(
        "Brightside admin",
        &format!("tries 19.99 USD. Refused: {}", below.err().unwrap_or_default()),
    );
    set_rules(stage).await?;
    stage.print_step(
        "Brightside admin",
        "sets auto-recharge: below 20.00 USD up to 60.00 USD, 25.00 USD at month end, repair when negative, at most 300.00 USD a month.",
    );
    let first = stage.now;
    month(stage, &lines).await?;
    must_hold(stage.now >= first + TimeDelta::days(30), "a month has passed")?;
    let recharges = recharges(stage).await?;
    let thresholds =
        recharges.iter().filter(|recharge| recharge.amount != amount("USD", 25, 0)).count();
    must_hold(thresholds >= 2, "the threshold recharged more than once")?;
    must_hold(
        recharges.iter().any(|recharge| recharge.amount == amount("USD", 25, 0)),
        "the month's end recharged 25.00 USD",
    )?;
    failing_card(stage).await?;
    refund(stage).await
}

fn read(usage: &str, wallet: &str) -> Result<Vec<RecordUsageRequest>, String> {
    let target = Target { wallet: wallet.to_owned(), currency: "USD".to_owned(), first_day: None };
    let lines = UsageFile::open(usage.as_bytes(), target)?;
    lines.map(|line| line.usage.map_err(|why| format!("line {}: {why}", line.number))).collect()
}

async fn set_rules(stage: &Stage) -> Result<(), String> {
    let auto_recharge = AutoRecharge {
        name: format!("{}/autoRecharge", stage.wallet),
        threshold: amount("USD", 20, 0),
        threshold_recharge: amount("USD", 60, 0).map(ThresholdRecharge::ThresholdUpTo),
        month_end_amount: amount("USD", 25, 0),
        repair_negative: true,
        monthly_ceiling: amount("USD", 300, 0),
        ..AutoRecharge::default()
    };
    let update = UpdateAutoRechargeRequest {
        request_id: request_id(),
        auto_recharge: Some(auto_recharge),
        ..Default::default()
    };
    stage
        .someone("CUSTOMER_ADMIN")?
        .recharges()
        .update_auto_recharge(update)
        .await
        .map_err(sentence_of)?;
    Ok(())
}

/// A month, day by day: what was used is recorded, then the clock goes to midnight.
async fn month(stage: &mut Stage, lines: &[RecordUsageRequest]) -> Result<(), String> {
    let bar = ProgressBar::new(lines.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos}/{len} records") {
        bar.set_style(style);
    }
    let (mut recorded, mut seen) = (0, recharges(stage).await?.len());
    for _ in 0..30 {
        let (from, to) = (stage.now, stage.now + TimeDelta::days(1));
        let (from, to_seconds) = (from.timestamp(), to.timestamp());
        let is_today = |request: &&RecordUsageRequest| {
            request.usage_time.is_some_and(|time| (from..to_seconds).contains(&time.seconds))
        };
        let day: Vec<_> = lines.iter().filter(is_today).cloned().collect();
        let count = day.len();
        stage.advance(to - TimeDelta::seconds(1)).await?;
        let messages =
            day.into_iter().map(|record| RecordUsageStreamRequest { record: Some(record) });
        let service = stage.someone("SERVICE")?;
        let answer = service
            .usage()
            .record_usage_stream(tokio_stream::iter(messages))
            .await
            .map_err(sentence_of)?
            .into_inner();
        must_hold(
            answer.refused_count == 0,
            &format!("every use of the day is recorded; {:?}", answer.refusals.first()),
        )?;
        recorded += answer.recorded_count;
        bar.inc(count as u64);
        stage.advance(to).await?;
        let now = recharges(stage).await?;
        for recharge in now.iter().take(now.len() - seen) {
            let balance = stage.balance().await?;
            let line = format!(
                "charges {}; available {}.",
                shown(recharge.amount.as_ref()),
                shown(balance.available.as_ref())
            );
            bar.suspend(|| stage.print_step("Auto-recharge", &line));
        }
        seen = now.len();
    }
    bar.finish_and_clear();
    must_hold(
        recorded == i64::try_from(lines.len()).unwrap_or_default(),
        "every record of the file is in the wallet, once",
    )?;
    let balance = stage.balance().await?;
    stage.print_step(
        "Wallet",
        &format!("took {recorded} records in; available {}.", shown(balance.available.as_ref())),
    );
    Ok(())
}

/// The recharges so far, newest first.
async fn recharges(stage: &Stage) -> Result<Vec<TopUp>, String> {
    let list =
        ListTopUpsRequest { parent: stage.wallet.clone(), page_size: 500, ..Default::default() };
    let top_ups = stage
        .someone("STAFF")?
        .top_ups()
        .list_top_ups(list)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .top_ups;
    Ok(top_ups
        .into_iter()
        .filter(|top_up| top_up.source() == top_up::Source::AutoRecharge)
        .collect())
}

/// The collection card is declined, the failure shows, another card and a retry mend it.
async fn failing_card(stage: &mut Stage) -> Result<(), String> {
    let admin = stage.someone("CUSTOMER_ADMIN")?;
    let bad = stage.save_card("tok_declined").await?;
    let point = |name: String| SetCollectionMethodRequest {
        request_id: request_id(),
        name,
        ..Default::default()
    };
    admin.methods().set_collection_method(point(bad)).await.map_err(sentence_of)?;
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: stage.wallet.clone(),
        amount: amount("USD", 90, 0),
        description: "Porting of 30 numbers".to_owned(),
        unlisted: false,
    };
    stage.someone("STAFF")?.postings().post_fee(fee).await.map_err(sentence_of)?;
    let owed = stage.balance().await?;
    must_hold(
        owed.posted.as_ref().is_some_and(|posted| posted.units < 0),
        "the fee leaves the balance negative",
    )?;
    stage.print_step(
        "Support",
        &format!("takes a fee of 90.00 USD; the balance is {}.", shown(owed.posted.as_ref())),
    );
    stage.advance(stage.now + TimeDelta::hours(1)).await?;
    let name = format!("{}/autoRecharge", stage.wallet);
    let read = async || {
        let get = GetAutoRechargeRequest { name: name.clone() };
        Ok::<_, String>(
            admin
                .recharges()
                .get_auto_recharge(get)
                .await
                .map_err(sentence_of)?
                .into_inner()
                .auto_recharge
                .unwrap_or_default(),
        )
    };
    let failed = read().await?;
    must_hold(
        failed.state() == State::Failed && failed.failure_reason == "card_declined",
        "the failed recharge shows, with its reason",
    )?;
    stage.print_step(
        "Auto-recharge",
        &format!("FAILED: {}. It shows, and waits.", failed.failure_reason),
    );
    let good = stage.save_card("tok_mastercard").await?;
    admin.methods().set_collection_method(point(good)).await.map_err(sentence_of)?;
    admin
        .recharges()
        .retry_auto_recharge(RetryAutoRechargeRequest {
            request_id: request_id(),
            name: name.clone(),
            ..Default::default()
        })
        .await
        .map_err(sentence_of)?;
    stage.advance(stage.now + TimeDelta::hours(1)).await?;
    let (mended, balance) = (read().await?, stage.balance().await?);
    must_hold(mended.state() == State::Watching, "the new card mends it")?;
    must_hold(
        balance.posted.as_ref().is_some_and(|posted| posted.units >= 20),
        "the balance is repaired",
    )?;
    stage.print_step(
        "Brightside admin",
        &format!(
            "chooses a Mastercard, which is charged at once: available {}.",
            shown(balance.available.as_ref())
        ),
    );
    Ok(())
}

/// Credit that was bought by mistake goes back to its card.
async fn refund(stage: &mut Stage) -> Result<(), String> {
    let before = stage.balance().await?.available;
    let bought = stage.buy(30, 0).await?;
    let request = RefundTopUpRequest {
        request_id: request_id(),
        name: bought.name,
        credit: None,
        explanation: "Bought by mistake.".to_owned(),
    };
    let answer = stage
        .someone("OWNER")?
        .top_ups()
        .refund_top_up(request)
        .await
        .map_err(sentence_of)?
        .into_inner();
    let refund = answer.top_up_refund.unwrap_or_default();
    must_hold(
        refund.state() == top_up_refund::State::Succeeded && refund.amount == amount("USD", 30, 0),
        "all of it goes back",
    )?;
    must_hold(stage.balance().await?.available == before, "the credit is gone")?;
    let sentence = format!(
        "refunds a top-up of {} to its card; a credit note corrects the receipt.",
        shown(refund.amount.as_ref())
    );
    stage.print_step("Owner", &sentence);
    Ok(())
}
