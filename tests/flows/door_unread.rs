//! Large messages that drip, and answers, lists and streams that nobody reads, hold up their
//! callers alone.

use crate::{
    door::{PATIENCE, call, connect, framed},
    events::{all_of, read_on, until_told},
    invoices::{draft, issued, line},
    payments::till,
    wallets,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use payterms_proto::invoicing::v1::{
    DownloadDocumentsRequest, GetMailTemplateRequest, MailKind, MailTemplate,
    PreviewMailTemplateRequest, UpdateMailTemplateRequest,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{Database, World, people::person, reason, rig::retry};
use std::time::Duration;
use tonic::{Code, Request, Status};

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
            call(&sender, gateway, &token, "invoicing.v1.MailService/ListMails", begin.chain(drips))
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
            gateway,
            &token,
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
            gateway,
            &token,
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
        (0..60).map(|_| call(&sender, gateway, &token, method, framed(&all(&till.customer))));
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
