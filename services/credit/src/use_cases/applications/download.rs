//! A person of the tenant downloads what an applicant uploaded. Who did, when and what is recorded
//! before the first byte goes out.

use super::{
    attachments::{PART, Sealed},
    load::find_application,
};
use crate::{
    app::App,
    commands::{applications::BankFileRef, bank_files::BankFile},
    messages::{bank_files::bank_file, names::application_name},
    store::bank_files,
};
use futures::{Stream, StreamExt, stream};
use payterms_chassis::{AppError, Call, retry};
use payterms_credit_domain::FileKind;
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::credit::v1::{BankFileDownloaded, DownloadBankFileResponse};
use prost::bytes::Bytes;

/// Where the parts of a file come from.
enum Parts {
    /// It is in memory.
    Whole(Bytes),
    /// They are read and opened one by one.
    Sealed(Box<SealedParts>),
}

/// A sealed file, and what it is read with.
struct SealedParts {
    app: App,
    tenant: TenantId,
    file: Sealed,
}

impl Parts {
    /// A part; none after the last.
    async fn part(&self, number: usize) -> Result<Option<Bytes>, AppError> {
        match self {
            Self::Whole(content) => {
                Ok(content.chunks(PART).nth(number).map(|part| content.slice_ref(part)))
            }
            Self::Sealed(sealed_parts) if number >= sealed_parts.file.parts => Ok(None),
            Self::Sealed(sealed_parts) => {
                let conn = sealed_parts.app.db.read(&sealed_parts.tenant).await?;
                Ok(Some(
                    sealed_parts
                        .file
                        .open(&conn, &sealed_parts.tenant, sealed_parts.app.sealing()?, number)
                        .await?
                        .into(),
                ))
            }
        }
    }
}

/// The parts of a file, in their order; one at a time is in memory where it is an attachment.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, also for what was read from a linked account; `FEATURE_DISABLED` where the
/// key is gone.
pub async fn download_bank_file(
    app: &App,
    call: &Call,
    named: &BankFileRef,
) -> Result<impl Stream<Item = Result<DownloadBankFileResponse, AppError>> + Send + use<>, AppError>
{
    let file = retry(|| record_download(app, call, named)).await?;
    let head = bank_file(&file);
    let parts = match file.kind {
        FileKind::Statement => Parts::Whole(file.content.into()),
        FileKind::Attachment => {
            app.sealing()?;
            let bytes = usize::try_from(file.size).unwrap_or_default();
            let sealed = Sealed::of(named.application.application, &file.sha256, bytes);
            Parts::Sealed(Box::new(SealedParts {
                app: app.clone(),
                tenant: call.tenant.clone(),
                file: sealed,
            }))
        }
    };
    let messages =
        stream::try_unfold((parts, 0_usize, Some(head)), async |(parts, number, head)| {
            let Some(content) = parts.part(number).await? else { return Ok(None) };
            Ok::<_, AppError>(Some((
                DownloadBankFileResponse { file: head, content },
                (parts, number.saturating_add(1), None),
            )))
        });
    Ok(messages.boxed())
}

/// Records the download, with its audit row, and answers the file.
async fn record_download(
    app: &App,
    call: &Call,
    named: &BankFileRef,
) -> Result<BankFile, AppError> {
    let mut tx = app.db.begin(call).await?;
    let application = find_application(tx.conn(), &named.application).await?;
    let found =
        bank_files::find_uploaded(tx.conn(), &call.tenant, application.id, &named.sha256).await?;
    let file = found.ok_or_else(Refusal::not_found)?;
    let event = BankFileDownloaded {
        credit_application: application_name(&call.tenant, application.customer, application.id),
        sha256: file.sha256.clone(),
    };
    tx.emit("bank_file", &format!("{}/{}", application.id, file.sha256), &event).await?;
    tx.commit_rows().await?;
    Ok(file)
}
