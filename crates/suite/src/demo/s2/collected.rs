//! S2, the instalments: each is collected on its date.

use super::read;
use crate::demo::stage::{Stage, must_hold, shown};
use chrono::{NaiveDate, TimeZone};
use payterms_proto::{google::r#type::Date, plans::v1::Plan};

/// Goes from date to date of an active plan.
///
/// # Errors
/// A sentence that says what does not hold.
pub(super) async fn collected(stage: &mut Stage, plan: &Plan) -> Result<(), String> {
    for instalment in &plan.instalments {
        let Date { year, month, day } = instalment.due_date.unwrap_or_default();
        let due = NaiveDate::from_ymd_opt(
            year,
            u32::try_from(month).unwrap_or(1),
            u32::try_from(day).unwrap_or(1),
        )
        .unwrap_or_default();
        let midnight = chrono_tz::Australia::Sydney
            .from_local_datetime(&due.and_hms_opt(1, 0, 0).unwrap_or_default())
            .earliest();
        stage.advance(midnight.map_or(stage.now, |at| at.to_utc())).await?;
        let now = read(stage, &plan.name).await?;
        let paid = now
            .instalments
            .iter()
            .filter(|instalment| instalment.amount == instalment.paid)
            .count();
        must_hold(
            paid == usize::try_from(instalment.number).unwrap_or_default(),
            "the instalment is collected on its date",
        )?;
        stage.print_step(
            "Collection",
            &format!(
                "takes instalment {}; {} are left.",
                instalment.number,
                shown(now.open.as_ref())
            ),
        );
    }
    Ok(())
}
