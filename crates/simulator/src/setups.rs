//! Queries of set-ups and of the cards that are saved on them, in the simulator's own database.

use crate::store::Store;
use payterms_chassis::sql;
use sea_orm::DbErr;

/// A hosted page on which a person saves a card or a bank account.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The tenant that opened it.
    pub(crate) tenant: String,
    /// The saved card; empty until one is saved.
    pub(crate) saved: String,
    /// `card` or `bank_debit`.
    pub(crate) kind: String,
}

impl Store {
    /// The id of the set-up of a key. It is inserted if it is missing.
    pub(crate) async fn setup(&self, tenant: &str, key: &str, kind: &str) -> Result<String, DbErr> {
        let insert = "INSERT INTO setups (id, tenant, key, saved, kind) VALUES ($1, $2, $3, '', $4) ON CONFLICT DO NOTHING";
        sql::exec(
            self.conn(),
            insert,
            vec![
                format!("seti_{}", key.replace('-', "")).into(),
                tenant.into(),
                key.into(),
                kind.into(),
            ],
        )
        .await?;
        let row = sql::one(
            self.conn(),
            "SELECT id FROM setups WHERE tenant = $1 AND key = $2",
            vec![tenant.into(), key.into()],
        )
        .await?;
        row.map(|row| row.try_get("", "id")).transpose().map(Option::unwrap_or_default)
    }

    /// A set-up by its id.
    pub(crate) async fn find_setup(&self, id: &str) -> Result<Option<Setup>, DbErr> {
        let row = sql::one(
            self.conn(),
            "SELECT tenant, saved, kind FROM setups WHERE id = $1",
            vec![id.into()],
        )
        .await?;
        row.map(|row| {
            Ok(Setup {
                tenant: row.try_get("", "tenant")?,
                saved: row.try_get("", "saved")?,
                kind: row.try_get("", "kind")?,
            })
        })
        .transpose()
    }

    /// Saves a card for a set-up that has none yet. True if it was saved.
    pub(crate) async fn save_card(
        &self,
        id: &str,
        tenant: &str,
        saved: &str,
        token: &str,
    ) -> Result<bool, DbErr> {
        let update = "UPDATE setups SET saved = $2 WHERE id = $1 AND saved = ''";
        let first = sql::exec(self.conn(), update, vec![id.into(), saved.into()]).await? == 1;
        let insert = "INSERT INTO saved_cards (saved, tenant, token) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        if first {
            sql::exec(self.conn(), insert, vec![saved.into(), tenant.into(), token.into()]).await?;
        }
        Ok(first)
    }

    /// The token of the test card that was saved.
    pub(crate) async fn token_of(
        &self,
        tenant: &str,
        saved: &str,
    ) -> Result<Option<String>, DbErr> {
        let select = "SELECT token FROM saved_cards WHERE saved = $1 AND tenant = $2";
        let row = sql::one(self.conn(), select, vec![saved.into(), tenant.into()]).await?;
        row.map(|row| row.try_get("", "token")).transpose()
    }
}
