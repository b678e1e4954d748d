//! Scans of statements: taken by what they are, kept sealed, shown to those who decide alone,
//! decided on by a person.

use crate::{
    applications::{Desk, desk, desk_of, known, statement},
    applications_linked::linked,
    invariants,
    invariants_of_credit::credit_agrees,
    rig::retry,
};
use futures::StreamExt;
use payterms_proto::credit::v1::{
    BankFile, CreditApplication, DescribeBankFileRequest, DownloadBankFileRequest, Feature,
    GetCreditOptionsRequest, Outcome, Programme, UploadBankStatementRequest, bank_file::Kind,
    credit_application::State,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, reason, violations};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use sha2::{Digest, Sha256};
use tonic::{Code, Status};

on_both!(
    a_scan_goes_to_a_person_without_features_of_the_bank,
    a_scan_beside_read_data_is_for_a_person_too,
    what_is_no_scan_or_too_large_is_refused,
    ten_scans_are_taken_and_each_once,
    only_who_decides_downloads_and_it_is_recorded,
);

const MOST: usize = 10 << 20;

/// A file of this size that begins like one of the format.
fn scan(signature: &[u8], size: usize, mark: &str) -> Vec<u8> {
    let mut content = signature.to_vec();
    content.extend_from_slice(mark.as_bytes());
    // Bytes that do not repeat by the page, so that parts in another order are another file.
    content.extend(
        (content.len()..size).map(|at| u8::try_from((at * 31 + at / 4_096) % 251).unwrap()),
    );
    content
}

pub(crate) fn pdf(size: usize, mark: &str) -> Vec<u8> {
    scan(b"%PDF-1.7\n", size, mark)
}

fn request(name: &str, content: &[u8]) -> UploadBankStatementRequest {
    UploadBankStatementRequest {
        request_id: request_id(),
        name: name.to_owned(),
        title: "Scan of June".into(),
        content: content.to_vec().into(),
        ..UploadBankStatementRequest::default()
    }
}

pub(crate) async fn attach(
    desk: &Desk,
    name: &str,
    content: &[u8],
) -> Result<CreditApplication, Status> {
    let request = request(name, content);
    Ok(desk
        .admin
        .applications()
        .upload_bank_statement(request)
        .await?
        .into_inner()
        .credit_application
        .unwrap())
}

/// What the file is, and its bytes put together.
pub(crate) async fn download(
    who: &Session,
    name: &str,
    sha256: &str,
) -> Result<(BankFile, Vec<u8>), Status> {
    let request = DownloadBankFileRequest { name: name.to_owned(), sha256: sha256.to_owned() };
    let mut parts = who.applications().download_bank_file(request).await?.into_inner();
    let (mut file, mut content) = (None, Vec::new());
    while let Some(part) = parts.next().await {
        let part = part?;
        assert!(part.content.len() <= 1 << 20, "a part fits every client");
        assert_eq!(part.file.is_some(), file.is_none(), "the first part says what it is");
        file = file.or(part.file);
        content.extend_from_slice(&part.content);
    }
    Ok((file.unwrap(), content))
}

async fn count_of(conn: &DatabaseConnection, query: &str) -> i64 {
    let row = conn
        .query_one_raw(Statement::from_string(conn.get_database_backend(), query))
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "told").unwrap()
}

