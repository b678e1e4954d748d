//! Endpoints of webhooks: kept by their tenant, enabled and tested, their secrets changed without a
//! gap, and never where deliveries may not go.

use crate::webhooks::{create, created, signs};
use payterms_proto::invoicing::v1::{
    DeleteWebhookEndpointRequest, DisableWebhookEndpointRequest, EnableWebhookEndpointRequest,
    GetWebhookEndpointRequest, ListWebhookEndpointsRequest, RotateWebhookSecretRequest,
    TestWebhookEndpointRequest, UpdateWebhookEndpointRequest, WebhookEndpoint,
    webhook_endpoint::{DisabledReason, State},
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, reason, receiver::Receiver, violations};
use prost_types::FieldMask;
use sea_orm::{ConnectionTrait, Statement};

on_both!(
    an_endpoint_is_kept_by_its_tenant,
    secrets_change_without_a_gap,
    an_endpoint_is_enabled_and_tested,
);

pub(crate) async fn an_endpoint_is_kept_by_its_tenant(world: &World) {
    world.tenant("acme").await;
    world.tenant("other").await;
    let receiver = Receiver::start().await;
    let admin = world.someone("ADMIN", None);
    let request = create(&receiver.url("/kept"), &["payterms.wallet.v1.CreditGranted"]);
    let first = admin
        .webhook_endpoints()
        .create_webhook_endpoint(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again =
        admin.webhook_endpoints().create_webhook_endpoint(request).await.unwrap().into_inner();
    assert_eq!(first, again, "the same request shows the same secret");
    let endpoint = first.webhook_endpoint.unwrap();
    assert_eq!(
        (endpoint.state(), endpoint.disabled_reason()),
        (State::Enabled, DisabledReason::Unspecified)
    );
    let get = GetWebhookEndpointRequest { name: endpoint.name.clone() };
    let read =
        admin.webhook_endpoints().get_webhook_endpoint(get.clone()).await.unwrap().into_inner();
    assert_eq!(read.webhook_endpoint, Some(endpoint.clone()));
    let stranger = world.of_tenant("other", "ADMIN", None);
    assert_eq!(
        reason(&stranger.webhook_endpoints().get_webhook_endpoint(get.clone()).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    no_secret_is_in_any_row(world).await;
    addresses_inside_and_unknown_types_are_refused(&admin).await;
    let update = |etag: &str| UpdateWebhookEndpointRequest {
        request_id: request_id(),
        webhook_endpoint: Some(WebhookEndpoint {
            description: "Books".to_owned(),
            etag: etag.to_owned(),
            ..endpoint.clone()
        }),
        update_mask: Some(FieldMask { paths: vec!["description".to_owned()] }),
        ..Default::default()
    };
    assert_eq!(
        reason(
            &admin.webhook_endpoints().update_webhook_endpoint(update("\"9\"")).await.unwrap_err()
        ),
        "ETAG_MISMATCH"
    );
    let updated = admin
        .webhook_endpoints()
        .update_webhook_endpoint(update(&endpoint.etag))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(updated.webhook_endpoint.unwrap().description, "Books");
    let disable = DisableWebhookEndpointRequest {
        request_id: request_id(),
        name: endpoint.name.clone(),
        ..Default::default()
    };
    let disabled = admin
        .webhook_endpoints()
        .disable_webhook_endpoint(disable)
        .await
        .unwrap()
        .into_inner()
        .webhook_endpoint
        .unwrap();
    assert_eq!(
        (disabled.state(), disabled.disabled_reason()),
        (State::Disabled, DisabledReason::ByPerson)
    );
    let test = TestWebhookEndpointRequest { request_id: request_id(), name: endpoint.name.clone() };
    assert_eq!(
        reason(&admin.webhook_endpoints().test_webhook_endpoint(test).await.unwrap_err()),
        "WEBHOOK_ENDPOINT_DISABLED"
    );
    for _ in 1..16 {
        created(world, &receiver.url("/more"), &[]).await;
    }
    let refused = admin
        .webhook_endpoints()
        .create_webhook_endpoint(create(&receiver.url("/more"), &[]))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_WEBHOOK_ENDPOINTS");
    let delete = DeleteWebhookEndpointRequest {
        request_id: request_id(),
        name: endpoint.name.clone(),
        ..Default::default()
    };
    for _ in 0..2 {
        admin.webhook_endpoints().delete_webhook_endpoint(delete.clone()).await.unwrap();
    }
    assert_eq!(
        reason(&admin.webhook_endpoints().get_webhook_endpoint(get).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    fifteen_are_listed(&admin).await;
    created(world, &receiver.url("/again"), &[]).await;
}

/// A page of ten, and the rest.
async fn fifteen_are_listed(admin: &Session) {
    let list = ListWebhookEndpointsRequest {
        parent: "tenants/acme".to_owned(),
        page_size: 10,
        ..Default::default()
    };
    let page =
        admin.webhook_endpoints().list_webhook_endpoints(list.clone()).await.unwrap().into_inner();
    let rest = ListWebhookEndpointsRequest { page_token: page.next_page_token, ..list };
    let rest = admin.webhook_endpoints().list_webhook_endpoints(rest).await.unwrap().into_inner();
    assert_eq!((page.webhook_endpoints.len(), rest.webhook_endpoints.len()), (10, 5));
}

/// All that is wrong with one is named at once.
async fn addresses_inside_and_unknown_types_are_refused(admin: &Session) {
    for url in [
        "",
        "ftp://example.com",
        "http://10.0.0.1/",
        "https://127.0.0.2/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://u:p@example.com/",
    ] {
        let refused = admin
            .webhook_endpoints()
            .create_webhook_endpoint(create(url, &["Invented"]))
            .await
            .unwrap_err();
        let wrong = violations(&refused);
        let expected = if url.is_empty() { "FIELD_REQUIRED" } else { "WEBHOOK_ADDRESS_REFUSED" };
        for at in [
            format!("webhook_endpoint.url: {expected}"),
            "webhook_endpoint.types[0]: EVENT_TYPE_UNKNOWN".to_owned(),
        ] {
            assert!(wrong.contains(&at), "{url}: {wrong:?}");
        }
    }
}

/// Neither of endpoints nor of answers.
async fn no_secret_is_in_any_row(world: &World) {
    for (service, table, column) in
        [("invoicing", "webhook_endpoints", "secrets"), ("invoicing", "requests", "answer")]
    {
        let (rows, schema) = world.rows(service).await;
        let all = rows.query_all_raw(Statement::from_string(
            rows.get_database_backend(),
            format!("SELECT {column} FROM {schema}{table}"),
        ));
        for row in all.await.unwrap() {
            let bytes = row
                .try_get::<Vec<u8>>("", column)
                .or_else(|_| row.try_get::<String>("", column).map(String::into_bytes));
            assert!(
                !String::from_utf8_lossy(&bytes.unwrap_or_default()).contains("whsec_"),
                "{table}"
            );
        }
    }
}

pub(crate) async fn an_endpoint_is_enabled_and_tested(world: &World) {
    world.tenant("acme").await;
    let receiver = Receiver::start().await;
    let name = created(world, &receiver.url("/hook"), &[]).await.webhook_endpoint.unwrap().name;
    let admin = world.someone("ADMIN", None);
    let off = DisableWebhookEndpointRequest {
        request_id: request_id(),
        name: name.clone(),
        ..Default::default()
    };
    admin.webhook_endpoints().disable_webhook_endpoint(off).await.unwrap();
    let on = EnableWebhookEndpointRequest {
        request_id: request_id(),
        name: name.clone(),
        ..Default::default()
    };
    admin.webhook_endpoints().enable_webhook_endpoint(on).await.unwrap();
    let test = TestWebhookEndpointRequest { request_id: request_id(), name };
    admin.webhook_endpoints().test_webhook_endpoint(test).await.unwrap();
    receiver
        .until("/hook", |all| all.iter().any(|own| own.body.contains("WebhookEndpointTested")))
        .await;
}

pub(crate) async fn secrets_change_without_a_gap(world: &World) {
    world.tenant("acme").await;
    let (receiver, admin) = (Receiver::start().await, world.someone("ADMIN", None));
    let hook =
        created(world, &receiver.url("/hook"), &["payterms.invoicing.v1.CustomerChanged"]).await;
    let (name, old) = (hook.webhook_endpoint.unwrap().name, hook.secret);
    let mut arrived = 0;
    let mut next = async || {
        world.customer("acme", "AU").await;
        arrived += 1;
        receiver.until("/hook", |all| all.len() >= arrived).await.pop().unwrap()
    };
    assert!(signs(&old, &next().await));
    let rotate = |revoke_old_secrets| RotateWebhookSecretRequest {
        request_id: request_id(),
        name: name.clone(),
        revoke_old_secrets,
        ..Default::default()
    };
    let rotated =
        admin.webhook_endpoints().rotate_webhook_secret(rotate(false)).await.unwrap().into_inner();
    assert!(
        rotated.secret != old && rotated.webhook_endpoint.unwrap().old_secret_expire_time.is_some()
    );
    let both = next().await;
    assert!(signs(&old, &both) && signs(&rotated.secret, &both), "{both:?}");
    let revoked =
        admin.webhook_endpoints().rotate_webhook_secret(rotate(true)).await.unwrap().into_inner();
    assert_eq!(revoked.webhook_endpoint.unwrap().old_secret_expire_time, None);
    let newest = next().await;
    assert!(
        signs(&revoked.secret, &newest)
            && !signs(&rotated.secret, &newest)
            && !signs(&old, &newest),
        "{newest:?}"
    );
}
