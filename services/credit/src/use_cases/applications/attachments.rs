//! The content of attachments: sealed in parts, each bound to its file and place, so that a part
//! that is missing, doubled or of another file does not open.

use crate::store::bank_file_parts::{self, Part};
use payterms_chassis::seal::Seal;
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::Application;
use payterms_kernel::{Id, TenantId};
use sea_orm::ConnectionTrait;

/// Bytes of a part: no statement, and no message of a download, is much larger.
pub(super) const PART: usize = 1 << 20;

/// A file's name for its seal.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    pub(super) application: Id<Application>,
    pub(super) sha256: String,
    /// Parts of the file.
    pub(super) parts: usize,
}

impl Sealed {
    /// A file of this many bytes.
    pub(super) fn of(application: Id<Application>, sha256: &str, bytes: usize) -> Self {
        Self { application, sha256: sha256.to_owned(), parts: bytes.div_ceil(PART) }
    }

    fn bound(&self, tenant: &TenantId, part: usize) -> String {
        format!("{tenant}/{}/{}/{part} of {}", self.application, self.sha256, self.parts)
    }

    fn part(&self, number: usize) -> Part<'_> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        Part { application: self.application, sha256: &self.sha256, number }
    }

    /// Seals and inserts the parts one by one, ten at most, so that only one of them is in memory
    /// beside the file.
    pub(super) async fn insert(
        &self,
        tx: &WriteTx,
        seal: &Seal,
        content: &[u8],
    ) -> Result<(), AppError> {
        let tenant = &tx.call().tenant;
        for (part, plain) in content.chunks(PART).enumerate() {
            let sealed = seal
                .seal_bytes(self.bound(tenant, part).as_bytes(), plain)
                .map_err(AppError::Fault)?;
            bank_file_parts::insert(tx.conn(), tenant, self.part(part), sealed).await?;
        }
        Ok(())
    }

    /// Seals a part again. Returns why it does not open, where it does not.
    pub(super) async fn reseal(
        &self,
        tx: &WriteTx,
        seal: &Seal,
        part: usize,
    ) -> Result<Result<(), String>, AppError> {
        let tenant = &tx.call().tenant;
        let Some(sealed) = bank_file_parts::find(tx.conn(), tenant, self.part(part)).await? else {
            return Ok(Ok(()));
        };
        match seal.reseal(self.bound(tenant, part).as_bytes(), &sealed) {
            Ok(sealed) => {
                bank_file_parts::replace(tx.conn(), tenant, self.part(part), sealed).await.map(Ok)
            }
            Err(why) => Ok(Err(why)),
        }
    }

    /// Reads and opens a part.
    pub(super) async fn open<C: ConnectionTrait>(
        &self,
        conn: &C,
        tenant: &TenantId,
        seal: &Seal,
        part: usize,
    ) -> Result<Vec<u8>, AppError> {
        let fault = |why: &str| {
            AppError::Fault(format!(
                "part {part} of file {} of {}: {why}",
                self.sha256, self.application
            ))
        };
        let sealed = bank_file_parts::find(conn, tenant, self.part(part))
            .await?
            .ok_or_else(|| fault("it is missing"))?;
        seal.open_bytes(self.bound(tenant, part).as_bytes(), sealed).map_err(|why| fault(&why))
    }
}
