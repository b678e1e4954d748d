//! Credit is bought by card: prepayment, set-up, pointers, charge, decline, delay, lost answer.

use crate::invariants;
use payterms_proto::{
    google::r#type::Money,
    wallet::v1::{
        CreateTopUpRequest, GetTopUpRequest, GetWalletRequest, ListTopUpsRequest,
        StartMethodSetupRequest, TopUp, payment_method::Kind, top_up::State,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;

on_both!(
    a_top_up_charges_once_and_gives_credit,
    a_decline_is_a_result_and_stays_one,
    a_lost_answer_is_asked_for_and_never_charged_again,
    a_late_answer_keeps_the_lease_and_the_driver,
    twenty_sends_of_one_top_up_charge_once,
    what_is_wrong_is_refused_before_the_charge,
    a_forged_notification_is_refused,
    bought_credit_expires_only_where_the_tenant_says_so,
    a_taxed_sale_takes_its_tax_at_the_purchase,
);

/// Tenant, customer, wallet, and the customer's admin, with prepayment on.
pub(crate) async fn shop(world: &World) -> (String, String, Session) {
    let (customer, wallet) = world.usual().await;
    shop::open(&world.someone("OWNER", None), "acme").await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    (customer, wallet, admin)
}

pub(crate) async fn card(world: &World, admin: &Session, customer: &str, token: &str) -> String {
    shop::save_card(admin, world.suite.gateway, customer, token).await.unwrap().unwrap()
}

pub(crate) fn buy(wallet: &str, method: &str, money: Option<Money>) -> CreateTopUpRequest {
    CreateTopUpRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: money,
        payment_method: method.into(),
        ..Default::default()
    }
}

async fn posted(admin: &Session, wallet: &str) -> Money {
    let read = admin
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet.into() })
        .await
        .unwrap()
        .into_inner();
    read.wallet.unwrap().balance.unwrap().posted.unwrap()
}

async fn bought(admin: &Session, request: CreateTopUpRequest) -> TopUp {
    admin.top_ups().create_top_up(request).await.unwrap().into_inner().top_up.unwrap()
}

