//! The disk fails for a while, or is full: what the embedded database acknowledged is there after a
//! restart, a service whose disk failed says that it is not ready until it works again, and it
//! heals by itself.

use crate::{
    database_roles::{SERVING, health},
    invariants::{self, rows_of, selected},
    kills::grant,
    rig,
};
use payterms_proto::wallet::v1::{PostDebitRequest, PostDebitResponse};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::rig::{People, Services, retry};
use prost::Message;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Debits at once while the disk fails, and how often at most until the fault was reached: the
/// database file is written when its log is full.
const DEBITS: usize = 12;
const ROUNDS: usize = 60;

/// The library that makes the disk fail, compiled into a folder.
fn shim(folder: &Path) -> PathBuf {
    let (source, library) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/disk.c"), folder.join("disk.so"));
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(compiled.unwrap().success(), "a C compiler is needed, as for the build itself");
    library
}

fn debit(people: &People) -> PostDebitRequest {
    let (wallet, amount) = (people.wallet.clone(), amount("USD", 1, 0));
    PostDebitRequest { request_id: request_id(), wallet, amount, ..PostDebitRequest::default() }
}

/// What the wallet says of itself.
async fn ready(services: &Services) -> bool {
    reqwest::get(format!("http://{}/readyz", services.at("wallet")))
        .await
        .is_ok_and(|answer| answer.status().is_success())
}

/// A wallet with credit, and every service a process of its own with `environment`.
async fn served(environment: Vec<(String, String)>) -> (Services, People) {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 100_000).await;
    let mut services = Services::of(rig).await;
    services.environment = environment;
    services.restart("wallet", None).await;
    (services, people)
}

/// Debits; those that were acknowledged, with their answers.
async fn debits(
    services: &Services,
    people: &People,
    count: usize,
) -> Vec<(PostDebitRequest, Vec<u8>)> {
    let (service, mut acknowledged) = (services.rig().someone("SERVICE", None), Vec::new());
    for _ in 0..count {
        let request = debit(people);
        let mut patient = tonic::Request::new(request.clone());
        patient.set_timeout(Duration::from_secs(10));
        if let Ok(answer) = service.postings().post_debit(patient).await {
            acknowledged.push((request, answer.into_inner().encode_to_vec()));
        }
    }
    acknowledged
}

/// What was acknowledged is in the file after the process has died, and is answered as it was.
async fn all_is_kept(
    services: &mut Services,
    acknowledged: &[(PostDebitRequest, Vec<u8>)],
    what: &str,
) {
    services.environment.clear();
    services.restart("wallet", None).await;
    let (conn, _) = rows_of("wallet", services.rig().data(), None).await;
    let select = "SELECT HEX(request_id)HEX FROM transfers WHERE request_id IS NOT NULL";
    let stored: BTreeSet<_> = selected(&conn, select).await.into_iter().collect();
    conn.close().await.unwrap();
    let lost = acknowledged
        .iter()
        .filter(|(request, _)| !stored.contains(&request.request_id.replace('-', "")))
        .count();
    assert_eq!(lost, 0, "{what}: of {} acknowledged debits some have no row", acknowledged.len());
    let service = services.rig().someone("SERVICE", None);
    for (request, answer) in acknowledged {
        let again = retry(async || service.postings().post_debit(request.clone()).await).await;
        assert_eq!(PostDebitResponse::encode_to_vec(again.get_ref()), *answer, "{what}");
    }
    invariants::hold_in(services.rig().data(), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_disk_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (library, control) = (shim(folder.path()), folder.path().join("control"));
    let environment = [("LD_PRELOAD", &library), ("FAULT_CONTROL", &control)];
    let environment: Vec<_> =
        environment.map(|(name, path)| (name.to_owned(), path.display().to_string())).into();
    let (mut services, people) = served(environment.clone()).await;
    let (enospc, eio) = (28, 5);
    let mut acknowledged = Vec::new();
    let faults = [
        (enospc, 'w', "wallet.db-wal"),
        (eio, 'w', "wallet.db-wal"),
        (eio, 's', "wallet.db-wal"),
        (enospc, 'w', "wallet.db"),
        (eio, 's', "wallet.db"),
    ];
    for (error, kind, file) in faults {
        for times in [1, 2, 5] {
            let what = format!("errno {error}, {times} × {kind} of {file}");
            acknowledged.extend(debits(&services, &people, 2).await);
            fs::write(&control, format!("{error} {times} {kind} {file}")).unwrap();
            let reached = control.with_extension("reached");
            for _ in 0..ROUNDS {
                acknowledged.extend(debits(&services, &people, DEBITS).await);
                if fs::metadata(&reached).is_ok_and(|found| found.len() == times) {
                    break;
                }
            }
            assert_eq!(
                fs::metadata(&reached).map_or(0, |found| found.len()),
                times,
                "{what}: the fault was reached"
            );
            fs::remove_file(&reached).unwrap();
            fs::write(&control, "").unwrap();
            retry(async || {
                if ready(&services).await {
                    Ok(())
                } else {
                    Err(tonic::Status::unavailable("not ready"))
                }
            })
            .await;
            let healed = debits(&services, &people, 3).await;
            assert_eq!(healed.len(), 3, "{what}: it works again");
            acknowledged.extend(healed);
        }
    }
    all_is_kept(&mut services, &acknowledged, "injected faults").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_full_disk() {
    let (mut services, people) = served(Vec::new()).await;
    services.stop("wallet");
    let (data, disk) = (services.rig().data().to_path_buf(), tempfile::tempdir().unwrap());
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
        .arg(disk.path())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!(
            "\n*** No small disk can be mounted here: the test of a full disk does not run. ***\n"
        );
        return;
    }
    for file in ["wallet.db", "wallet.db-wal", "wallet.lock"] {
        let (here, there) = (data.join(file), disk.path().join(file));
        if here.exists() {
            fs::copy(&here, &there).unwrap();
            fs::remove_file(&here).unwrap();
        }
        std::os::unix::fs::symlink(&there, &here).unwrap();
    }
    // SQLite follows the link of the database and puts its log beside the real file.
    services.restart("wallet", None).await;
    let mut acknowledged = debits(&services, &people, 3).await;
    let ballast = disk.path().join("ballast");
    let _ = fs::write(&ballast, vec![0; 6 << 20]);
    let meanwhile = debits(&services, &people, 20).await;
    assert!(meanwhile.len() < 20, "the disk is full");
    assert!(!ready(&services).await, "a service whose disk is full is not ready");
    assert_eq!(
        health(services.at("wallet"), ["liveness"]).await,
        [SERVING],
        "it is not restarted: that frees no room"
    );
    acknowledged.extend(meanwhile);
    fs::remove_file(&ballast).unwrap();
    retry(async || {
        if ready(&services).await { Ok(()) } else { Err(tonic::Status::unavailable("not ready")) }
    })
    .await;
    let healed = debits(&services, &people, 3).await;
    assert_eq!(healed.len(), 3, "there is room again");
    acknowledged.extend(healed);
    all_is_kept(&mut services, &acknowledged, "a full disk").await;
    drop(services);
    assert!(Command::new("umount").arg("-l").arg(disk.path()).status().unwrap().success());
}
