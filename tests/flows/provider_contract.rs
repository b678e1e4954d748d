//! What the wallet relies on at every payment provider: the same stories over each adapter, at what
//! answers as that provider does.

use crate::provider_bench::{
    ACCOUNT, AUTHENTICATES, Bench, DECLINED, GOOD, REFUND_FAILS, REFUSED_ACCOUNT, SLOW, usd,
    with_simulator, with_stripe,
};
use chrono::TimeDelta;
use payterms_testkit::Database;
use payterms_wallet::provider::{ChargeOrder, Unread};
use payterms_wallet_domain::{MethodKind, dispute::Outcome, refund::Refunded, top_up::Charged};

/// Every story over every adapter, Stripe's on both databases.
macro_rules! contract {
    ($($story:ident),+ $(,)?) => {
        mod simulator {
            $(#[tokio::test]
            async fn $story() {
                let bench = super::with_simulator().await;
                super::$story(&bench).await;
                bench.end().await;
            })+
        }
        mod stripe_sqlite {
            $(#[tokio::test]
            async fn $story() {
                let Some(bench) = super::with_stripe(super::Database::Sqlite, super::TimeDelta::zero()).await else { return };
                super::$story(&bench).await;
                bench.end().await;
            })+
        }
        mod stripe_postgres {
            $(#[tokio::test]
            async fn $story() {
                let Some(bench) = super::with_stripe(super::Database::Postgres, super::TimeDelta::zero()).await else { return };
                super::$story(&bench).await;
                bench.end().await;
            })+
        }
    };
}

contract!(
    a_method_is_saved_on_a_page,
    a_charge_is_made_once_per_key,
    a_refund_is_made_once_per_key,
    a_dispute_is_found_as_it_stands,
    a_bank_debit_takes_days_and_what_a_bank_returns_is_final,
);

async fn a_method_is_saved_on_a_page(bench: &Bench) {
    let takes = |kind| bench.provider.takes(kind, "DE");
    assert!(
        takes(MethodKind::Card) && takes(MethodKind::BankDebit) && !takes(MethodKind::CreditLine)
    );
    let order = bench.setup(MethodKind::Card);
    let page = bench.provider.create_setup(&order).await.unwrap();
    assert_eq!(bench.provider.create_setup(&order).await.unwrap(), page, "one page per key");
    assert_eq!(bench.provider.saved_card(&bench.tenant, &page.setup_id).await.unwrap(), None);
    bench.write_card(&page.url, GOOD).await;
    let card = bench.provider.saved_card(&bench.tenant, &page.setup_id).await.unwrap().unwrap();
    assert_eq!(
        (card.brand.as_str(), card.last_four.as_str(), card.expire_month, card.expire_year),
        ("visa", "4242", 12, 2099)
    );
    assert_eq!(bench.listed("charges").await, 0, "it charges nothing");
    assert!(bench.provider.saved_card(&bench.tenant, "cs_test_nobody").await.is_err());
    let forged = bench.provider.read_notification(&bench.tenant, b"{}", "t=1,v1=00").await;
    assert!(matches!(forged, Err(Unread::Forged(_))), "{forged:?}");
}

async fn a_charge_is_made_once_per_key(bench: &Bench) {
    let (provider, tenant) = (&bench.provider, &bench.tenant);
    let order = bench.order(&bench.saved(GOOD).await, "20.00");
    assert_eq!(
        provider.find_charge(tenant, order.key, bench.now).await.unwrap(),
        None,
        "it was never asked for"
    );
    let made = provider.charge(&order).await.unwrap();
    assert_eq!(made.outcome, Charged::Succeeded);
    assert_eq!(provider.charge(&order).await.unwrap(), made);
    assert_eq!(provider.find_charge(tenant, order.key, bench.now).await.unwrap(), Some(made));
    assert_eq!(bench.listed("charges").await, 1);
    for (card, outcome) in [
        (DECLINED, Charged::Declined("stolen_card".to_owned())),
        (AUTHENTICATES, Charged::RequiresAction),
    ] {
        let order = bench.order(&bench.saved(card).await, "20.00");
        let made = provider.charge(&order).await.unwrap();
        assert_eq!(made.outcome, outcome);
        assert_eq!(provider.charge(&order).await.unwrap(), made, "a decline stays one");
        assert_eq!(provider.find_charge(tenant, order.key, bench.now).await.unwrap(), Some(made));
    }
    let order = bench.order(&bench.saved(SLOW).await, "20.00");
    let Charged::Processing(ready_at) = provider.charge(&order).await.unwrap().outcome else {
        panic!("it takes time")
    };
    assert!(ready_at > bench.now);
    if let Some(stripe) = &bench.stripe {
        stripe.settle(None);
    }
    let later = provider.find_charge(tenant, order.key, ready_at).await.unwrap().unwrap();
    assert_eq!(later.outcome, Charged::Succeeded);
    assert_eq!(bench.listed("charges").await, 2);
}

