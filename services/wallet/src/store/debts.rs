//! Table `debts`: what is owed for use, by the entry that left it; a row goes when nothing of it
//! stands any more.

use super::{money, wallets::Locked};
use payterms_chassis::{
    AppError,
    rows::{self, Rows},
    sql,
};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Debt, Wallet};
use sea_orm::ConnectionTrait;
use std::collections::HashMap;
use uuid::Uuid;

payterms_chassis::table! {
    /// A row.
    row "debts"
    key { wallet_id: Uuid, sequence: i64, }
    fixed { currency: String, }
    changing { label: String, amount: i64, }
}

/// What is new or lower of wallets' debts since they were loaded, and the debts that are paid.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) standing: Rows<{ Row::WIDTH }>,
    paid: Vec<(Uuid, Vec<i64>)>,
}

impl Changed {
    pub(super) fn of(tenant: &TenantId, changed: &[Locked]) -> Self {
        let (mut standing, mut paid) = (Rows::new(Row::COLUMNS), Vec::new());
        for Locked { wallet, before } in changed {
            for debt in wallet.debts.iter().filter(|debt| !before.debts.contains(debt)) {
                let row = Row {
                    tenant: tenant.to_string(),
                    wallet_id: wallet.id.uuid(),
                    sequence: debt.sequence,
                    currency: debt.left.currency().code().to_owned(),
                    label: debt.label.clone(),
                    amount: debt.left.micros(),
                };
                standing.push(row.inserted());
            }
            let gone = before
                .debts
                .iter()
                .filter(|debt| wallet.debts.iter().all(|each| each.sequence != debt.sequence));
            let gone: Vec<i64> = gone.map(|debt| debt.sequence).collect();
            if !gone.is_empty() {
                paid.push((wallet.id.uuid(), gone));
            }
        }
        Self { standing, paid }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.standing.is_empty() && self.paid.is_empty()
    }

    pub(super) async fn save<C: ConnectionTrait>(
        self,
        conn: &C,
        tenant: &TenantId,
    ) -> Result<(), AppError> {
        self.standing.upsert(conn, Row::TABLE, Row::KEYS).await?;
        for (wallet, gone) in self.paid {
            for sequences in gone.chunks(500) {
                let marks: Vec<_> =
                    (3..).zip(sequences).map(|(place, _)| format!("${place}")).collect();
                let delete = format!(
                    "DELETE FROM debts WHERE tenant = $1 AND wallet_id = $2 AND sequence IN ({})",
                    marks.join(", ")
                );
                let mut values = vec![tenant.as_str().into(), wallet.into()];
                values.extend(sequences.iter().map(|sequence| sea_orm::Value::from(*sequence)));
                sql::exec(conn, &delete, values).await?;
            }
        }
        Ok(())
    }
}

/// The debts of wallets, the oldest first.
pub(super) async fn of_wallets<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallets: &[Uuid],
) -> Result<HashMap<Id<Wallet>, Vec<Debt>>, AppError> {
    let mut found: HashMap<Id<Wallet>, Vec<Debt>> = HashMap::new();
    if wallets.is_empty() {
        return Ok(found);
    }
    let (among, mut bound) = rows::among(conn, "wallet_id", 2, wallets);
    let select =
        format!("SELECT * FROM debts WHERE tenant = $1 AND {among} ORDER BY wallet_id, sequence");
    let mut values = vec![tenant.as_str().into()];
    values.append(&mut bound);
    for row in sql::all(conn, &select, values).await? {
        let left = money(&row.try_get::<String>("", "currency")?, row.try_get("", "amount")?)?;
        let debt =
            Debt { sequence: row.try_get("", "sequence")?, label: row.try_get("", "label")?, left };
        found.entry(Id::from_uuid(row.try_get("", "wallet_id")?)).or_default().push(debt);
    }
    Ok(found)
}