async fn a_top_up_charges_once_and_gives_credit(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    card(world, &admin, &customer, "tok_visa").await;
    let request = buy(&wallet, "", amount("USD", 25, 0));
    let top_up = bought(&admin, request.clone()).await;
    assert_eq!(
        (top_up.state(), top_up.credit.clone(), top_up.tax.clone()),
        (State::Succeeded, amount("USD", 25, 0), amount("USD", 0, 0))
    );
    let again = admin.top_ups().create_top_up(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().top_up.unwrap(), top_up);
    assert_eq!(Some(posted(&admin, &wallet).await), amount("USD", 25, 0));
    let read = admin
        .top_ups()
        .get_top_up(GetTopUpRequest { name: top_up.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.top_up, Some(top_up));
    let list = ListTopUpsRequest { parent: wallet, ..Default::default() };
    assert_eq!(admin.top_ups().list_top_ups(list).await.unwrap().into_inner().top_ups.len(), 1);
    invariants::hold(world).await;
}

async fn a_decline_is_a_result_and_stays_one(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let method = card(world, &admin, &customer, "tok_declined").await;
    let request = buy(&wallet, &method, amount("USD", 25, 0));
    for _ in 0..2 {
        let top_up = bought(&admin, request.clone()).await;
        assert_eq!(
            (top_up.state(), top_up.decline_code.as_str()),
            (State::Failed, "card_declined")
        );
    }
    let method = card(world, &admin, &customer, "tok_authenticate").await;
    assert_eq!(
        bought(&admin, buy(&wallet, &method, amount("USD", 25, 0))).await.state(),
        State::RequiresAction
    );
    let method = card(world, &admin, &customer, "tok_rejected").await;
    let rejected = bought(&admin, buy(&wallet, &method, amount("USD", 25, 0))).await;
    assert_eq!(
        (rejected.state(), rejected.decline_code.as_str()),
        (State::Failed, "rejected_by_provider"),
        "it is not asked for ever"
    );
    assert_eq!(Some(posted(&admin, &wallet).await), amount("USD", 0, 0));
    invariants::hold(world).await;
}

async fn a_lost_answer_is_asked_for_and_never_charged_again(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let method = card(world, &admin, &customer, "tok_lost_answer").await;
    let top_up = bought(&admin, buy(&wallet, &method, amount("USD", 40, 0))).await;
    assert_eq!(top_up.state(), State::Succeeded);
    assert_eq!(Some(posted(&admin, &wallet).await), amount("USD", 40, 0));
    invariants::hold(world).await;
}

async fn a_late_answer_keeps_the_lease_and_the_driver(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let method = card(world, &admin, &customer, "tok_late_answer").await;
    let request = buy(&wallet, &method, amount("USD", 40, 0));
    let buyer = admin.clone();
    let buying = tokio::spawn(async move { bought(&buyer, request).await });
    let (conn, s) = world.rows("wallet").await;
    let select = format!("SELECT fence, expires_at FROM {s}intent_lease WHERE flow = 'top_up'");
    let lease = async || {
        let row = conn
            .query_one_raw(Statement::from_string(conn.get_database_backend(), &select))
            .await
            .unwrap()?;
        let until: chrono::DateTime<chrono::Utc> = row.try_get("", "expires_at").unwrap();
        Some((row.try_get::<i64>("", "fence").unwrap(), until))
    };
    let mut seen = Vec::new();
    while !buying.is_finished() {
        seen.extend(lease().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    conn.close().await.unwrap();
    assert_eq!(buying.await.unwrap().state(), State::Succeeded);
    assert!(
        seen.first().unwrap().1 < seen.last().unwrap().1,
        "renewed while the provider took its time"
    );
    assert!(
        seen.iter().all(|(fence, _)| *fence == seen[0].0),
        "one driver from the start to the end"
    );
    invariants::hold(world).await;
}

async fn twenty_sends_of_one_top_up_charge_once(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    card(world, &admin, &customer, "tok_visa").await;
    let request = buy(&wallet, "", amount("USD", 20, 0));
    let calls = (0..20).map(|_| {
        let (admin, request) = (admin.clone(), request.clone());
        tokio::spawn(async move { bought(&admin, request).await })
    });
    let answers: Vec<_> =
        futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(Some(posted(&admin, &wallet).await), amount("USD", 20, 0));
    invariants::hold(world).await;
}

async fn what_is_wrong_is_refused_before_the_charge(world: &World) {
    let (customer, wallet) = world.usual().await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: customer.clone(),
        kind: Kind::Card.into(),
        ..Default::default()
    };
    let refused = admin.methods().start_method_setup(start).await.unwrap_err();
    assert_eq!(reason(&refused), "METHOD_NOT_OFFERED");
    shop::open(&world.someone("OWNER", None), "acme").await.unwrap();
    let failed =
        shop::save_card(&admin, world.suite.gateway, &customer, "tok_discover").await.unwrap();
    assert_eq!(failed.unwrap_err(), "CARD_BRAND_NOT_ACCEPTED");
    let method = card(world, &admin, &customer, "tok_visa").await;
    let refusal = async |request| admin.top_ups().create_top_up(request).await.unwrap_err();
    let below = refusal(buy(&wallet, &method, amount("USD", 19, 99))).await;
    assert_eq!(
        (below.code(), reason(&below).as_str()),
        (Code::FailedPrecondition, "BELOW_MINIMUM")
    );
    let euros = world.wallet(&customer, "EUR").await;
    assert_eq!(
        reason(&refusal(buy(&euros, &method, amount("EUR", 50, 0))).await),
        "CURRENCY_NOT_OFFERED"
    );
    let french = world.customer("acme", "FR").await;
    let french_admin = world.someone("CUSTOMER_ADMIN", Some(&french));
    let french_wallet = world.wallet(&french, "USD").await;
    let french_card = card(world, &french_admin, &french, "tok_visa").await;
    let untaxed = french_admin
        .top_ups()
        .create_top_up(buy(&french_wallet, &french_card, amount("USD", 25, 0)))
        .await
        .unwrap_err();
    assert_eq!(reason(&untaxed), "TAX_UNKNOWN");
    let foreign = refusal(buy(&wallet, &french_card, amount("USD", 25, 0))).await;
    assert_eq!(foreign.code(), Code::NotFound);
    let list = ListTopUpsRequest { parent: wallet, ..Default::default() };
    assert!(admin.top_ups().list_top_ups(list).await.unwrap().into_inner().top_ups.is_empty());
}

async fn a_forged_notification_is_refused(world: &World) {
    let _ = world.usual().await;
    let url = format!("http://{}/notifications/simulator/acme", world.suite.gateway);
    let send = |body: String, signature: String| {
        reqwest::Client::new().post(&url).header("simulator-signature", signature).body(body).send()
    };
    let body = |number: usize| format!("{{\"type\":\"setup.completed\",\"id\":\"seti_{number}\"}}");
    assert_eq!(send(body(0), "00".repeat(32)).await.unwrap().status().as_u16(), 401);
    let secret = std::fs::read(world.folder.path().join("keys/simulator.secret")).unwrap();
    let signed =
        |number: usize| (body(number), payterms_simulator::sign(&secret, body(number).as_bytes()));
    // One signature as good as any other, and one in which some digits look like a card number.
    let like_a_card = (1..100_000)
        .map(signed)
        .find(|(_, signature)| payterms_kernel::text::holds_card_number(signature))
        .unwrap();
    for (body, signature) in [signed(0), like_a_card] {
        assert_eq!(send(body, signature).await.unwrap().status().as_u16(), 204);
    }
}

/// Australia, ten percent: 55.00 AUD buy 50.00 of credit, and a debit of it is revenue, not a
/// payment of an invoice to come.
async fn a_taxed_sale_takes_its_tax_at_the_purchase(world: &World) {
    use payterms_proto::wallet::v1::{
        ListLotsRequest, Minimum, TaxKind, UpdateWalletSettingsRequest, WalletSettings,
    };
    world.tenant("acme").await;
    let customer = world.customer("acme", "AU").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let settings = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        top_up_tax_kind: TaxKind::TaxedSale.into(),
        minimums: vec![Minimum { kind: Kind::Card.into(), amount: amount("AUD", 20, 0) }],
        ..WalletSettings::default()
    };
    let update_mask =
        Some(prost_types::FieldMask { paths: vec!["top_up_tax_kind".into(), "minimums".into()] });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
    let wallet = world.wallet(&customer, "AUD").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    card(world, &admin, &customer, "tok_visa").await;
    let top_up = bought(&admin, buy(&wallet, "", amount("AUD", 55, 0))).await;
    assert_eq!(
        (top_up.credit.clone(), top_up.tax.clone(), top_up.tax_version),
        (amount("AUD", 50, 0), amount("AUD", 5, 0), 1)
    );
    assert_eq!(top_up.tax_rate_percent.clone().unwrap().value, "10");
    let list = ListLotsRequest { parent: wallet.clone(), ..Default::default() };
    let lots = admin.lots().list_lots(list).await.unwrap().into_inner().lots;
    assert_eq!(
        (lots[0].tax_kind(), lots[0].amount.clone()),
        (TaxKind::TaxedSale, amount("AUD", 50, 0))
    );
    let request = crate::wallets::debit(&wallet, amount("AUD", 7, 0));
    world.someone("SERVICE", None).postings().post_debit(request).await.unwrap();
    let booked = invariants::booked(world).await;
    assert_eq!(
        booked,
        [("CUSTOMER_CREDIT", 43), ("PROVIDER_CLEARING", -55), ("REVENUE", 7), ("TAX_PAYABLE", 5)]
            .map(|(a, s)| (a.to_owned(), s))
    );
    invariants::hold(world).await;
}

async fn bought_credit_expires_only_where_the_tenant_says_so(world: &World) {
    use crate::clocks::{advance, start};
    use payterms_proto::wallet::v1::{UpdateWalletSettingsRequest, WalletSettings};
    const DAY: i64 = 86_400;
    const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    card(world, &admin, &customer, "tok_visa").await;
    bought(&admin, buy(&wallet, "", amount("USD", 20, 0))).await;
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(WalletSettings {
            name: "tenants/acme/walletSettings".into(),
            purchased_expire_days: 30,
            ..WalletSettings::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["purchased_expire_days".into()] }),
        ..Default::default()
    };
    let settings = owner
        .settings()
        .update_wallet_settings(update)
        .await
        .unwrap()
        .into_inner()
        .wallet_settings
        .unwrap();
    assert_eq!(settings.warnings.len(), 1, "law limits the expiry of bought credit");
    bought(&admin, buy(&wallet, "", amount("USD", 30, 0))).await;
    // Its last day is 31 January, which ends in Sydney at 13:00 UTC.
    advance(world, START + 30 * DAY + 46_800 - 1).await;
    assert_eq!(Some(posted(&admin, &wallet).await), amount("USD", 50, 0));
    advance(world, START + 30 * DAY + 46_800).await;
    assert_eq!(
        Some(posted(&admin, &wallet).await),
        amount("USD", 20, 0),
        "what was bought before the change stays"
    );
    invariants::hold(world).await;
}
