//! What comes half, slowly or not at all at the gateway's port holds nothing that others need, and
//! a service that hangs costs seconds.

use crate::{
    events::{all_of, read_on, until_told},
    invoices::{draft, issued, line},
    kills::grant,
    payments::till,
    rig, wallets,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body as _, Frame, Incoming},
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use payterms_proto::{
    invoicing::v1::{
        DownloadDocumentsRequest, EnableMeteredServiceRequest, GetMailTemplateRequest, MailKind,
        MailTemplate, MeteredService, PaymentTerm, PreviewMailTemplateRequest,
        UpdateMailTemplateRequest, payment_term,
    },
    wallet::v1::{GetWalletRequest, PostDebitRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    Database, World,
    people::person,
    reason,
    rig::{Services, retry, until},
};
use prost::Message;
use std::{convert::Infallible, net::SocketAddr, process::Command, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Request, Status};

/// Twice as long as what comes half may hold a connection.
const TWICE: Duration = Duration::from_secs(10);
/// Far longer than anything here takes, and shorter than a test that hangs.
const PATIENCE: Duration = Duration::from_mins(1);

type Sender = SendRequest<UnsyncBoxBody<Bytes, Infallible>>;

/// A connection whose answers wait after their first bytes.
async fn connect(gateway: SocketAddr) -> Sender {
    let stream = TcpStream::connect(gateway).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1_024);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Calls a method of the gateway with a body of these pieces.
async fn call(
    sender: &Sender,
    (gateway, token): (SocketAddr, &str),
    method: &str,
    pieces: impl Stream<Item = Bytes> + Send + 'static,
) -> hyper::Result<http::Response<Incoming>> {
    let body =
        StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)))).boxed_unsync();
    let request = http::Request::post(format!("http://{gateway}/payterms.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap();
    sender.clone().send_request(request).await
}

/// A message with its frame's head.
fn framed(message: &impl Message) -> stream::Iter<std::array::IntoIter<Bytes, 1>> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut framed).unwrap();
    stream::iter([framed.into()])
}

