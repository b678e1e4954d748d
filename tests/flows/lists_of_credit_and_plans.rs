//! Credit lines, draws and plans are found over all customers of a tenant, by filter and in order.

use crate::{
    invariants, lines,
    lists_of_services::names,
    plans::{plan, proposed},
    rig::until,
};
use payterms_proto::{
    credit::v1::{ListCreditLinesRequest, ListDrawsRequest},
    plans::v1::ListPlansRequest,
};
use payterms_suite::Session;
use payterms_testkit::{World, on_both};
use std::collections::BTreeSet;
use tonic::{Code, Status};

on_both!(lines_and_draws_are_found_over_all_customers, plans_are_found_over_all_customers);

async fn credit_lines(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(
        session.lines(),
        list_credit_lines,
        ListCreditLinesRequest,
        credit_lines,
        parent,
        filter,
        order
    )
}

async fn draws(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(session.draws(), list_draws, ListDrawsRequest, draws, parent, filter, order)
}

async fn plans(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(session.plans(), list_plans, ListPlansRequest, plans, parent, filter, order)
}

async fn lines_and_draws_are_found_over_all_customers(world: &World) {
    let credit = lines::active(world, 500).await;
    let other = world.customer("acme", "GB").await;
    let programme = credit.line.programme.clone();
    let offered =
        crate::rig::retry(async || lines::offer(&credit.owner, &other, &programme, 300).await)
            .await
            .name;
    let text = credit.line.name.clone();
    let everyone = "tenants/acme/customers/-";
    let (first, second) = (vec![text.clone()], vec![offered.clone()]);
    for parent in [everyone, "tenants/acme"] {
        assert_eq!(
            credit_lines(&credit.owner, parent, "", "").await.unwrap(),
            [offered.clone(), text.clone()]
        );
    }
    for (filter, found) in [
        ("state = OFFERED".to_owned(), &second),
        ("limit >= 500 AND currency = USD".to_owned(), &first),
        (format!("customer = {other}"), &second),
        (format!("programme = {programme} AND state != OFFERED"), &first),
    ] {
        assert_eq!(
            credit_lines(&credit.owner, everyone, &filter, "").await.unwrap(),
            *found,
            "{filter}"
        );
    }
    assert_eq!(
        credit_lines(&credit.admin, everyone, "", "").await.unwrap(),
        first,
        "a member's own"
    );
    let invoice = credit.invoice(100).await;
    credit.pay(&[&invoice], vec![crate::payments::by("", None)]).await.unwrap();
    credit.owes(100).await;
    let all = format!("{everyone}/creditLines/-");
    let drawn = draws(&credit.owner, &all, "", "").await.unwrap();
    assert!(drawn.len() == 1 && drawn[0].starts_with(&text), "{drawn:?}");
    for (filter, found) in [
        (format!("invoice = {} AND state = CAPTURED", invoice.name), true),
        ("amount = 100".to_owned(), true),
        ("amount != 100".to_owned(), false),
        (format!("customer = {other}"), false),
        (format!("customer != {other}"), true),
        (format!("credit_line = {offered}"), false),
    ] {
        assert_eq!(
            !draws(&credit.owner, &all, &filter, "").await.unwrap().is_empty(),
            found,
            "{filter}"
        );
    }
    assert_eq!(draws(&credit.admin, &all, "", "").await.unwrap(), drawn);
    assert_eq!(draws(&credit.owner, &text, "", "create_time").await.unwrap(), drawn);
    assert!(
        draws(&credit.owner, &format!("{other}/creditLines/-"), "", "").await.unwrap().is_empty()
    );
    assert_eq!(draws(&credit.admin, &offered, "", "").await.unwrap_err().code(), Code::NotFound);
    invariants::hold(world).await;
}

async fn plans_are_found_over_all_customers(world: &World) {
    let (desk, made) = Box::pin(proposed(world, None)).await;
    let everyone = "tenants/acme/customers/-";
    let texts = vec![made.name.clone()];
    let due = plan(&desk.owner, &made.name).await;
    assert_eq!(due.name, made.name);
    for (filter, found) in [
        ("", true),
        ("state = PROPOSED", true),
        ("state != PROPOSED", false),
        ("currency = USD", true),
        ("next_due_date < 2030-01-01", false),
        (format!("customer = {}", desk.customer).as_str(), true),
    ] {
        for order in ["", "next_due_date desc", "create_time"] {
            let this_texts: BTreeSet<_> =
                plans(&desk.owner, everyone, filter, order).await.unwrap().into_iter().collect();
            assert_eq!(!this_texts.is_empty(), found, "{filter} {order}");
        }
    }
    assert_eq!(plans(&desk.owner, "tenants/acme", "", "").await.unwrap(), texts);
    assert_eq!(plans(&desk.admin, everyone, "", "").await.unwrap(), texts, "a member's own");
    let stranger = world.customer("acme", "GB").await;
    assert!(
        plans(&world.someone("MEMBER", Some(&stranger)), everyone, "", "")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        plans(&desk.admin, "tenants/acme", "", "").await.unwrap_err().code(),
        Code::NotFound,
        "the tenant's list"
    );
    // Once it runs its next instalment is due on a day.
    crate::plans::approve(&desk.owner, &made, due.total.clone()).await.unwrap();
    let running = until(
        async || plans(&desk.owner, everyone, "state = ACTIVE", "").await,
        |found| !found.is_empty(),
    )
    .await;
    assert_eq!(running, texts);
    assert_eq!(
        plans(&desk.owner, everyone, "next_due_date < 2030-01-01", "next_due_date").await.unwrap(),
        texts
    );
    invariants::hold(world).await;
}
