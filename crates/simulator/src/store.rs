//! The simulator's own database: its tables, and its charges, refunds and chargebacks.

use chrono::{DateTime, Utc};
use payterms_chassis::db::steady;
use payterms_chassis::sql;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, QueryResult};
use std::path::Path;

const TABLES: [&str; 8] = [
    "CREATE TABLE IF NOT EXISTS bank_pages (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, bank TEXT NOT NULL DEFAULT '', \
     asked INTEGER NOT NULL DEFAULT 0, forgotten BOOLEAN NOT NULL DEFAULT false)",
    "CREATE TABLE IF NOT EXISTS chargebacks (tenant TEXT NOT NULL, charge TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL, \
     PRIMARY KEY (tenant, charge))",
    "CREATE TABLE IF NOT EXISTS disputes (tenant TEXT NOT NULL, charge TEXT NOT NULL, reason TEXT NOT NULL, evidence_due TEXT NOT NULL, \
     state TEXT NOT NULL, PRIMARY KEY (tenant, charge))",
    // How many disputes of a charge were opened, where it is more than one.
    "CREATE TABLE IF NOT EXISTS repeated_disputes (tenant TEXT NOT NULL, charge TEXT NOT NULL, number INTEGER NOT NULL, \
     PRIMARY KEY (tenant, charge))",
    "CREATE TABLE IF NOT EXISTS refunds (tenant TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, charge TEXT NOT NULL, \
     amount TEXT NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (tenant, key))",
    "CREATE TABLE IF NOT EXISTS charges (tenant TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, saved TEXT NOT NULL, \
     amount TEXT NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, decline_code TEXT NOT NULL, ready_at TEXT, PRIMARY KEY (tenant, key))",
    "CREATE TABLE IF NOT EXISTS setups (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, key TEXT NOT NULL, saved TEXT NOT NULL, \
     kind TEXT NOT NULL DEFAULT 'card', UNIQUE (tenant, key))",
    "CREATE TABLE IF NOT EXISTS saved_cards (saved TEXT PRIMARY KEY, tenant TEXT NOT NULL, token TEXT NOT NULL)",
];

/// A stored charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The simulator's id.
    pub id: String,
    /// The caller's key.
    pub key: String,
    /// The saved card.
    pub saved: String,
    /// Plain decimal.
    pub amount: String,
    /// ISO code.
    pub currency: String,
    /// `succeeded`, `declined`, `processing` or `requires_action`.
    pub state: String,
    /// The issuer's reason.
    pub decline_code: String,
    /// When a processing charge succeeds or is declined.
    pub ready_at: Option<DateTime<Utc>>,
}

/// A stored refund.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refund {
    /// The simulator's id.
    pub id: String,
    /// The caller's key.
    pub key: String,
    /// The simulator's id of the charge.
    pub charge: String,
    /// Plain decimal.
    pub amount: String,
    /// ISO code.
    pub currency: String,
    /// `succeeded` or `failed`.
    pub state: String,
}

/// An amount that an issuer has taken back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Chargeback {
    /// The simulator's id of the charge.
    pub charge: String,
    /// Plain decimal.
    pub amount: String,
    /// ISO code.
    pub currency: String,
    /// Why, in the issuer's code.
    pub reason: String,
    /// The day until which evidence is taken; empty where there is none.
    pub evidence_due: String,
    /// `open`, `won` or `lost`; `final` where a bank has returned a debit.
    pub state: String,
    /// The simulator's id of the dispute: a charge has another one after one that was won.
    pub id: String,
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store(DatabaseConnection);

impl Store {
    /// Opens the database file, and creates it if it is missing.
    ///
    /// # Errors
    /// The database's error, as text.
    pub async fn open(file: &Path) -> Result<Self, String> {
        let mut options = ConnectOptions::new(format!("sqlite:{}?mode=rwc", file.display()));
        steady(&mut options).max_connections(1).sqlx_logging(false);
        let conn = Database::connect(options).await.map_err(|error| error.to_string())?;
        for table in TABLES {
            conn.execute_unprepared(table).await.map_err(|error| error.to_string())?;
        }
        Ok(Self(conn))
    }

    pub(crate) fn conn(&self) -> &DatabaseConnection {
        &self.0
    }

