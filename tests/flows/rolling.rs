//! Restarts under load, behind a balancer of TCP connections: a part that is told to end takes no
//! new call, answers those under way, and ends; every replica of every part is restarted one after
//! the other, and then the database. Who sends again what was UNAVAILABLE sees no failure; what was
//! acknowledged is in the rows, once.

use crate::{
    database_roles::{SERVING, health},
    kills_of_payments::prepare,
    replicas::grant,
    rig::{BINARY, Rig, Services, until},
};
use payterms_proto::wallet::v1::PostDebitRequest;
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    balancer::Balancer, endings::ended, postgres, process::someone, rig::retry,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use std::{
    collections::BTreeSet,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tonic::{Code, Request, Status};

const PARTS: [&str; 5] = ["wallet", "invoicing", "credit", "plans", "gateway"];
/// Clients that send again what was UNAVAILABLE, and clients that do not.
const CLIENTS: [bool; 6] = [true, true, true, true, false, false];

fn debit(wallet: &str) -> PostDebitRequest {
    PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.to_owned(),
        amount: amount("USD", 1, 0),
        ..Default::default()
    }
}

/// What became of a client's debits, by request id.
#[derive(Debug, Default)]
struct Told {
    acknowledged: BTreeSet<String>,
    /// Those that this client did not send again.
    failed: Vec<(String, Status)>,
}

/// Clients that debit a wallet, one call after the other each, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Told>>,
}