/// A connection with calls whose messages never come whole.
async fn half_sent_calls(gateway: SocketAddr, token: &str, count: usize) {
    let sender = connect(gateway).await;
    for _ in 0..count {
        let (sender, token) = (sender.clone(), token.to_owned());
        let begin = stream::iter([Bytes::from_static(&[0, 0, 0])]).chain(stream::pending());
        tokio::spawn(async move {
            call(&sender, (gateway, &token), "wallet.v1.PostingService/PostDebit", begin).await
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_does_not_stop_a_service_for_all() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    wallets::grant(&world, &wallet, amount("USD", 10, 0), 0).await;
    let token = world.suite.token(&person("acme", "STAFF", None), 600).unwrap();
    for _ in 0..2 {
        half_sent_calls(world.suite.gateway, &token, 1_000).await;
    }
    let service = world.someone("SERVICE", None);
    for _ in 0..20 {
        service.postings().post_debit(wallets::debit(&wallet, amount("USD", 0, 10))).await.unwrap();
    }
    world.end().await;
}

/// Clients in Go take headers with a status that do not end the answer for a broken one.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_with_its_headers() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let (gateway, token) =
        (world.suite.gateway, world.suite.token(&person("acme", "STAFF", None), 600).unwrap());
    let sender = connect(gateway).await;
    let nobody = GetWalletRequest {
        name: format!("tenants/acme/customers/{}/wallets/{}", request_id(), request_id()),
    };
    let refusals = [
        call(&sender, (gateway, &token), "wallet.v1.WalletService/GetWallet", framed(&nobody))
            .await,
        call(
            &sender,
            (gateway, &token),
            "wallet.v1.WalletService/GetWallet",
            framed(&GetWalletRequest::default()),
        )
        .await,
        call(&sender, (gateway, &token), "wallet.v1.WalletService/GetNothing", framed(&nobody))
            .await,
        call(&sender, (gateway, ""), "wallet.v1.WalletService/GetWallet", framed(&nobody)).await,
        call(
            &sender,
            (gateway, &token),
            "gateway.v1.AccountService/GetAccountOverview",
            framed(&nobody),
        )
        .await,
        call(
            &sender,
            (gateway, &token),
            "invoicing.v1.DocumentService/DownloadDocuments",
            framed(&DownloadDocumentsRequest::default()),
        )
        .await,
    ];
    for refused in refusals.map(Result::unwrap) {
        assert!(
            refused.headers()["grpc-status"] != "0" && refused.body().is_end_stream(),
            "{refused:?}"
        );
    }
    world.end().await;
}

/// A mail template whose text has 80,000 bytes.
fn long_template() -> MailTemplate {
    let text = "\u{1f4b6}".repeat(20_000);
    MailTemplate {
        kind: MailKind::Receipt.into(),
        locale: "en".into(),
        subject: "Hi".into(),
        text,
        customized: false,
    }
}

/// Calls a method as someone who has not all day.
async fn soon<M, A>(
    message: M,
    send: impl AsyncFnOnce(Request<M>) -> Result<tonic::Response<A>, Status>,
) -> A {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(20));
    send(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_that_drip_hold_up_their_sender_alone() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    world.tenant("globex").await;
    let (gateway, token) =
        (world.suite.gateway, world.suite.token(&person("acme", "STAFF", None), 600).unwrap());
    let sender = connect(gateway).await;
    for _ in 0..100 {
        let (sender, token) = (sender.clone(), token.clone());
        let begin = stream::iter([Bytes::from_static(&[0, 0, 16, 0, 0]), vec![0; 70_000].into()]);
        let drips = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Bytes::from_static(&[0]), ()))
        });
        tokio::spawn(async move {
            call(
                &sender,
                (gateway, &token),
                "invoicing.v1.MailService/ListMails",
                begin.chain(drips),
            )
            .await
        });
    }
    let owner = world.of_tenant("globex", "OWNER", None);
    for _ in 0..10 {
        let request = PreviewMailTemplateRequest {
            parent: "tenants/globex".into(),
            mail_template: Some(long_template()),
        };
        soon(request, async |request| owner.templates().preview_mail_template(request).await).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_hold_up_their_caller_alone() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    world.tenant("globex").await;
    let set = UpdateMailTemplateRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        mail_template: Some(long_template()),
        ..Default::default()
    };
    world.someone("OWNER", None).templates().update_mail_template(set).await.unwrap();
    let (gateway, token) =
        (world.suite.gateway, world.suite.token(&person("acme", "STAFF", None), 600).unwrap());
    let get = |tenant: &str| GetMailTemplateRequest {
        parent: format!("tenants/{tenant}"),
        kind: MailKind::Receipt.into(),
        locale: "en".into(),
    };
    let sender = connect(gateway).await;
    let calls = (0..900).map(|_| {
        call(
            &sender,
            (gateway, &token),
            "invoicing.v1.MailTemplateService/GetMailTemplate",
            framed(&get("acme")),
        )
    });
    let unread = tokio::time::timeout(PATIENCE * 4, futures::future::try_join_all(calls))
        .await
        .unwrap()
        .unwrap();
    let refused = unread
        .iter()
        .filter(|answer| answer.headers().get("grpc-status").is_some_and(|code| code == "8"))
        .count();
    assert!((1..600).contains(&refused), "one caller has its share: {refused}");
    let owner = world.of_tenant("globex", "OWNER", None);
    for _ in 0..20 {
        soon(get("globex"), async |request| owner.templates().get_mail_template(request).await)
            .await;
    }
    drop(unread);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_events_that_nobody_reads_hold_up_their_caller_alone() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (customer, wallet) = world.usual().await;
    for _ in 0..20 {
        wallets::grant(&world, &wallet, amount("USD", 1, 0), 0).await;
    }
    let member = world.someone("MEMBER", Some(&customer));
    // A list of them is longer than what the connection takes unread.
    until_told(&member, &mut all_of(&customer), &["CreditGranted"]).await;
    let (gateway, token) = (
        world.suite.gateway,
        world.suite.token(&person("acme", "MEMBER", Some(&customer)), 600).unwrap(),
    );
    let sender = connect(gateway).await;
    let lists = (0..100).map(|_| {
        call(
            &sender,
            (gateway, &token),
            "gateway.v1.EventService/ListEvents",
            framed(&all_of(&customer)),
        )
    });
    let unread = tokio::time::timeout(PATIENCE, futures::future::try_join_all(lists))
        .await
        .unwrap()
        .unwrap();
    let refused = unread
        .iter()
        .filter(|answer| answer.headers().get("grpc-status").is_some_and(|code| code == "8"))
        .count();
    assert_eq!(refused, 84, "sixteen wait to be read");
    assert!(
        !read_on(&world.someone("STAFF", None), &mut all_of("tenants/acme")).await.is_empty(),
        "others read meanwhile"
    );
    drop(unread);
    retry(async || member.events().list_events(all_of(&customer)).await).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_nobody_reads_end_and_hold_up_their_caller_alone() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let till = till(&world, 0).await;
    for _ in 0..6 {
        issued(&till.owner, draft(&till.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    }
    let all =
        |parent: &str| DownloadDocumentsRequest { parent: parent.to_owned(), ..Default::default() };
    let (gateway, token) =
        (world.suite.gateway, world.suite.token(&person("acme", "STAFF", None), 600).unwrap());
    let sender = connect(gateway).await;
    let method = "invoicing.v1.DocumentService/DownloadDocuments";
    let streams =
        (0..60).map(|_| call(&sender, (gateway, &token), method, framed(&all(&till.customer))));
    let mut streams = futures::future::try_join_all(streams).await.unwrap();
    streams.retain(|answer| !answer.headers().contains_key("grpc-status"));
    assert_eq!(streams.len(), 48, "the others were refused");
    world.tenant("globex").await;
    let customer = world.customer("globex", "GB").await;
    let owner = world.of_tenant("globex", "OWNER", None);
    for _ in 0..20 {
        let mut read = soon(all(&customer), async |request| {
            owner.documents().download_documents(request).await
        })
        .await;
        assert_eq!(read.message().await.unwrap(), None);
    }
    // The caller comes back to one of them later than it may.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let late = tokio::time::timeout(PATIENCE, streams.remove(0).into_body().collect())
        .await
        .unwrap()
        .unwrap();
    let status = Status::from_header_map(late.trailers().unwrap()).unwrap();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()),
        "{status:?}"
    );
    // Those that it ends it can begin again.
    drop(streams);
    let staff = world.someone("STAFF", None);
    let mut read = retry(async || staff.documents().download_documents(all(&till.customer)).await)
        .await
        .into_inner();
    assert!(read.message().await.unwrap().is_some());
    world.end().await;
}

