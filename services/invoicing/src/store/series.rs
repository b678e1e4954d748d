//! Table `number_series`: the last number of each series. Its row is locked last in a transaction,
//! and rolls back with it: no number is lost, none given twice.

use super::date;
use payterms_chassis::{AppError, sql};
use payterms_invoicing_domain::Series;
use payterms_kernel::TenantId;
use sea_orm::{ConnectionTrait, DbBackend};

/// The series of a prefix, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    prefix: &'static str,
) -> Result<Series, AppError> {
    let fresh = Series::new(prefix);
    let insert = "INSERT INTO number_series (tenant, prefix, year, last_number, last_date) VALUES ($1, $2, 0, 0, '0001-01-01') ON CONFLICT DO NOTHING";
    sql::exec(conn, insert, vec![tenant.as_str().into(), prefix.into()]).await?;
    let lock = if conn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let select = format!(
        "SELECT year, last_number, last_date FROM number_series WHERE tenant = $1 AND prefix = $2{lock}"
    );
    let Some(row) = sql::one(conn, &select, vec![tenant.as_str().into(), prefix.into()]).await?
    else {
        return Ok(fresh);
    };
    let (year, last_date): (i64, String) =
        (row.try_get("", "year")?, row.try_get("", "last_date")?);
    Ok(Series {
        prefix,
        year: i32::try_from(year).unwrap_or_default(),
        last_number: row.try_get("", "last_number")?,
        last_date: date(&last_date)?,
    })
}

/// Saves a series.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    series: &Series,
) -> Result<(), AppError> {
    let update = "UPDATE number_series SET year = $3, last_number = $4, last_date = $5 WHERE tenant = $1 AND prefix = $2";
    let values = vec![
        tenant.as_str().into(),
        series.prefix.into(),
        i64::from(series.year).into(),
        series.last_number.into(),
        series.last_date.to_string().into(),
    ];
    sql::exec(conn, update, values).await?;
    Ok(())
}
