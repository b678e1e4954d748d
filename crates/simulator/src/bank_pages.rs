//! The pages of the test banks, in the simulator's own file.

use crate::store::Store;
use payterms_chassis::sql;
use sea_orm::DbErr;

impl Store {
    /// Makes a page.
    pub(crate) async fn bank_page(&self, tenant: &str) -> Result<String, DbErr> {
        let id = format!("page_{}", hex::encode(rand::random::<[u8; 16]>()));
        let insert = "INSERT INTO bank_pages (id, tenant) VALUES ($1, $2)";
        sql::exec(self.conn(), insert, vec![id.clone().into(), tenant.into()]).await?;
        Ok(id)
    }

    /// Tenant and bank (empty: none yet) of a page.
    pub(crate) async fn find_bank_page(&self, id: &str) -> Result<Option<(String, String)>, DbErr> {
        let row = sql::one(self.conn(), "SELECT tenant, bank FROM bank_pages WHERE id = $1", vec![id.into()]).await?;
        row.map(|row| Ok((row.try_get("", "tenant")?, row.try_get("", "bank")?))).transpose()
    }

    /// Notes the bank of a page; false where there is none such, or one was chosen before.
    pub(crate) async fn choose_bank(&self, id: &str, bank: &str) -> Result<bool, DbErr> {
        let update = "UPDATE bank_pages SET bank = $2 WHERE id = $1 AND bank = ''";
        Ok(sql::exec(self.conn(), update, vec![id.into(), bank.into()]).await? == 1)
    }

    /// The bank of a page, and how often it was asked, this time too.
    pub(crate) async fn ask_bank(&self, tenant: &str, id: &str) -> Result<Option<(String, i64)>, DbErr> {
        let update = "UPDATE bank_pages SET asked = asked + 1 WHERE id = $1 AND tenant = $2 AND NOT forgotten RETURNING bank, asked";
        let row = sql::one(self.conn(), update, vec![id.into(), tenant.into()]).await?;
        row.map(|row| Ok((row.try_get("", "bank")?, row.try_get("", "asked")?))).transpose()
    }

    /// Forgets what a page opened.
    pub(crate) async fn forget_bank_page(&self, tenant: &str, id: &str) -> Result<(), DbErr> {
        let update = "UPDATE bank_pages SET forgotten = true WHERE id = $1 AND tenant = $2";
        sql::exec(self.conn(), update, vec![id.into(), tenant.into()]).await.map(|_| ())
    }

    /// How many banks can still be asked.
    pub(crate) async fn open_banks(&self, tenant: &str) -> Result<i64, DbErr> {
        let select = "SELECT count(*) AS told FROM bank_pages WHERE tenant = $1 AND bank <> '' AND NOT forgotten";
        let row = sql::one(self.conn(), select, vec![tenant.into()]).await?;
        row.map(|row| row.try_get("", "told")).transpose().map(Option::unwrap_or_default)
    }
}
