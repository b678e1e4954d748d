//! A bank statement is uploaded, or a scan of one; one that is there already changes nothing.

use super::{attachments::Sealed, load::lock_application, save::publish_application};
use crate::{
    app::App,
    bank_files::{ReadFile, account_count, booking_count, read_bank_file},
    commands::{applications::UploadStatement, bank_files::BankFile},
    messages::bank_files::finding,
    store::bank_files,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{Answer, AppError, Call};
use payterms_credit_domain::{AttachmentFormat, FileKind};
use payterms_proto::credit::v1::UploadBankStatementResponse;
use sha2::{Digest, Sha256};

/// What a file is, by its content.
enum Taken {
    /// A statement, as it was read.
    Statement(ReadFile),
    /// A scan.
    Attachment(AttachmentFormat),
}

impl Taken {
    fn kind(&self) -> FileKind {
        match self {
            Self::Statement(_) => FileKind::Statement,
            Self::Attachment(_) => FileKind::Attachment,
        }
    }

    /// The file's row.
    fn file(&self, upload: &UploadStatement, at: DateTime<Utc>) -> BankFile {
        let empty = BankFile {
            sha256: hex::encode(Sha256::digest(&upload.content)),
            title: upload.title.clone(),
            kind: self.kind(),
            size: i64::try_from(upload.content.len()).unwrap_or(i64::MAX),
            content: Vec::new(),
            reading: upload.reading.clone(),
            format: String::new(),
            findings: Vec::new(),
            finding_count: 0,
            linked: false,
            accounts: 0,
            bookings: 0,
            at,
        };
        match self {
            Self::Attachment(format) => BankFile { format: format.name().to_owned(), ..empty },
            Self::Statement(read) => BankFile {
                content: upload.content.to_vec(),
                format: read.format.to_owned(),
                findings: read.findings.clone(),
                finding_count: i64::try_from(read.finding_count).unwrap_or(i64::MAX),
                accounts: account_count(&read.statements),
                bookings: booking_count(&read.statements),
                ..empty
            },
        }
    }
}

/// Takes a file in; one that is there already changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `TOO_MANY_ITEMS`, `BANK_FILE_INVALID`,
/// `FEATURE_DISABLED`.
pub async fn upload_bank_statement(
    app: &App,
    call: &Call,
    upload: &UploadStatement,
) -> Result<Answer<UploadBankStatementResponse>, AppError> {
    let taken = if let Some(format) = AttachmentFormat::of(&upload.content) {
        app.sealing()?;
        Taken::Attachment(format)
    } else {
        let today = app.db.tenant_today(&call.tenant).await?;
        Taken::Statement(read_bank_file(&call.tenant, &upload.content, &upload.reading, today)?)
    };
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, &upload.application).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let file = taken.file(upload, now);
    application.must_take_bank_data()?;
    // A file that is there already counts once, also where no more would be taken.
    if bank_files::insert(tx.conn(), &call.tenant, application.id, &file).await? {
        application.upload(file.kind, now)?;
        if file.kind == FileKind::Attachment {
            let sealed = Sealed::of(application.id, &file.sha256, upload.content.len());
            sealed.insert(&tx, app.sealing()?, &upload.content).await?;
        }
    }
    let credit_application = Some(
        publish_application(&mut tx, &application, &programme, upload.application.as_customer)
            .await?,
    );
    let findings = file.findings.iter().map(finding).collect();
    tx.commit(UploadBankStatementResponse { credit_application, findings }).await
}
