//! Two replicas of each service behind one gateway: calls come to both, and when one is killed
//! under load, a client that sends what was UNAVAILABLE again loses nothing and doubles nothing.

use crate::{
    invariants,
    kills_of_payments::{pays, prepare},
    rig::{self, People, Services, retry, until},
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{Invoice, payment::State},
    wallet::v1::{GetBalanceRequest, GrantCreditRequest, PostDebitRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, Request, Status};

const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];
/// Clients at once.
const CLIENTS: usize = 6;

fn debit(wallet: &str) -> PostDebitRequest {
    PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.to_owned(),
        amount: amount("USD", 1, 0),
        ..Default::default()
    }
}

pub(crate) async fn grant(staff: &Session, wallet: &str, units: i64) {
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.to_owned(),
        amount: amount("USD", units, 0),
        ..GrantCreditRequest::default()
    };
    retry(async || staff.lots().grant_credit(grant.clone()).await).await;
}

/// Debits of one unit, one after the other by each client, until it is told to stop; each is sent
/// again while it is UNAVAILABLE, and any other fault is a failure.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub(crate) fn on(service: &Session, wallet: &str) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (service, wallet, stop, done) =
                (service.clone(), wallet.to_owned(), stop.clone(), done.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let debit = debit(&wallet);
                    send(&service, &debit).await;
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, done, clients }
    }

    /// Waits until so many more debits are done.
    pub(crate) async fn progress(&self, debits: u64) {
        let wanted = self.done.load(Ordering::SeqCst) + debits;
        let so_far = async || Ok::<_, Status>(self.done.load(Ordering::SeqCst));
        until(so_far, |done| *done >= wanted).await;
    }

    pub(crate) async fn ends(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.unwrap();
        }
        self.done.load(Ordering::SeqCst)
    }
}

/// Sends a debit until it is not UNAVAILABLE.
async fn send(service: &Session, debit: &PostDebitRequest) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let mut request = Request::new(debit.clone());
        request.set_timeout(Duration::from_secs(20));
        match service.postings().post_debit(request).await {
            Ok(_) => return,
            Err(status) if status.code() == Code::Unavailable && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => panic!("a client that tries again loses nothing: {status:?}"),
        }
    }
}

pub(crate) async fn left(people: &People) -> Option<Money> {
    let get = GetBalanceRequest { name: people.wallet.clone(), as_of: None };
    retry(async || people.admin.wallets().get_balance(get.clone()).await)
        .await
        .into_inner()
        .balance
        .unwrap()
        .available
}

async fn pay(people: &People, invoice: &Invoice) {
    let request = pays(people, invoice);
    let answer =
        retry(async || people.admin.payments().create_payment(request.clone()).await).await;
    assert_eq!(answer.into_inner().payment.unwrap().state(), State::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_of_each_service_costs_a_retrying_client_nothing() {
    let Some(rig) = rig::start(true).await else { return };
    let (people, invoice) = prepare(&rig, "tok_visa").await;
    let mut services = Services::twice(rig).await;
    grant(&services.rig().someone("STAFF", None), &people.wallet, 100_000).await;
    let load = Load::on(&services.rig().someone("SERVICE", None), &people.wallet);
    load.progress(50).await;
    // The second of each, under load; a payment passes all that are left.
    for name in SERVICES {
        services.stop_other(name);
        load.progress(30).await;
    }
    pay(&people, &invoice).await;
    for name in SERVICES {
        services.start_other(name).await;
    }
    // Then the first of each: what goes on is done by those that came later.
    for name in SERVICES {
        services.stop(name);
        load.progress(30).await;
    }
    for name in SERVICES {
        services.restart(name, None).await;
    }
    load.progress(30).await;
    let done = i64::try_from(load.ends().await).unwrap();
    assert_eq!(left(&people).await, amount("USD", 100_000 - done, 0), "each debit is booked once");
    assert_eq!(services.rig().charges().await, ["70"], "the provider charged once");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_grow_old_are_closed_in_order_and_no_call_is_lost() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    grant(&rig.someone("STAFF", None), &people.wallet, 10_000).await;
    let services = Services::with(rig, vec!["--connection-age-seconds=1".to_owned()]).await;
    let at = services.at("gateway");
    // After its answer this connection is idle; that it ends shows that old ones are closed.
    let mut idle = tokio::net::TcpStream::connect(at).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await.unwrap();
    let closed = tokio::spawn(async move { idle.read_to_end(&mut Vec::new()).await });
    let service = services.rig().someone("SERVICE", None);
    let mut done = 0;
    while !closed.is_finished() || done < 200 {
        // Calls that the gateway passes on are never lost. tonic gives back as CANCELLED what its
        // own closing connection did not send; only that is sent again.
        let debit = debit(&people.wallet);
        while let Err(status) = service.postings().post_debit(debit.clone()).await {
            assert_eq!(status.code(), Code::Cancelled, "{status:?}");
        }
        done += 1;
    }
    closed.await.unwrap().unwrap();
    assert_eq!(left(&people).await, amount("USD", 10_000 - done, 0));
}