async fn a_scan_goes_to_a_person_without_features_of_the_bank(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let content = pdf(3_000_000, "the balance is 12345.67");
    let described = DescribeBankFileRequest {
        name: name.clone(),
        content: content.clone().into(),
        ..DescribeBankFileRequest::default()
    };
    let described =
        desk.admin.applications().describe_bank_file(described).await.unwrap().into_inner();
    assert_eq!(
        (described.format.as_str(), described.statements.len(), described.finding_count),
        ("PDF", 0, 0)
    );
    let sent = request(&name, &content);
    let first =
        desk.admin.applications().upload_bank_statement(sent.clone()).await.unwrap().into_inner();
    let again = desk.admin.applications().upload_bank_statement(sent).await.unwrap();
    assert_eq!(
        again
            .metadata()
            .get("idempotent-replayed")
            .map(|metadata_value| metadata_value.to_str().unwrap()),
        Some("true")
    );
    assert_eq!(again.into_inner(), first, "the same request gives the same answer");
    let taken = first.credit_application.unwrap();
    let file = &taken.files[0];
    assert_eq!(
        (taken.state(), taken.files.len(), first.findings.len()),
        (State::AwaitingBankData, 1, 0)
    );
    assert_eq!(
        (file.kind(), file.format.as_str(), file.size_bytes),
        (Kind::Attachment, "PDF", 3_000_000)
    );
    assert_eq!((file.account_count, file.booking_count, file.linked), (0, 0, false));
    assert_eq!(file.sha256, hex::encode(Sha256::digest(&content)));
    let submitted = desk.submit(&name).await.unwrap();
    assert_eq!((submitted.state(), submitted.advice), (State::InReview, None), "a person decides");
    let seen = desk.read(&desk.reviewer, &name).await;
    let advice = seen.advice.unwrap();
    for feature in [
        Feature::MonthlyInflow,
        Feature::MonthsOfHistory,
        Feature::LowestBalance,
        Feature::SuspectedDuplicates,
    ] {
        assert_eq!(known(&advice, feature), None, "{feature:?} is missing, not zero");
    }
    assert_eq!(
        known(&advice, Feature::PaidLate).as_deref(),
        Some("0"),
        "what the tenant knows itself is known"
    );
    assert_ne!(advice.outcome(), Outcome::Approve);
    assert_eq!(seen.bank_data.unwrap().account_count, 0);
    let (bank_file, bytes) = download(&desk.reviewer, &name, &file.sha256).await.unwrap();
    assert_eq!(&bank_file, file);
    assert!(bytes == content, "the bytes come back as they were sent");
    desk.claim(&desk.reviewer, &name).await.unwrap();
    assert_eq!(desk.decide(&name, Some(2_000)).await.unwrap().state(), State::Approved);
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn a_scan_beside_read_data_is_for_a_person_too(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 1, ..Programme::default() }).await;
    let credit_application = linked(world, &desk, "bank_steady").await;
    attach(&desk, &credit_application.name, &scan(b"\x89PNG\r\n\x1a\n", 5_000, "a picture"))
        .await
        .unwrap();
    assert_eq!(
        desk.submit(&credit_application.name).await.unwrap().state(),
        State::InReview,
        "the policy would approve the account alone"
    );
    let advice = desk.read(&desk.reviewer, &credit_application.name).await.advice.unwrap();
    assert_eq!(advice.outcome(), Outcome::Approve, "the features are those of what was read");
    assert!(known(&advice, Feature::MonthlyInflow).is_some());
    // More is asked for, and a statement and a photograph come.
    let other = desk_of(world, world.customer("acme", "GB").await, desk.programme.clone()).await;
    let name = other.submitted().await;
    let files = other.read(&other.reviewer, &name).await.files;
    let (file, bytes) = download(&other.reviewer, &name, &files[0].sha256).await.unwrap();
    assert_eq!(
        (file.kind(), file.format.as_str(), bytes),
        (Kind::Statement, "CSV", statement(40_000, 38_000)),
        "read ones too"
    );
    let absent = download(
        &desk.reviewer,
        &credit_application.name,
        &credit_application
            .files
            .first()
            .map_or_else(|| "0".repeat(64), |bank_file| bank_file.sha256.clone()),
    )
    .await;
    assert_eq!(
        reason(&absent.unwrap_err()),
        "RESOURCE_NOT_FOUND",
        "nothing of a linked account is a file"
    );
    invariants::hold(world).await;
}