async fn a_refund_is_made_once_per_key(bench: &Bench) {
    let charge =
        bench.provider.charge(&bench.order(&bench.saved(GOOD).await, "20.00")).await.unwrap();
    let order = bench.refund(&charge.id, "5.00");
    let made = bench.provider.refund(&order).await.unwrap();
    assert_eq!(made.outcome, Refunded::Succeeded);
    if let Some(stripe) = &bench.stripe {
        stripe.forget_keys();
    }
    assert_eq!(
        bench.provider.refund(&order).await.unwrap(),
        made,
        "also when the provider has forgotten the key"
    );
    assert_eq!(
        bench.provider.refund(&bench.refund(&charge.id, "5.00")).await.unwrap().outcome,
        Refunded::Succeeded,
        "another key, another refund"
    );
    assert_eq!(bench.listed("refunds").await, 2);
    let charge = bench
        .provider
        .charge(&bench.order(&bench.saved(REFUND_FAILS).await, "20.00"))
        .await
        .unwrap();
    let order = bench.refund(&charge.id, "5.00");
    for _ in 0..2 {
        assert_eq!(bench.provider.refund(&order).await.unwrap().outcome, Refunded::Failed);
    }
    assert_eq!(bench.listed("refunds").await, 2);
}

async fn a_dispute_is_found_as_it_stands(bench: &Bench) {
    let charge =
        bench.provider.charge(&bench.order(&bench.saved(GOOD).await, "20.00")).await.unwrap();
    let found = async || bench.provider.find_dispute(&bench.tenant, &charge.id).await.unwrap();
    assert_eq!(found().await, None);
    bench.issuer(&charge.id, None).await;
    let open = found().await.unwrap();
    assert_eq!(
        (open.amount, open.reason.as_str(), open.outcome, open.is_final),
        (usd("20.00"), "fraudulent", None, false)
    );
    assert_eq!(
        bench.provider.refund(&bench.refund(&charge.id, "5.00")).await.unwrap().outcome,
        Refunded::Failed,
        "the issuer has it"
    );
    bench.issuer(&charge.id, Some("won")).await;
    let won = found().await.unwrap();
    assert_eq!((won.id, won.outcome), (open.id, Some(Outcome::Won)));
    let charge =
        bench.provider.charge(&bench.order(&bench.saved(GOOD).await, "20.00")).await.unwrap();
    bench.issuer(&charge.id, None).await;
    bench.issuer(&charge.id, Some("lost")).await;
    assert_eq!(
        bench.provider.find_dispute(&bench.tenant, &charge.id).await.unwrap().unwrap().outcome,
        Some(Outcome::Lost)
    );
    assert_eq!(bench.provider.find_dispute(&bench.tenant, "ch_nobody").await.unwrap(), None);
}

async fn a_bank_debit_takes_days_and_what_a_bank_returns_is_final(bench: &Bench) {
    let (provider, tenant) = (&bench.provider, &bench.tenant);
    let account = bench.saved_method(ACCOUNT).await;
    assert_eq!((account.last_four.as_str(), account.expire_year), ("3000", 0));
    assert!(!account.mandate.is_empty() && !account.brand.is_empty(), "{account:?}");
    let refused = bench.saved(REFUSED_ACCOUNT).await;
    let mut orders = Vec::new();
    for token in [&account.token, &refused] {
        let order = bench.order_in("EUR", token, "20.00");
        let made = provider.charge(&order).await.unwrap();
        assert!(matches!(made.outcome, Charged::Processing(_)), "{made:?}");
        assert_eq!(provider.charge(&order).await.unwrap().id, made.id, "once per key");
        orders.push(order);
        // The bank decides the first before the second is asked for.
        if let Some(stripe) = &bench.stripe {
            stripe.settle((orders.len() == 2).then_some("insufficient_funds"));
        }
    }
    let later = bench.now + TimeDelta::hours(49);
    let outcome = async |order: &ChargeOrder| {
        provider.find_charge(tenant, order.key, later).await.unwrap().unwrap()
    };
    let paid = outcome(&orders[0]).await;
    assert_eq!(paid.outcome, Charged::Succeeded);
    assert_eq!(
        outcome(&orders[1]).await.outcome,
        Charged::Declined("insufficient_funds".to_owned())
    );
    bench.take_back(&paid.id, None, true).await;
    let returned = provider.find_dispute(tenant, &paid.id).await.unwrap().unwrap();
    assert_eq!((returned.outcome, returned.is_final), (Some(Outcome::Lost), true));
    if bench.stripe.is_some() {
        let dollars = provider.charge(&bench.order(&account.token, "20.00")).await.unwrap();
        assert_eq!(
            dollars.outcome,
            Charged::Declined("rejected_by_provider".to_owned()),
            "the scheme has one currency"
        );
    }
}