    /// Inserts a charge unless there is one with this key. True if it was inserted.
    pub(crate) async fn insert_charge(&self, tenant: &str, charge: &Charge) -> Result<bool, DbErr> {
        let insert = "INSERT INTO charges (tenant, key, id, saved, amount, currency, state, decline_code, ready_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
        let c = charge.clone();
        let values = vec![
            tenant.into(),
            c.key.into(),
            c.id.into(),
            c.saved.into(),
            c.amount.into(),
            c.currency.into(),
            c.state.into(),
            c.decline_code.into(),
            c.ready_at.into(),
        ];
        Ok(sql::exec(&self.0, insert, values).await? == 1)
    }

    /// The charge of a key. A processing charge gets its result first if that is due by `now`.
    pub(crate) async fn charge(
        &self,
        tenant: &str,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Charge>, DbErr> {
        let settle = "UPDATE charges SET state = CASE WHEN decline_code = '' THEN 'succeeded' ELSE 'declined' END \
                      WHERE tenant = $1 AND key = $2 AND state = 'processing' AND ready_at <= $3";
        sql::exec(&self.0, settle, vec![tenant.into(), key.into(), now.into()]).await?;
        let row = sql::one(
            &self.0,
            "SELECT * FROM charges WHERE tenant = $1 AND key = $2",
            vec![tenant.into(), key.into()],
        )
        .await?;
        row.as_ref().map(charge).transpose()
    }

    /// All charges of a tenant.
    pub(crate) async fn charges(&self, tenant: &str) -> Result<Vec<Charge>, DbErr> {
        let rows = sql::all(
            &self.0,
            "SELECT * FROM charges WHERE tenant = $1 ORDER BY id",
            vec![tenant.into()],
        )
        .await?;
        rows.iter().map(charge).collect()
    }

    /// A charge by its id.
    pub(crate) async fn charge_of_id(
        &self,
        tenant: &str,
        id: &str,
    ) -> Result<Option<Charge>, DbErr> {
        let row = sql::one(
            &self.0,
            "SELECT * FROM charges WHERE tenant = $1 AND id = $2",
            vec![tenant.into(), id.into()],
        )
        .await?;
        row.as_ref().map(charge).transpose()
    }

    /// Inserts a refund unless there is one with this key. True if it was inserted.
    pub(crate) async fn insert_refund(&self, tenant: &str, refund: &Refund) -> Result<bool, DbErr> {
        let insert = "INSERT INTO refunds (tenant, key, id, charge, amount, currency, state) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                      ON CONFLICT DO NOTHING";
        let Refund { id, key, charge, amount, currency, state } = refund.clone();
        let values = vec![
            tenant.into(),
            key.into(),
            id.into(),
            charge.into(),
            amount.into(),
            currency.into(),
            state.into(),
        ];
        Ok(sql::exec(&self.0, insert, values).await? == 1)
    }

    /// Inserts a chargeback unless its charge has one.
    pub(crate) async fn insert_chargeback(
        &self,
        tenant: &str,
        chargeback: &Chargeback,
    ) -> Result<(), DbErr> {
        let Chargeback { charge, amount, currency, reason, evidence_due, state, .. } =
            chargeback.clone();
        let insert = "INSERT INTO disputes (tenant, charge, reason, evidence_due, state) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let values = vec![
            tenant.into(),
            charge.clone().into(),
            reason.into(),
            evidence_due.into(),
            state.into(),
        ];
        sql::exec(&self.0, insert, values).await?;
        let insert = "INSERT INTO chargebacks (tenant, charge, amount, currency) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        sql::exec(
            &self.0,
            insert,
            vec![tenant.into(), charge.into(), amount.into(), currency.into()],
        )
        .await?;
        Ok(())
    }

    /// Opens another dispute of a charge after one that was won; nothing where it is not.
    pub(crate) async fn dispute_again(
        &self,
        tenant: &str,
        chargeback: &Chargeback,
    ) -> Result<(), DbErr> {
        let Chargeback { charge, amount, reason, evidence_due, state, .. } = chargeback.clone();
        let update = "UPDATE disputes SET reason = $3, evidence_due = $4, state = $5 WHERE tenant = $1 AND charge = $2 AND state = 'won'";
        let values = vec![
            tenant.into(),
            charge.clone().into(),
            reason.into(),
            evidence_due.into(),
            state.into(),
        ];
        if sql::exec(&self.0, update, values).await? == 0 {
            return Ok(());
        }
        let count = "INSERT INTO repeated_disputes (tenant, charge, number) VALUES ($1, $2, 2) \
                     ON CONFLICT (tenant, charge) DO UPDATE SET number = repeated_disputes.number + 1";
        sql::exec(&self.0, count, vec![tenant.into(), charge.clone().into()]).await?;
        let update = "UPDATE chargebacks SET amount = $3 WHERE tenant = $1 AND charge = $2";
        sql::exec(&self.0, update, vec![tenant.into(), charge.into(), amount.into()])
            .await
            .map(|_| ())
    }

    /// Decides an open dispute. False where there is none, or it is decided.
    pub(crate) async fn decide_dispute(
        &self,
        tenant: &str,
        charge: &str,
        state: &str,
    ) -> Result<bool, DbErr> {
        let update =
            "UPDATE disputes SET state = $3 WHERE tenant = $1 AND charge = $2 AND state = 'open'";
        Ok(sql::exec(&self.0, update, vec![tenant.into(), charge.into(), state.into()]).await? == 1)
    }

    /// All chargebacks of a tenant.
    pub(crate) async fn chargebacks(&self, tenant: &str) -> Result<Vec<Chargeback>, DbErr> {
        // What a file from before has no dispute of is decided.
        let select = "SELECT c.charge, c.amount, c.currency, coalesce(d.reason, '') AS reason, coalesce(d.evidence_due, '') AS evidence_due, \
                      coalesce(d.state, 'lost') AS state, coalesce(r.number, 1) AS number FROM chargebacks c LEFT JOIN disputes d \
                      ON d.tenant = c.tenant AND d.charge = c.charge LEFT JOIN repeated_disputes r ON r.tenant = c.tenant \
                      AND r.charge = c.charge WHERE c.tenant = $1 ORDER BY c.charge";
        let rows = sql::all(&self.0, select, vec![tenant.into()]).await?;
        let chargeback = |row: &QueryResult| {
            Ok(Chargeback {
                charge: row.try_get("", "charge")?,
                amount: row.try_get("", "amount")?,
                currency: row.try_get("", "currency")?,
                reason: row.try_get("", "reason")?,
                evidence_due: row.try_get("", "evidence_due")?,
                state: row.try_get("", "state")?,
                id: format!(
                    "dp_{}_{}",
                    row.try_get::<String>("", "charge")?,
                    row.try_get::<i64>("", "number")?
                ),
            })
        };
        rows.iter().map(chargeback).collect()
    }

    /// The chargeback of a charge.
    pub(crate) async fn chargeback(
        &self,
        tenant: &str,
        charge: &str,
    ) -> Result<Option<Chargeback>, DbErr> {
        Ok(self
            .chargebacks(tenant)
            .await?
            .into_iter()
            .find(|chargeback| chargeback.charge == charge))
    }

    /// All refunds of a tenant.
    pub(crate) async fn refunds(&self, tenant: &str) -> Result<Vec<Refund>, DbErr> {
        let rows = sql::all(
            &self.0,
            "SELECT * FROM refunds WHERE tenant = $1 ORDER BY id",
            vec![tenant.into()],
        )
        .await?;
        let refund = |row: &QueryResult| {
            Ok(Refund {
                id: row.try_get("", "id")?,
                key: row.try_get("", "key")?,
                charge: row.try_get("", "charge")?,
                amount: row.try_get("", "amount")?,
                currency: row.try_get("", "currency")?,
                state: row.try_get("", "state")?,
            })
        };
        rows.iter().map(refund).collect()
    }
}

fn charge(row: &QueryResult) -> Result<Charge, DbErr> {
    Ok(Charge {
        id: row.try_get("", "id")?,
        key: row.try_get("", "key")?,
        saved: row.try_get("", "saved")?,
        amount: row.try_get("", "amount")?,
        currency: row.try_get("", "currency")?,
        state: row.try_get("", "state")?,
        decline_code: row.try_get("", "decline_code")?,
        ready_at: row.try_get("", "ready_at")?,
    })
}
