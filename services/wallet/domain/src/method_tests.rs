//! Methods: which of them becomes a default, and which may be charged.

use super::{MethodKind, Methods, PaymentMethod};
use chrono::{DateTime, NaiveDate};
use payterms_kernel::{Id, Reason};

fn card(n: u128, expire_year: i32) -> PaymentMethod {
    PaymentMethod {
        id: Id::from_uuid(uuid::Uuid::from_u128(n)),
        kind: MethodKind::Card,
        active: true,
        provider: "simulator".into(),
        provider_token: String::new(),
        brand: "visa".into(),
        last_four: "4242".into(),
        expire_month: 6,
        expire_year,
        mandate: String::new(),
        charged_back: false,
        created_at: DateTime::UNIX_EPOCH,
    }
}

#[test]
fn removing_a_default_promotes_the_newest_other_that_qualifies() {
    let day = NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
    let (old, expired, new) = (card(1, 2027), card(2, 2025), card(3, 2026));
    let mut methods = Methods::default();
    for method in [&old, &expired, &new] {
        methods.add(method.clone());
    }
    assert_eq!((methods.purchase_default, methods.collection), (Some(old.id), Some(old.id)));
    methods.purchase_default = Some(new.id);
    methods.remove(new.id, day);
    assert_eq!(
        (methods.purchase_default, methods.collection),
        (Some(old.id), Some(old.id)),
        "the expired one does not qualify"
    );
    methods.remove(old.id, day);
    assert_eq!((methods.purchase_default, methods.collection), (None, None));
}

#[test]
fn a_line_is_the_purchase_default_and_never_collects() {
    let day = NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
    let (card, line) = (
        card(1, 2027),
        PaymentMethod::of_line(Id::from_uuid(uuid::Uuid::from_u128(9)), DateTime::UNIX_EPOCH),
    );
    let mut methods = Methods::default();
    methods.switch_on(&line);
    assert_eq!((methods.purchase_default, methods.collection), (Some(line.id), None));
    assert_eq!(methods.put_aside(line.id, day).unwrap_err().reason, Reason::OTHER_METHOD_REQUIRED);
    methods.add(card.clone());
    assert_eq!((methods.purchase_default, methods.collection), (Some(line.id), Some(card.id)));
    methods.remove(card.id, day);
    assert_eq!(
        (methods.purchase_default, methods.collection),
        (Some(line.id), None),
        "a line is never promoted to collect"
    );
    methods.add(card.clone());
    assert_eq!(methods.put_aside(line.id, day), Ok(()));
    assert_eq!((methods.purchase_default, methods.get(line.id)), (Some(card.id), None));
    assert_eq!(
        line.must_be_collectable(day).unwrap_err().reason,
        Reason::METHOD_STATE,
        "it is put aside"
    );
    let line = PaymentMethod { active: true, ..line };
    assert_eq!(line.must_be_collectable(day).unwrap_err().reason, Reason::CREDIT_LINE_NOT_ALLOWED);
    assert_eq!(line.must_be_usable(day), Ok(()));
}

#[test]
fn a_won_dispute_gives_the_only_card_back_and_takes_no_place_from_another() {
    let day = NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
    let (old, new, line) = (
        card(1, 2027),
        card(2, 2026),
        PaymentMethod::of_line(Id::from_uuid(uuid::Uuid::from_u128(9)), DateTime::UNIX_EPOCH),
    );
    let mut methods = Methods::default();
    methods.add(old.clone());
    methods.switch_on(&line);
    methods.stop_charging(old.id, day);
    assert_eq!(methods.collection, None);
    assert!(
        methods.stand_again(old.id, day) && methods.collection == Some(old.id),
        "nobody has chosen otherwise"
    );
    methods.stop_charging(old.id, day);
    methods.add(new.clone());
    assert!(
        !methods.stand_again(old.id, day) && methods.collection == Some(new.id),
        "another was saved meanwhile"
    );
    assert!(methods.active.iter().all(|method| !method.charged_back));
    let mut methods = Methods { active: vec![card(3, 2025)], ..Methods::default() };
    assert!(
        !methods.stand_again(card(3, 2025).id, day) && methods.collection.is_none(),
        "it has expired"
    );
    assert!(!methods.stand_again(old.id, day), "it was removed");
}

#[test]
fn a_method_may_be_charged_now_or_once_its_dispute_is_won() {
    let day = NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
    let (disputed, expired) = (card(1, 2027), card(2, 2025));
    let none: &[(Id<PaymentMethod>, i32)] = &[];
    let mut methods = Methods::default();
    methods.add(disputed.clone());
    assert!(methods.may_be_charged(none, day));
    methods.stop_charging(disputed.id, day);
    assert!(methods.may_be_charged(&[(disputed.id, 1)], day), "its dispute may be won");
    assert_eq!(
        methods.waits_for(&[(expired.id, 1), (disputed.id, 2), (disputed.id, 3)], day),
        Some(2),
        "the first that may bring it back"
    );
    assert!(!methods.may_be_charged(none, day), "it was lost");
    methods.remove(disputed.id, day);
    assert!(!methods.may_be_charged(&[(disputed.id, 1)], day), "it was removed");
    let mut methods = Methods {
        active: vec![expired.clone()],
        collection: Some(expired.id),
        ..Methods::default()
    };
    assert!(!methods.may_be_charged(none, day));
    methods.stop_charging(expired.id, day);
    assert!(!methods.may_be_charged(&[(expired.id, 1)], day), "an expired one does not come back");
}

#[test]
fn a_card_is_good_until_the_end_of_its_month() {
    let day = |text: &str| text.parse().unwrap();
    assert!(card(1, 2026).is_unexpired(day("2026-06-30")));
    assert!(!card(1, 2026).is_unexpired(day("2026-07-01")));
}
