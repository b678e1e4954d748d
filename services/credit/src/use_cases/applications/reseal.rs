//! Seals attachments and what opens bank accounts again, after the key of the suite was replaced.
//! What people see of an application stays, so nothing is published.

use super::attachments::Sealed;
use crate::store::{bank_file_parts, bank_files, bank_links};
use futures::future::BoxFuture;
use payterms_chassis::{
    AppError, WriteTx,
    seal::Seal,
    sealed::{SealedRow, SealedTable},
    transaction::Transaction,
};
use payterms_kernel::{Id, TenantId};
use uuid::Uuid;

/// What is sealed in this service.
#[must_use]
pub fn sealed(seal: Option<&Seal>) -> Vec<SealedTable> {
    vec![
        SealedTable {
            name: "bank_links",
            seal: seal.cloned(),
            holds: "length(token) > 0",
            list: list_links,
            reseal: Some(reseal_link),
        },
        SealedTable {
            name: "bank_file_parts",
            seal: seal.cloned(),
            holds: "true",
            list: list_parts,
            reseal: Some(reseal_part),
        },
    ]
}

fn list_links<'a>(
    conn: &'a Transaction,
    tenant: &'a TenantId,
    after: &'a str,
    limit: i64,
) -> BoxFuture<'a, Result<Vec<SealedRow>, AppError>> {
    Box::pin(async move {
        let after: Uuid = after.parse().unwrap_or_default();
        let found = bank_links::list_tokens(conn, tenant, after, limit).await?;
        Ok(found
            .into_iter()
            .map(|(id, token)| SealedRow { key: id.to_string(), values: vec![token] })
            .collect())
    })
}

/// A link that is saved meanwhile keeps what it has: it is sealed again at the next time.
fn reseal_link<'a>(
    tx: &'a mut WriteTx,
    seal: &'a Seal,
    key: &'a str,
) -> BoxFuture<'a, Result<Result<(), String>, AppError>> {
    Box::pin(async move {
        let tenant = tx.call().tenant.clone();
        let id = Id::from_uuid(key.parse().unwrap_or_default());
        let Some(link) = bank_links::find(tx.conn(), &tenant, id).await? else { return Ok(Ok(())) };
        match seal.reseal(id.uuid().as_bytes(), &link.token) {
            Ok(token) => {
                bank_links::replace_token(tx.conn(), &tenant, id, &link.token, token).await.map(Ok)
            }
            Err(why) => Ok(Err(why)),
        }
    })
}

fn list_parts<'a>(
    conn: &'a Transaction,
    tenant: &'a TenantId,
    after: &'a str,
    limit: i64,
) -> BoxFuture<'a, Result<Vec<SealedRow>, AppError>> {
    Box::pin(async move {
        let (application, sha256, number) = parsed(after);
        let found =
            bank_file_parts::list_heads(conn, tenant, application, sha256, number, limit).await?;
        let row = |(application, sha256, number, head): (Uuid, String, i64, Vec<u8>)| SealedRow {
            key: format!("{application}/{sha256}/{number}"),
            values: vec![head],
        };
        Ok(found.into_iter().map(row).collect())
    })
}

fn reseal_part<'a>(
    tx: &'a mut WriteTx,
    seal: &'a Seal,
    key: &'a str,
) -> BoxFuture<'a, Result<Result<(), String>, AppError>> {
    Box::pin(async move {
        let (tenant, (application, sha256, number)) = (tx.call().tenant.clone(), parsed(key));
        let application = Id::from_uuid(application);
        let Some(file) = bank_files::find_uploaded(tx.conn(), &tenant, application, sha256).await?
        else {
            return Ok(Ok(()));
        };
        let bytes = usize::try_from(file.size).unwrap_or_default();
        let part = usize::try_from(number).unwrap_or_default();
        Sealed::of(application, sha256, bytes).reseal(tx, seal, part).await
    })
}

/// The application, the file and the number of a part; that before all parts where the text is
/// empty.
fn parsed(key: &str) -> (Uuid, &str, i64) {
    let mut words = key.split('/');
    let application = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    (
        application,
        words.next().unwrap_or_default(),
        words.next().and_then(|word| word.parse().ok()).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::parsed;
    use uuid::Uuid;

    #[test]
    fn a_key_is_read_back() {
        assert_eq!(parsed(&format!("{}/ab01/3", Uuid::max())), (Uuid::max(), "ab01", 3));
        assert_eq!(parsed(""), (Uuid::nil(), "", 0));
    }
}
