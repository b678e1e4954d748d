//! API keys: made by people, sent in place of a token, within their roles, methods and customer.

use crate::{
    api_keys_revoked::{after, revoke, rotate},
    invariants,
    rig::until,
    wallets::{debit, grant},
};
use payterms_chassis::sql;
use payterms_proto::{
    invoicing::v1::{
        ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, GetApiKeyRequest, GetTenantRequest,
        ListApiKeysRequest,
        api_key::{Role, State},
    },
    wallet::v1::{GetWalletRequest, ListEntriesRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use tonic::{Code, Status};

on_both!(
    a_key_calls_in_its_roles_and_is_shown_once,
    a_key_is_held_to_its_methods_and_to_people,
    a_key_of_a_customer_sees_no_other,
    nobody_gives_a_key_more_than_they_have,
);

/// A request for a key with these roles.
pub(crate) fn wanted(roles: &[Role]) -> CreateApiKeyRequest {
    CreateApiKeyRequest {
        request_id: request_id(),
        parent: "tenants/acme".to_owned(),
        display_name: "Backend of the shop".to_owned(),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        ..CreateApiKeyRequest::default()
    }
}

pub(crate) async fn create(
    session: &Session,
    request: CreateApiKeyRequest,
) -> Result<CreateApiKeyResponse, Status> {
    session.api_keys().create_api_key(request).await.map(tonic::Response::into_inner)
}

async fn get(session: &Session, key: &ApiKey) -> Result<ApiKey, Status> {
    session
        .api_keys()
        .get_api_key(GetApiKeyRequest { name: key.name.clone() })
        .await
        .map(|answer| answer.into_inner().api_key.unwrap())
}

/// Who calls by a secret.
pub(crate) fn by(world: &World, secret: &str) -> Session {
    Session::new(world.suite.gateway, secret).unwrap()
}

pub(crate) async fn lists(session: &Session, customer: &str) -> Result<(), Status> {
    let parent = format!("{customer}/wallets/-");
    session
        .wallets()
        .list_entries(ListEntriesRequest { parent, ..ListEntriesRequest::default() })
        .await
        .map(drop)
}

pub(crate) const ALL: &str = "tenants/acme/customers/-";

pub(crate) async fn a_key_calls_in_its_roles_and_is_shown_once(world: &World) {
    let (_, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let request = wanted(&[Role::Service]);
    let made = create(&owner, request.clone()).await.unwrap();
    let key = made.api_key.unwrap();
    assert!(made.secret.starts_with("ptk_test_") && made.secret.len() == 58, "a sandbox's");
    assert_eq!(
        (key.state(), key.created_by.as_str(), key.last_use_time),
        (State::Active, "test:owner", None)
    );
    assert_eq!(key.secrets[0].last_four, made.secret[54..]);
    // It works like a token, and is who called.
    let backend = by(world, &made.secret);
    lists(&backend, ALL).await.unwrap();
    assert_eq!(
        reason(&lists(&backend, "tenants/other/customers/-").await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    backend.postings().post_debit(debit(&wallet, amount("USD", 3, 0))).await.unwrap();
    let (rows, prefix) = world.rows("invoicing").await;
    let (ledger, of_wallet) = world.rows("wallet").await;
    let id = key.name.rsplit('/').next().unwrap();
    let select =
        format!("SELECT count(*) AS n FROM {of_wallet}transfers WHERE actor = 'api-key:{id}'");
    let named: i64 =
        sql::one(&ledger, &select, vec![]).await.unwrap().unwrap().try_get("", "n").unwrap();
    assert_eq!(named, 1, "the transfer names the key");
    // A retry tells everything but the secret, and no table holds it.
    let again = create(&owner, request).await.unwrap();
    assert_eq!((again.api_key.unwrap().name, again.secret.as_str()), (key.name.clone(), ""));
    for (table, column) in [("requests", "answer"), ("outbox", "data")] {
        let select =
            format!("SELECT {column} AS bytes FROM {prefix}{table} WHERE {column} IS NOT NULL");
        for row in sql::all(&rows, &select, vec![]).await.unwrap() {
            let bytes: Vec<u8> = row.try_get("", "bytes").unwrap();
            assert!(
                !bytes.windows(10).any(|part| part == &made.secret.as_bytes()[9..19]),
                "{table}"
            );
        }
    }
    // When it was used is noted soon, and is no change.
    let used = until(|| get(&owner, &key), |api_key| api_key.last_use_time.is_some()).await;
    assert_eq!((used.update_time, used.secrets.clone()), (key.update_time, key.secrets.clone()));
    let list =
        ListApiKeysRequest { parent: "tenants/acme".to_owned(), ..ListApiKeysRequest::default() };
    assert_eq!(owner.api_keys().list_api_keys(list).await.unwrap().into_inner().api_keys, [used]);
    // What is no key is refused, and a role that it has not is not there.
    for wrong in [
        "ptk_",
        "ptk_live_",
        &made.secret[..57],
        &made.secret.replace("ptk_test_", "ptk_live_"),
        &format!("{}0", made.secret),
    ] {
        assert_eq!(
            reason(&lists(&by(world, wrong), ALL).await.unwrap_err()),
            "TOKEN_INVALID",
            "{wrong}"
        );
    }
    let unknown = payterms_chassis::api_key::make(true);
    for _ in 0..2 {
        assert_eq!(reason(&lists(&by(world, &unknown), ALL).await.unwrap_err()), "TOKEN_INVALID");
    }
    let tenant = GetTenantRequest { name: "tenants/acme".to_owned() };
    assert_eq!(reason(&backend.tenants().get_tenant(tenant).await.unwrap_err()), "ROLE_REQUIRED");
    invariants::hold(world).await;
}

pub(crate) async fn a_key_is_held_to_its_methods_and_to_people(world: &World) {
    let (_, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let with = |methods: &[&str]| CreateApiKeyRequest {
        methods: methods.iter().map(|text| (*text).to_owned()).collect(),
        ..wanted(&[Role::Staff, Role::Owner, Role::Staff])
    };
    for (patterns, allowed) in [
        (&["payterms.wallet.v1.WalletService/ListEntries"][..], "list"),
        (&["payterms.wallet.v1.WalletService/GetWallet", "payterms.invoicing.*"], "get"),
        (&["payterms.wallet.v1.WalletService/*"], "list get"),
    ] {
        let made = create(&owner, with(patterns)).await.unwrap();
        assert_eq!(
            made.api_key.unwrap().roles,
            [i32::from(Role::Owner), Role::Staff.into()],
            "named twice is named once"
        );
        let held = by(world, &made.secret);
        let came = |outcome: Result<(), Status>| {
            outcome.map_or_else(|status| reason(&status), |()| String::new())
        };
        let expected = |verb: &str| if allowed.contains(verb) { "" } else { "API_KEY_NOT_ALLOWED" };
        assert_eq!(came(lists(&held, ALL).await), expected("list"), "{patterns:?}");
        let got =
            held.wallets().get_wallet(GetWalletRequest { name: wallet.clone() }).await.map(drop);
        assert_eq!(came(got), expected("get"), "{patterns:?}");
        // A method that the gateway itself serves is held to them too.
        let overview = payterms_proto::gateway::v1::GetAccountOverviewRequest::default();
        assert_eq!(
            reason(&held.accounts().get_account_overview(overview).await.unwrap_err()),
            "API_KEY_NOT_ALLOWED"
        );
    }
    // Whatever its roles are, a key makes no keys and is no second person.
    let all = by(world, &create(&owner, wanted(&[Role::Owner])).await.unwrap().secret);
    lists(&all, ALL).await.unwrap();
    assert_eq!(
        reason(&create(&all, wanted(&[Role::Staff])).await.unwrap_err()),
        "API_KEY_NOT_ALLOWED"
    );
    let decision = payterms_proto::invoicing::v1::DecideApprovalRequest::default();
    let refused = all.approvals().decide_approval(decision).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "API_KEY_NOT_ALLOWED")
    );
}

pub(crate) async fn a_key_of_a_customer_sees_no_other(world: &World) {
    let (customer, wallet) = world.usual().await;
    let (owner, other) = (world.someone("OWNER", None), world.customer("acme", "GB").await);
    let request = CreateApiKeyRequest { customer: customer.clone(), ..wanted(&[Role::Member]) };
    let member = by(world, &create(&owner, request.clone()).await.unwrap().secret);
    lists(&member, &customer).await.unwrap();
    member.wallets().get_wallet(GetWalletRequest { name: wallet }).await.unwrap();
    assert_eq!(reason(&lists(&member, &other).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    assert_eq!(
        reason(&create(&member, wanted(&[Role::Member])).await.unwrap_err()),
        "API_KEY_NOT_ALLOWED"
    );
    // A key is of the tenant or of a customer, and of one of its own.
    let wrong = |changed: CreateApiKeyRequest| {
        let owner = owner.clone();
        async move {
            create(&owner, CreateApiKeyRequest { request_id: request_id(), ..changed })
                .await
                .unwrap_err()
        }
    };
    let both = wrong(CreateApiKeyRequest {
        roles: vec![Role::Member.into(), Role::Staff.into()],
        ..request.clone()
    })
    .await;
    assert_eq!(violations(&both), ["roles: ENUM_INVALID"]);
    let nobodys = wrong(wanted(&[Role::BillingManager])).await;
    assert_eq!(violations(&nobodys), ["customer: FIELD_REQUIRED"]);
    let unknown = "tenants/acme/customers/01990000-0000-7000-8000-00000000dead".to_owned();
    assert_eq!(
        reason(&wrong(CreateApiKeyRequest { customer: unknown, ..request.clone() }).await),
        "RESOURCE_NOT_FOUND"
    );
    world.tenant("globex").await;
    let foreign = world.customer("globex", "GB").await;
    assert_eq!(
        reason(&wrong(CreateApiKeyRequest { customer: foreign, ..request.clone() }).await),
        "RESOURCE_NOT_FOUND"
    );
    let pattern = wrong(CreateApiKeyRequest {
        methods: vec!["payterms.wallet.v1.WaletService/*".to_owned()],
        ..request
    })
    .await;
    assert_eq!(violations(&pattern), ["methods[0]: METHOD_PATTERN_INVALID"]);
}

pub(crate) async fn nobody_gives_a_key_more_than_they_have(world: &World) {
    world.tenant("acme").await;
    world.tenant("globex").await;
    let [owner, admin, staff] = ["OWNER", "ADMIN", "STAFF"].map(|role| world.someone(role, None));
    assert_eq!(
        create(&staff, wanted(&[Role::Staff])).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let more = create(&admin, wanted(&[Role::Staff, Role::Owner])).await.unwrap_err();
    assert_eq!((more.code(), reason(&more).as_str()), (Code::PermissionDenied, "ROLE_NOT_GRANTED"));
    let late = create(
        &admin,
        CreateApiKeyRequest { expire_time: Some(after(-1)), ..wanted(&[Role::Admin]) },
    )
    .await
    .unwrap_err();
    assert_eq!(violations(&late), ["expire_time: TIME_IN_PAST"]);
    let admins =
        create(&admin, wanted(&[Role::Admin, Role::Service])).await.unwrap().api_key.unwrap();
    let owners = create(&owner, wanted(&[Role::Owner])).await.unwrap().api_key.unwrap();
    // Another secret of a key is as good as the key; to end it takes less.
    assert_eq!(reason(&rotate(&admin, &owners, None).await.unwrap_err()), "ROLE_NOT_GRANTED");
    rotate(&owner, &admins, None).await.unwrap();
    revoke(&admin, &owners).await.unwrap();
    // Another tenant's key is not there.
    let stranger = world.of_tenant("globex", "OWNER", None);
    for refused in [
        get(&stranger, &admins).await.map(drop),
        rotate(&stranger, &admins, None).await.map(drop),
        revoke(&stranger, &admins).await.map(drop),
    ] {
        assert_eq!(reason(&refused.unwrap_err()), "RESOURCE_NOT_FOUND");
    }
    let list =
        ListApiKeysRequest { parent: "tenants/globex".to_owned(), ..ListApiKeysRequest::default() };
    assert!(
        stranger.api_keys().list_api_keys(list).await.unwrap().into_inner().api_keys.is_empty()
    );
}
