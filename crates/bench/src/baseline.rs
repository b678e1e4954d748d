//! What the database does by itself: its own benchmark, and one posting a transaction in SQL with
//! the same rows.

use crate::{
    machine::Machine,
    report::Way,
    stage::{Durable, NAME},
};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::process::Command;

/// Connections of a baseline.
const CLIENTS: &str = "32";

/// Fills the tables of the benchmark, scale 20.
pub fn prepare(server: &Durable, quick: bool) {
    let scale = if quick { "1" } else { "20" };
    pgbench(server, &["-i", "-q", "-s", scale]);
}

/// TPC-B-like transactions.
pub async fn tpcb(server: &Durable, machine: &Machine, seconds: u64, way: &mut Way) {
    turn(server, machine, seconds, way, &["-M", "prepared"]).await;
}

/// One posting as the wallet writes it, for whoever would do it in the database alone. Nobody's
/// token, limits or replays are looked at.
const POST: &str = "CREATE OR REPLACE FUNCTION public.bench_post(n integer) RETURNS void LANGUAGE plpgsql AS $$ \
    DECLARE w wallet.wallets; l wallet.lots; t uuid := gen_random_uuid(); BEGIN \
    PERFORM suspended FROM wallet.tenant_states WHERE tenant = 'acme'; \
    SELECT * INTO w FROM wallet.wallets WHERE tenant = 'acme' AND id = md5('w' || n)::uuid FOR UPDATE; \
    SELECT * INTO l FROM wallet.lots WHERE tenant = 'acme' AND wallet_id = w.id AND live AND remaining > 0 LIMIT 1; \
    IF EXISTS (SELECT FROM wallet.transfers WHERE tenant = 'acme' AND request_id = t AND request_id IS NOT NULL) \
    OR l.remaining < 10000 THEN RETURN; END IF; \
    UPDATE wallet.lots SET remaining = remaining - 10000 WHERE tenant = 'acme' AND id = l.id; \
    UPDATE wallet.wallets SET posted = posted - 10000, sequence = sequence + 1, version = version + 1, updated_at = now() \
    WHERE tenant = 'acme' AND id = w.id; \
    INSERT INTO wallet.transfers (tenant, id, wallet_id, kind, description, recorded_at, effective_at, request_id, input_hash, actor) \
    VALUES ('acme', t, w.id, 'DEBIT', '', now(), now(), t, sha256(t::text::bytea), 'bench'); \
    INSERT INTO wallet.entries (tenant, transfer_id, line, account, contra, wallet_id, lot_id, amount, currency, sequence, \
    balance_after, recorded_at, effective_at) \
    VALUES ('acme', t, 1, 'CUSTOMER_CREDIT', 'REVENUE', w.id, l.id, -10000, 'USD', w.sequence + 1, w.posted - 10000, now(), now()); \
    INSERT INTO wallet.outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, \
    occurred_at, recorded_at) VALUES (t, 'acme', 'postings', t::text, 1, 'payterms.wallet.v1.PostingsMade', \
    decode(repeat('00', 130), 'hex'), '', false, now(), now()); END $$";

/// Makes the function of a posting.
pub async fn prepare_single(owner: &DatabaseConnection) {
    owner.execute_unprepared(POST).await.expect("a function");
}

/// One posting a transaction: all of a posting's rows by one call of a function in the database.
pub async fn single(
    server: &Durable,
    machine: &Machine,
    seconds: u64,
    way: &mut Way,
    accounts: usize,
) {
    let script = std::env::temp_dir().join(format!("payterms-bench-{}.sql", std::process::id()));
    let text = format!("\\set n random(1, {accounts})\nSELECT public.bench_post(:n);\n");
    std::fs::write(&script, text).expect("a script");
    let file = script.display().to_string();
    turn(server, machine, seconds, way, &["-M", "prepared", "-f", &file]).await;
    std::fs::remove_file(script).expect("the script goes");
}

async fn turn(server: &Durable, machine: &Machine, seconds: u64, way: &mut Way, more: &[&str]) {
    let before = machine.read().await;
    let seconds_text = seconds.to_string();
    let (server, more) =
        (server.place(), more.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let said = tokio::task::spawn_blocking(move || {
        let mut words: Vec<String> =
            ["-n", "-c", CLIENTS, "-j", "2", "-T", &seconds_text].map(str::to_owned).into();
        words.extend(more);
        run(&server, &words)
    });
    let said = said.await.expect("pgbench ends");
    let figure = |after: &str| {
        let found = said
            .lines()
            .find_map(|line| line.split(after).nth(1))
            .and_then(|rest| rest.split([' ', '/']).next());
        found
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or_else(|| panic!("pgbench says {after}: {said}"))
    };
    let (rate, count) = (figure("tps = "), figure("number of transactions actually processed: "));
    // Its connections are gone, and counted, a moment later.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    way.add_count(count, count / rate, machine.read().await.since(before));
}

fn pgbench(server: &Durable, words: &[&str]) {
    run(&server.place(), &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
}

fn run((binary, url): &(std::path::PathBuf, String), words: &[String]) -> String {
    let done = Command::new(binary)
        .args(words)
        .arg(format!("{url}/{NAME}"))
        .output()
        .expect("pgbench runs");
    assert!(done.status.success(), "pgbench {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
