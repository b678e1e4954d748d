//! Queries of the test banks' pages, in the simulator's own database file.

use crate::store::Store;
use payterms_chassis::sql;
use sea_orm::DbErr;

/// A page on which a person signs in at a test bank.
#[derive(Debug)]
pub(crate) struct BankPage {
    /// The tenant that opened it.
    pub(crate) tenant: String,
    /// The token of the chosen bank; empty until one is chosen.
    pub(crate) bank: String,
}

impl Store {
    /// Makes a page.
    pub(crate) async fn bank_page(&self, tenant: &str) -> Result<String, DbErr> {
        let id = format!("page_{}", hex::encode(rand::random::<[u8; 16]>()));
        let insert = "INSERT INTO bank_pages (id, tenant) VALUES ($1, $2)";
        sql::exec(self.conn(), insert, vec![id.clone().into(), tenant.into()]).await?;
        Ok(id)
    }

    /// A page by its id.
    pub(crate) async fn find_bank_page(&self, id: &str) -> Result<Option<BankPage>, DbErr> {
        let row = sql::one(
            self.conn(),
            "SELECT tenant, bank FROM bank_pages WHERE id = $1",
            vec![id.into()],
        )
        .await?;
        row.map(|row| {
            Ok(BankPage { tenant: row.try_get("", "tenant")?, bank: row.try_get("", "bank")? })
        })
        .transpose()
    }

    /// Stores the bank that was chosen on a page. False if there is no such page, or a bank was
    /// chosen before.
    pub(crate) async fn choose_bank(&self, id: &str, bank: &str) -> Result<bool, DbErr> {
        let update = "UPDATE bank_pages SET bank = $2 WHERE id = $1 AND bank = ''";
        Ok(sql::exec(self.conn(), update, vec![id.into(), bank.into()]).await? == 1)
    }

    /// Counts a read of the account of a page. Answers the bank, and the number of reads including
    /// this one.
    pub(crate) async fn count_bank_read(
        &self,
        tenant: &str,
        id: &str,
    ) -> Result<Option<(String, i64)>, DbErr> {
        let update = "UPDATE bank_pages SET asked = asked + 1 WHERE id = $1 AND tenant = $2 AND NOT forgotten RETURNING bank, asked";
        let row = sql::one(self.conn(), update, vec![id.into(), tenant.into()]).await?;
        row.map(|row| Ok((row.try_get("", "bank")?, row.try_get("", "asked")?))).transpose()
    }

    /// Makes the account of a page unreadable.
    pub(crate) async fn forget_bank_page(&self, tenant: &str, id: &str) -> Result<(), DbErr> {
        let update = "UPDATE bank_pages SET forgotten = true WHERE id = $1 AND tenant = $2";
        sql::exec(self.conn(), update, vec![id.into(), tenant.into()]).await.map(|_| ())
    }

    /// How many accounts of a tenant can still be read.
    pub(crate) async fn open_banks(&self, tenant: &str) -> Result<i64, DbErr> {
        let select = "SELECT count(*) AS open_banks FROM bank_pages WHERE tenant = $1 AND bank <> '' AND NOT forgotten";
        let row = sql::one(self.conn(), select, vec![tenant.into()]).await?;
        row.map(|row| row.try_get("", "open_banks")).transpose().map(Option::unwrap_or_default)
    }
}
