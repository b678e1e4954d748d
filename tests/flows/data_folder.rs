//! A data folder from which something is missing is refused by name: nothing empty takes the place
//! of what was there.

use payterms_chassis::{config::WebhookOptions, db::DatabaseOptions, net::broker::BrokerOptions};
use payterms_gateway::{CorsOptions, identity::TokenOptions, limits::LimitOptions};
use payterms_suite::{Suite, SuiteOptions};
use std::{fs, path::Path};
use tokio_util::sync::CancellationToken;

async fn start(data: &Path) -> Result<Suite, String> {
    let options = SuiteOptions {
        data: data.to_path_buf(),
        listen: "127.0.0.1:0".parse().unwrap(),
        postgres: None,
        simulator: None,
        mail: None,
        mail_ca: None,
        mail_from: "billing@payterms.example".to_owned(),
        plaid: None,
        stripe: None,
        vies: None,
        cors: CorsOptions::default(),
        limits: LimitOptions::default(),
        jwks: None,
        tokens: TokenOptions::default(),
        webhooks: WebhookOptions::default(),
        database: DatabaseOptions::default(),
        broker: BrokerOptions::default(),
    };
    Suite::start(&options, CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_foreign_in_a_data_folder_is_named() {
    let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = folder.path();
    start(data).await.unwrap().stop().await;
    let (wallet, kept) = (data.join("wallet.db"), aside.path().join("wallet.db"));
    // The log is in the database since the suite ended in order.
    fs::copy(&wallet, &kept).unwrap();
    let logs = || ["wallet.db-wal", "wallet.db-shm"].map(|file| fs::remove_file(data.join(file)));
    let refused = async |part: &str| {
        let error = start(data).await.expect_err(part);
        assert!(error.contains(part), "{part}: {error}");
    };

    let _ = logs();
    fs::remove_file(&wallet).unwrap();
    refused("wallet.db is missing").await;
    assert!(!wallet.exists(), "no empty database was made in its place");
    fs::write(&wallet, b"").unwrap();
    refused("wallet.db is empty").await;
    fs::write(&wallet, b"not a database at all").unwrap();
    refused("wallet.db is no SQLite database").await;
    // A database whose log was left behind.
    let begin = fs::read(&kept).unwrap();
    fs::write(
        &wallet,
        [
            &begin[..28],
            &[0, 0, 0, 1],
            &begin[32..100],
            &[13, 0, 0, 0, 0, 16, 0, 0],
            &[0; 4096 - 108],
        ]
        .concat(),
    )
    .unwrap();
    refused("wallet.db holds nothing").await;
    let _ = logs();
    fs::copy(data.join("plans.db"), &wallet).unwrap();
    refused("wallet.db is not the database of wallet").await;
    let _ = logs();
    fs::copy(&kept, &wallet).unwrap();
    for key in ["credit.key", "seal.key"] {
        let (file, there) = (data.join("keys").join(key), aside.path().join(key));
        fs::copy(&file, &there).unwrap();
        fs::remove_file(&file).unwrap();
        refused(key).await;
        fs::copy(&there, &file).unwrap();
    }
    start(data).await.unwrap().stop().await;
}