async fn what_is_no_scan_or_too_large_is_refused(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    for content in [
        b"GIF89a and so on".to_vec(),
        b"PK\x03\x04 a document".to_vec(),
        b"\xFF\xD8 no photograph".to_vec(),
        b" %PDF-1.7".to_vec(),
    ] {
        let refused = attach(&desk, &name, &content).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "BANK_FILE_INVALID")
        );
        assert!(refused.message().contains("PDF, PNG or JPEG"), "{}", refused.message());
    }
    let over = attach(&desk, &name, &pdf(MOST + 1, "")).await.unwrap_err();
    assert_eq!(violations(&over).len(), 1, "{over:?}");
    assert!(violations(&over)[0].starts_with("content: FIELD_TOO_LONG"), "{over:?}");
    let far = attach(&desk, &name, &pdf(MOST + (1 << 20), "")).await.unwrap_err();
    assert_eq!((far.code(), reason(&far).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    // A statement is no larger for it, and other methods take no more than before.
    let statement = attach(&desk, &name, &vec![b'x'; (2 << 20) + 1]).await.unwrap_err();
    assert!(violations(&statement)[0].starts_with("content: FIELD_TOO_LONG"), "{statement:?}");
    let mapped = UploadBankStatementRequest {
        csv: Some(crate::applications::mapping()),
        preset: 1,
        ..request(&name, &pdf(100, ""))
    };
    let mapped =
        violations(&desk.admin.applications().upload_bank_statement(mapped).await.unwrap_err());
    assert_eq!(mapped.len(), 2, "neither is looked at: {mapped:?}");
    assert_eq!(desk.read(&desk.reviewer, &name).await.files, Vec::new(), "nothing was kept");
    let whole = pdf(MOST, "to the last byte");
    let taken = attach(&desk, &name, &whole).await.unwrap();
    let (file, bytes) = download(&desk.reviewer, &name, &taken.files[0].sha256).await.unwrap();
    assert_eq!((file.size_bytes, bytes.len()), (10_485_760, MOST));
    assert!(bytes == whole);
    invariants::hold(world).await;
}

async fn ten_scans_are_taken_and_each_once(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    assert_eq!(reason(&desk.submit(&name).await.unwrap_err()), "APPLICATION_STATE");
    for number in 0..10 {
        attach(&desk, &name, &scan(b"\xFF\xD8\xFF\xE0", 2_000, &number.to_string())).await.unwrap();
        let again = attach(&desk, &name, &scan(b"\xFF\xD8\xFF\xE0", 2_000, &number.to_string()))
            .await
            .unwrap();
        assert_eq!(
            (again.files.len(), again.files[0].format.as_str()),
            (number + 1, "JPEG"),
            "one that is there changes nothing"
        );
    }
    assert_eq!(
        reason(&attach(&desk, &name, &pdf(100, "one more")).await.unwrap_err()),
        "TOO_MANY_ITEMS"
    );
    let read = desk
        .send(&name, statement(40_000, 38_000), Some(crate::applications::mapping()))
        .await
        .unwrap();
    assert_eq!(read.files.len(), 11, "a statement still finds room");
    assert_eq!(desk.submit(&name).await.unwrap().state(), State::InReview);
    assert_eq!(
        reason(&attach(&desk, &name, &pdf(100, "late")).await.unwrap_err()),
        "APPLICATION_STATE"
    );
    invariants::hold(world).await;
}

async fn only_who_decides_downloads_and_it_is_recorded(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let secret = "what nobody else may read";
    let content = pdf(2_500_000, secret);
    let sha256 = attach(&desk, &name, &content).await.unwrap().files[0].sha256.clone();
    let roles = ["STAFF", "CUSTOMER_ADMIN", "BILLING_MANAGER", "MEMBER", "SERVICE"];
    for role in roles {
        let who = world.someone(role, Some(&desk.customer));
        let refused = download(&who, &name, &sha256).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "ROLE_REQUIRED"),
            "{role}"
        );
    }
    world.tenant("globex").await;
    let (stranger, theirs) =
        (world.of_tenant("globex", "OWNER", None), world.customer("globex", "GB").await);
    let options = GetCreditOptionsRequest { parent: theirs };
    // Credit may not have heard of the tenant yet.
    retry(async || stranger.programmes().get_credit_options(options.clone()).await).await;
    assert_eq!(
        reason(&download(&stranger, &name, &sha256).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    let hidden = name.replace("tenants/acme/", "tenants/globex/");
    assert_eq!(
        reason(&download(&stranger, &hidden, &sha256).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    assert_eq!(
        reason(&download(&desk.reviewer, &name, &"0".repeat(64)).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    let other = desk_of(world, world.customer("acme", "GB").await, desk.programme.clone()).await;
    let elsewhere = other.start().await.unwrap().name;
    assert_eq!(
        reason(&download(&desk.reviewer, &elsewhere, &sha256).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    let (conn, credit) = world.rows("credit").await;
    let recorded =
        format!("SELECT count(*) AS told FROM {credit}audit WHERE aggregate_type = 'bank_file'");
    assert_eq!(count_of(&conn, &recorded).await, 0, "what is refused reads nothing");
    for who in [&desk.owner, &desk.reviewer, &desk.reviewer] {
        assert!(download(who, &name, &sha256).await.unwrap().1 == content);
    }
    assert_eq!(count_of(&conn, &recorded).await, 3, "who read what and when");
    let readers = format!(
        "SELECT count(DISTINCT actor) AS told FROM {credit}audit WHERE aggregate_type = 'bank_file' AND actor <> ''"
    );
    assert_eq!(count_of(&conn, &readers).await, 2);
    let of_it = format!(
        "{recorded} AND aggregate_id LIKE '%/{sha256}' AND method LIKE '%/DownloadBankFile' AND version <= 3"
    );
    assert_eq!(count_of(&conn, &of_it).await, 3);
    nowhere_in_plain(&conn, &credit, secret.as_bytes()).await;
    invariants::hold(world).await;
}

/// No row of credit holds these bytes: neither the parts, nor the file's row, nor what events,
/// answers and audit keep.
async fn nowhere_in_plain(conn: &DatabaseConnection, credit: &str, bytes: &[u8]) {
    let mut looked_at = 0;
    for (table, column) in [
        ("bank_file_parts", "sealed"),
        ("bank_files", "content"),
        ("outbox", "data"),
        ("requests", "answer"),
    ] {
        let select = format!("SELECT {column} AS bytes FROM {credit}{table}");
        for row in conn
            .query_all_raw(Statement::from_string(conn.get_database_backend(), select))
            .await
            .unwrap()
        {
            let kept: Vec<u8> =
                row.try_get::<Option<Vec<u8>>>("", "bytes").unwrap().unwrap_or_default();
            assert!(!kept.windows(bytes.len()).any(|each| each == bytes), "{table} holds it");
            // Sealing adds which key it was, a nonce and a tag.
            let most = (1 << 20) + payterms_chassis::seal::HEAD + 28;
            assert!(
                table != "bank_file_parts" || kept.len() <= most,
                "a part is no larger than it is to be"
            );
            looked_at += usize::from(table == "bank_file_parts");
        }
    }
    assert_eq!(looked_at, 3, "parts of 1 MiB");
}