impl Load {
    fn on(call: impl Fn() -> Session, wallet: &str) -> Self {
        let (stop, done, lost) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let client = |sends_again| {
            let (session, wallet, stop, done, lost) =
                (call(), wallet.to_owned(), stop.clone(), done.clone(), lost.clone());
            tokio::spawn(async move {
                let mut this_told = Told::default();
                while !stop.load(Ordering::SeqCst) {
                    let debit = debit(&wallet);
                    match send(&session, &debit, sends_again).await {
                        Ok(()) => {
                            this_told.acknowledged.insert(debit.request_id);
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(status) => {
                            lost.fetch_add(1, Ordering::SeqCst);
                            this_told.failed.push((debit.request_id, status));
                            // Who gives up at once and begins anew would fill the time of a stop
                            // with failures.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
                this_told
            })
        };
        let clients = CLIENTS.map(client).into();
        Self { stop, done, lost, clients }
    }

    /// Waits until so many more debits are done.
    async fn progress(&self, debits: usize) {
        let wanted = self.done.load(Ordering::SeqCst) + debits;
        until(async || Ok::<_, Status>(self.done.load(Ordering::SeqCst)), |done| *done >= wanted)
            .await;
    }

    async fn ends(self) -> Told {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Told::default();
        for client in self.clients {
            let this_told = client.await.unwrap();
            all.acknowledged.extend(this_told.acknowledged);
            all.failed.extend(this_told.failed);
        }
        all
    }
}

/// Sends a debit, where the client does so again while it is UNAVAILABLE. Whatever else comes back
/// is a failure.
async fn send(session: &Session, debit: &PostDebitRequest, again: bool) -> Result<(), Status> {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        let mut request = Request::new(debit.clone());
        request.set_timeout(Duration::from_secs(20));
        match session.postings().post_debit(request).await.map(drop) {
            // tonic gives back as CANCELLED what its own closing connection did not send; every
            // client sends that on another one.
            Err(status) if status.code() == Code::Cancelled && Instant::now() < until => {}
            Err(status)
                if again && status.code() == Code::Unavailable && Instant::now() < until =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) if again => panic!("a client that sends again sees no failure: {status:?}"),
            answered => return answered,
        }
    }
}

async fn text(conn: &DatabaseConnection, select: &str) -> Vec<String> {
    let rows =
        conn.query_all_raw(Statement::from_string(DbBackend::Postgres, select)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
}

/// The process of the wallet has a call under way, which waits for a row, when it is told to end.
async fn a_call_under_way_is_answered(
    services: &mut Services,
    session: &Session,
    wallet: &str,
    place: &str,
) {
    let holder = postgres::session(format!("postgres://postgres@{place}")).await;
    holder.execute_unprepared("BEGIN; SELECT 1 FROM wallet.wallets FOR UPDATE").await.unwrap();
    services.stop_other("wallet");
    let (calling, request) = (session.clone(), debit(wallet));
    // UNAVAILABLE where the call went to the replica that has just gone.
    let call = tokio::spawn(async move { send(&calling, &request, true).await });
    let watcher = postgres::session(format!("postgres://postgres@{place}")).await;
    let waiting = "SELECT pid::text AS text FROM pg_stat_activity WHERE usename = 'payterms_wallet' AND wait_event_type = 'Lock'";
    until(async || Ok::<_, Status>(text(&watcher, waiting).await), |found| !found.is_empty()).await;
    let (at, ending) = (services.at("wallet"), services.begin_to_end("wallet"));
    until(async || Ok::<_, Status>(TcpStream::connect(at).is_err()), |is_closed| *is_closed).await;
    assert!(!call.is_finished(), "it takes no connection any more, and its call is under way");
    holder.execute_unprepared("ROLLBACK").await.unwrap();
    call.await.unwrap().unwrap();
    ended(ending).await;
    for conn in [holder, watcher] {
        conn.close().await.unwrap();
    }
    services.restart("wallet", None).await;
    services.start_other("wallet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_and_the_database_are_restarted_under_load() {
    let Some(server) = postgres::private("-c max_connections=300") else { return };
    postgres::migrated(&format!("postgres@{}", server.place), "payterms").await;
    let place = format!("{}/payterms", server.place);
    let rig = Rig::start(BINARY, Some(place.clone()), &[]).await;
    let (people, _) = prepare(&rig, "tok_visa").await;
    let mut services = Services::twice(rig).await;
    services.start_other("gateway").await;
    let balancer =
        Balancer::before(vec![services.at("gateway"), services.other_at("gateway")]).await;
    let data = services.rig().data().to_owned();
    let session = |role: &str| someone(&data, balancer.at, role, None);
    grant(&session("STAFF"), &people.wallet, 100_000).await;
    let before = [debit(&people.wallet), debit(&people.wallet)];
    for request in &before {
        retry(async || session("SERVICE").postings().post_debit(request.clone()).await).await;
    }
    a_call_under_way_is_answered(&mut services, &session("SERVICE"), &people.wallet, &place).await;

    let load = Load::on(|| session("SERVICE"), &people.wallet);
    load.progress(50).await;
    for part in PARTS {
        for is_second in [false, true] {
            let at = if is_second {
                services.terminate_other(part).await;
                load.progress(15).await;
                services.start_other(part).await;
                services.other_at(part)
            } else {
                services.terminate(part).await;
                load.progress(15).await;
                services.restart(part, None).await;
                services.at(part)
            };
            until(
                async || Ok::<_, Status>(health(at, ["readiness"]).await),
                |numbers| *numbers == [SERVING],
            )
            .await;
            load.progress(40).await;
            eprintln!("{part} {is_second}: {} lost", load.lost.load(Ordering::SeqCst));
        }
    }
    let lost_in_rollouts = load.lost.load(Ordering::SeqCst);
    tokio::task::block_in_place(|| {
        server.stop_at_once();
        server.start_again();
    });
    load.progress(40).await;
    let this_told = load.ends().await;
    eprintln!(
        "{} acknowledged, {lost_in_rollouts} lost in rollouts, {} in all",
        this_told.acknowledged.len(),
        this_told.failed.len()
    );
    for (_, status) in &this_told.failed {
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    }
    assert_eq!(lost_in_rollouts, 0, "{:?}", this_told.failed);
    let admin = postgres::session(format!("postgres://postgres@{place}")).await;
    let written =
        text(&admin, "SELECT request_id::text AS text FROM wallet.transfers WHERE kind = 'DEBIT'")
            .await;
    let once: BTreeSet<_> = written.iter().cloned().collect();
    assert_eq!(written.len(), once.len(), "nothing is doubled");
    let missing: Vec<_> = this_told.acknowledged.difference(&once).collect();
    assert!(missing.is_empty(), "acknowledged, and not in the rows: {missing:?}");
    // What was not acknowledged is there or is not; nothing else is there. Three were debited
    // before the load.
    let tried: BTreeSet<_> = this_told.failed.iter().map(|(id, _)| id.clone()).collect();
    let others = once
        .iter()
        .filter(|id| !this_told.acknowledged.contains(*id) && !tried.contains(*id))
        .count();
    assert_eq!(others, before.len() + 1, "only what clients have sent is in the rows");
    admin.close().await.unwrap();
}
