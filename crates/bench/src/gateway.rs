//! The gateway's price: the same calls through it and straight at the wallet, in turns.

use clap::Args;
use comfy_table::Table;
use payterms_chassis::identity::Signer;
use payterms_kernel::SystemClock;
use payterms_proto::wallet::v1::{GetBalanceRequest, GrantCreditRequest, PostDebitRequest};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{Database, World, people::person};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long and how wide it is measured.
#[derive(Debug, Args)]
pub struct Options {
    /// Callers at once.
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// Seconds of one turn.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Turns of each way.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Read,
    Debit,
}

/// Measures and prints the table.
pub async fn run(options: &Options) {
    let world = World::start(Database::Sqlite).await.expect("a suite");
    let (_, wallet) = world.usual().await;
    let grant =
        GrantCreditRequest { request_id: request_id(), wallet: wallet.clone(), amount: amount("USD", 1_000_000, 0), ..Default::default() };
    world.someone("STAFF", None).lots().grant_credit(grant).await.expect("credit");
    let signer = Signer::read(&world.folder.path().join("keys"), "gateway", Arc::new(SystemClock)).expect("the gateway's key");
    let service = person("acme", "SERVICE", None);
    let mut table = Table::new();
    table.set_header(["call", "straight, 1/s", "gateway, 1/s", "ratio"]);
    for (name, verb) in [("GetBalance", Verb::Read), ("PostDebit", Verb::Debit)] {
        let (mut straight, mut through) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            // An internal token lives 60 s: one for each turn.
            let inner = signer.internal("wallet", &service).expect("a token");
            let outer = world.suite.token(&service, 600).expect("a token");
            let inside = world.suite.services.get("wallet").copied().expect("the wallet");
            straight.push(turn(options, inside, &inner, &wallet, verb).await);
            through.push(turn(options, world.suite.gateway, &outer, &wallet, verb).await);
        }
        let (straight, through) = (median(straight), median(through));
        table.add_row([name.to_owned(), format!("{straight:.0}"), format!("{through:.0}"), format!("{:.2}", through / straight)]);
    }
    println!("{table}");
    world.end().await;
}

/// One turn: calls a second. Each eight callers share a connection.
async fn turn(options: &Options, address: SocketAddr, token: &str, wallet: &str, verb: Verb) -> f64 {
    let sessions: Vec<_> = (0..options.callers.div_ceil(8)).map(|_| Session::new(address, token).expect("a session")).collect();
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let callers: Vec<_> = (0..options.callers)
        .zip(sessions.iter().cycle())
        .map(|(_, session)| {
            let (session, wallet) = (session.clone(), wallet.to_owned());
            tokio::spawn(async move {
                let mut calls = 0_u32;
                while Instant::now() < until {
                    call(&session, &wallet, verb).await;
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.expect("a caller");
    }
    f64::from(calls) / f64::from(u32::try_from(options.seconds).unwrap_or(1))
}

async fn call(session: &Session, wallet: &str, verb: Verb) {
    match verb {
        Verb::Read => {
            let read = GetBalanceRequest { name: wallet.to_owned(), as_of: None };
            session.wallets().get_balance(read).await.expect("a balance");
        }
        Verb::Debit => {
            let debit =
                PostDebitRequest { request_id: request_id(), wallet: wallet.to_owned(), amount: amount("USD", 0, 1), ..Default::default() };
            session.postings().post_debit(debit).await.expect("a debit");
        }
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
