//! Tables `offers` and `instalments`. The valid offer has place 1, a counter-offer place 2.

use chrono::{NaiveDate, Weekday};
use payterms_chassis::{
    AppError,
    columns::{date, money, side, unknown},
};
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::{Actor, Instalment, Offer, Plan, Schedule};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use std::collections::HashMap;

mod rows {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "offers")]
    /// A row.
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub plan_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub schedule: String,
        pub side: String,
        pub subject: String,
        pub explanation: String,
    }

    /// No relations: other tables are read by their own modules.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod parts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "instalments")]
    /// A row.
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub plan_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub offer: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub due_on: String,
        pub planned: i64,
        pub amount: i64,
        pub paid: i64,
        pub currency: String,
        pub announced_at: Option<ChronoDateTimeUtc>,
        pub missed: bool,
    }

    /// No relations: other tables are read by their own modules.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A schedule as words: `DEFERRAL date`, `WEEKLY count day`, `MONTHLY count day`.
fn schedule_text(schedule: Schedule) -> String {
    match schedule {
        Schedule::Deferral(day) => format!("DEFERRAL {day}"),
        Schedule::Weekly { count, day } => {
            format!("WEEKLY {count} {}", day.map_or("-".to_owned(), |day| day.to_string()))
        }
        Schedule::Monthly { count, day } => format!("MONTHLY {count} {day}"),
    }
}

fn schedule(text: &str) -> Result<Schedule, AppError> {
    let wrong = || unknown("schedule", text);
    let number = |word: &str| word.parse::<u32>().map_err(|_| wrong());
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["DEFERRAL", day] => Ok(Schedule::Deferral(day.parse::<NaiveDate>().map_err(|_| wrong())?)),
        ["WEEKLY", count, "-"] => Ok(Schedule::Weekly { count: number(count)?, day: None }),
        ["WEEKLY", count, day] => Ok(Schedule::Weekly {
            count: number(count)?,
            day: Some(day.parse::<Weekday>().map_err(|_| wrong())?),
        }),
        ["MONTHLY", count, day] => {
            Ok(Schedule::Monthly { count: number(count)?, day: number(day)? })
        }
        _ => Err(wrong()),
    }
}

/// The offers of plans, by plan id and place.
pub(super) async fn of_plans<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plans: &[Uuid],
) -> Result<HashMap<(Uuid, i64), Offer>, AppError> {
    let mut instalments: HashMap<(Uuid, i64), Vec<Instalment>> = HashMap::new();
    let query = parts::Entity::find()
        .filter(parts::Column::Tenant.eq(tenant.as_str()))
        .filter(parts::Column::PlanId.is_in(plans.to_vec()))
        .order_by_asc(parts::Column::Place);
    for row in query.all(conn).await? {
        let money = |micros| money(&row.currency, micros);
        let instalment = Instalment {
            due_on: date(&row.due_on)?,
            planned: money(row.planned)?,
            amount: money(row.amount)?,
            paid: money(row.paid)?,
            announced_at: row.announced_at,
            missed: row.missed,
        };
        instalments.entry((row.plan_id, row.offer)).or_default().push(instalment);
    }
    let query = rows::Entity::find()
        .filter(rows::Column::Tenant.eq(tenant.as_str()))
        .filter(rows::Column::PlanId.is_in(plans.to_vec()));
    let mut offers = HashMap::new();
    for row in query.all(conn).await? {
        let key = (row.plan_id, row.place);
        let offer = Offer {
            schedule: schedule(&row.schedule)?,
            instalments: instalments.remove(&key).unwrap_or_default(),
            by: Actor { side: side(&row.side)?, subject: row.subject },
            explanation: row.explanation,
        };
        offers.insert(key, offer);
    }
    Ok(offers)
}

/// Replaces the offers of a plan.
pub(super) async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: &Plan,
) -> Result<(), AppError> {
    delete(conn, tenant, plan.id).await?;
    let offers: Vec<_> = (1_i64..).zip(std::iter::once(&plan.offer).chain(&plan.counter)).collect();
    let row = |(index, offer): &(i64, &Offer)| rows::ActiveModel {
        tenant: Set(tenant.to_string()),
        plan_id: Set(plan.id.uuid()),
        place: Set(*index),
        schedule: Set(schedule_text(offer.schedule)),
        side: Set(offer.by.side.name().to_owned()),
        subject: Set(offer.by.subject.clone()),
        explanation: Set(offer.explanation.clone()),
    };
    rows::Entity::insert_many(offers.iter().map(row)).exec_without_returning(conn).await?;
    let mut instalments = Vec::new();
    for (offer_index, offer) in &offers {
        for (index, part) in (1_i64..).zip(&offer.instalments) {
            instalments.push(parts::ActiveModel {
                tenant: Set(tenant.to_string()),
                plan_id: Set(plan.id.uuid()),
                offer: Set(*offer_index),
                place: Set(index),
                due_on: Set(part.due_on.to_string()),
                planned: Set(part.planned.micros()),
                amount: Set(part.amount.micros()),
                paid: Set(part.paid.micros()),
                currency: Set(plan.currency.code().to_owned()),
                announced_at: Set(part.announced_at),
                missed: Set(part.missed),
            });
        }
    }
    parts::Entity::insert_many(instalments).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes the offers of a plan.
pub(super) async fn delete<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: Id<Plan>,
) -> Result<(), AppError> {
    let instalments =
        parts::Entity::delete_many().filter(parts::Column::Tenant.eq(tenant.as_str()));
    instalments.filter(parts::Column::PlanId.eq(plan.uuid())).exec(conn).await?;
    let offers = rows::Entity::delete_many().filter(rows::Column::Tenant.eq(tenant.as_str()));
    offers.filter(rows::Column::PlanId.eq(plan.uuid())).exec(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{schedule, schedule_text};
    use chrono::Weekday;
    use payterms_plans_domain::Schedule;

    #[test]
    fn a_schedule_comes_back_as_it_was_written() {
        for written in [
            Schedule::Deferral("2026-02-28".parse().unwrap()),
            Schedule::Weekly { count: 3, day: None },
            Schedule::Weekly { count: 4, day: Some(Weekday::Sat) },
            Schedule::Monthly { count: 120, day: 31 },
        ] {
            assert_eq!(schedule(&schedule_text(written)).unwrap(), written);
        }
        for wrong in ["", "DEFERRAL", "WEEKLY x -", "MONTHLY 3 x", "WEEKLY 3 Xday"] {
            assert!(schedule(wrong).is_err(), "{wrong}");
        }
    }
}