/// Sends some bytes, then nothing more or one each second, and waits until the other side closes.
async fn is_closed_after(gateway: SocketAddr, bytes: &[u8], drips: bool) {
    let (mut read, mut write) = TcpStream::connect(gateway).await.unwrap().into_split();
    write.write_all(bytes).await.unwrap();
    let dripping = async {
        while drips && write.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let closed = async {
        tokio::select! {
            _ = read.read_to_end(&mut answer) => {}
            () = dripping => {}
        }
    };
    tokio::time::timeout(TWICE, closed)
        .await
        .unwrap_or_else(|_| panic!("{bytes:?} holds a connection"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_half_is_closed() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // A HEADERS frame of a hundred bytes, of which three come; and one that does not end the
    // headers.
    let half = [0, 0, 100, 1, 0, 0, 0, 0, 1, 0x82, 0x86, 0x84];
    let open = [0, 0, 3, 1, 0, 0, 0, 0, 1, 0x82, 0x86, 0x84];
    let cases = [
        Vec::new(),
        preface[..10].to_vec(),
        preface.to_vec(),
        [preface.as_slice(), &settings].concat(),
        [preface.as_slice(), &settings, &half].concat(),
        [preface.as_slice(), &settings, &open].concat(),
        b"POST /notifications/simulator/acme HTTP/1.1\r\nHost: a\r\nContent-Le".to_vec(),
        b"POST /notifications/simulator/acme HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf".to_vec(),
    ];
    let gateway = world.suite.gateway;
    let silent = cases.iter().map(|bytes| is_closed_after(gateway, bytes, false));
    let dripping = cases[6..].iter().map(|bytes| is_closed_after(gateway, bytes, true));
    futures::future::join_all(silent.chain(dripping)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_half_sent_without_a_token_is_answered() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let sender = connect(world.suite.gateway).await;
    let ended = async |path: &str| {
        let request = http::Request::post(format!("http://{}/{path}", world.suite.gateway))
            .header("content-type", "application/grpc")
            .body(StreamBody::new(stream::pending()).boxed_unsync())
            .unwrap();
        let answer = async {
            let (head, body) = sender.clone().send_request(request).await.unwrap().into_parts();
            let end = body.collect().await.unwrap().trailers().cloned();
            Status::from_header_map(&end.unwrap_or(head.headers)).unwrap().code()
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap()
    };
    assert_eq!(ended("grpc.health.v1.Health/Check").await, Code::Unavailable);
    assert_eq!(ended("grpc.reflection.v1.ServerReflection/ServerReflectionInfo").await, Code::Ok);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_costs_seconds() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 10).await;
    let services = Services::of(rig).await;
    let service = services.rig().someone("SERVICE", None);
    let debit = PostDebitRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 1, 0),
        ..Default::default()
    };
    let send = async || {
        let mut request = Request::new(debit.clone());
        request.set_timeout(Duration::from_secs(29));
        service.postings().post_debit(request).await
    };
    let first = retry(send).await.into_inner();
    let signal = |name: &str| {
        Command::new("kill")
            .args([name, &services.pid("wallet").unwrap().to_string()])
            .status()
            .unwrap()
    };
    assert!(signal("-STOP").success());
    let hangs = send().await.unwrap_err();
    assert_eq!(
        hangs.code(),
        Code::Unavailable,
        "the line is found dead long before the deadline: {hangs:?}"
    );
    assert!(signal("-CONT").success());
    assert_eq!(retry(send).await.into_inner(), first);
}

/// The same between two services: invoicing asks the wallet, which hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_hangs_costs_seconds() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    let services = Services::of(rig).await;
    let owner = services.rig().someone("OWNER", None);
    let terms = MeteredService {
        product: "maps".into(),
        display_name: "Maps".into(),
        currency_code: "USD".into(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 0 }),
        ..MeteredService::default()
    };
    let send = async || {
        let metered_service = Some(terms.clone());
        let enable = EnableMeteredServiceRequest {
            request_id: request_id(),
            parent: people.customer.clone(),
            metered_service,
            ..Default::default()
        };
        let mut request = Request::new(enable);
        request.set_timeout(Duration::from_secs(29));
        owner.metered_services().enable_metered_service(request).await.map(|_| ())
    };
    // Whether it may be enabled does not matter: the wallet was asked.
    let answered = async || match send().await {
        Err(refused) if refused.code() == Code::Unavailable => Err(refused),
        other => Ok(other.map_err(|refused| reason(&refused))),
    };
    until(answered, |_| true).await.unwrap();
    let signal = |name: &str| {
        Command::new("kill")
            .args([name, &services.pid("wallet").unwrap().to_string()])
            .status()
            .unwrap()
    };
    assert!(signal("-STOP").success());
    let hangs = send().await.unwrap_err();
    assert_eq!(
        hangs.code(),
        Code::Unavailable,
        "the line is found dead long before the deadline: {hangs:?}"
    );
    assert!(signal("-CONT").success());
    assert_eq!(
        until(answered, |_| true).await,
        Err("SERVICE_STATE".to_owned()),
        "it is enabled already"
    );
}
