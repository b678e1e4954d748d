//! Tax numbers are asked for at VIES: its silence holds what was known, a register that hangs holds
//! nothing else up, and an answer counts for the number that it was asked about.

use crate::{
    clocks::{advance, start},
    collections::{DAY, START},
    documents::business,
    invariants,
    invoices::{draft, issued, line, read, taxed},
    mails::mails_of,
    rig::until,
    tax_numbers::{HOUR, NUMBER, OTHER, customer, drafted, number, rate, seller, set},
};
use payterms_proto::invoicing::v1::{
    BusinessDetails, CreateTenantRequest, MailKind, Tenant, tax_number::State,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(
    vies_verifies_and_its_silence_holds_what_was_known,
    a_register_that_hangs_holds_nothing_else_up,
    an_answer_about_a_number_that_was_corrected_meanwhile_is_not_taken,
    a_corrected_number_is_asked_for_at_once,
);

async fn vies_verifies_and_its_silence_holds_what_was_known(world: &World) {
    let french = Tenant {
        display_name: "Acme SARL".into(),
        country: "FR".into(),
        time_zone: "Europe/Paris".into(),
        sandbox: true,
        ..Tenant::default()
    };
    let create = CreateTenantRequest {
        request_id: request_id(),
        tenant_id: "acme".into(),
        tenant: Some(french),
        ..Default::default()
    };
    world.someone("OPERATOR", None).tenants().create_tenant(create).await.unwrap();
    seller(world).await;
    business(
        world,
        BusinessDetails { tax_id: "FR 40 303 265 045".into(), ..BusinessDetails::default() },
    )
    .await;
    start(world, "acme", "seed").await;
    let (owner, name) = (world.someone("OWNER", None), world.customer("acme", "DE").await);
    world.vies.says("DE136695976", Ok(true));
    set(&owner, &name, NUMBER).await.unwrap();
    advance(world, START + 60).await;
    let verified = customer(&owner, &name).await;
    let known = number(&verified);
    assert_eq!(
        (known.state(), known.consultation_number.as_str(), rate(&verified).as_str()),
        (State::Verified, "WAPIAAAA1", "0")
    );
    let requests = world.vies.requests();
    assert_eq!(
        (requests.len(), &requests[0]["requesterMemberStateCode"], &requests[0]["requesterNumber"]),
        (1, &"FR".into(), &"40303265045".into())
    );
    let invoice =
        issued(&owner, draft(&name, "EUR", vec![line("Hosting", amount("EUR", 100, 0))])).await;
    assert_eq!(invoice.total, amount("EUR", 100, 0));
    // After 90 days it is asked again. While it is silent, what was known holds, and it is asked
    // after 1, 2, 4 hours.
    world.vies.says("DE136695976", Err("MS_UNAVAILABLE"));
    advance(world, START + 89 * DAY).await;
    assert_eq!(world.vies.requests().len(), 1);
    advance(world, START + 90 * DAY + 4 * HOUR).await;
    let silent = customer(&owner, &name).await;
    assert_eq!(
        (world.vies.requests().len(), number(&silent).failure.as_str()),
        (4, "MS_UNAVAILABLE")
    );
    assert_eq!((number(&silent).state(), rate(&silent).as_str()), (State::Verified, "0"));
    world.vies.says("DE136695976", Ok(false));
    advance(world, START + 91 * DAY).await;
    let invalid = customer(&owner, &name).await;
    assert_eq!(
        (number(&invalid).state(), number(&invalid).failure.as_str(), rate(&invalid).as_str()),
        (State::Invalid, "", "19")
    );
    mails_of(&owner, MailKind::TaxNumberInvalid, 1).await;
    let still = read(&owner, &invoice.name).await.unwrap();
    assert_eq!(
        (&still.taxes, &still.total, &still.buyer),
        (&invoice.taxes, &invoice.total, &invoice.buyer),
        "no document is touched"
    );
    // Another number while VIES is overloaded: it takes nothing off before there is an answer.
    world.vies.says(OTHER, Err("GLOBAL_MAX_CONCURRENT_REQ"));
    set(&owner, &name, OTHER).await.unwrap();
    advance(world, START + 91 * DAY + 60).await;
    let waiting = customer(&owner, &name).await;
    assert_eq!(
        (number(&waiting).state(), number(&waiting).failure.as_str()),
        (State::Unverified, "GLOBAL_MAX_CONCURRENT_REQ")
    );
    assert_eq!(drafted(&owner, &name).await.total, amount("EUR", 119, 0));
    world.vies.says(OTHER, Ok(true));
    advance(world, START + 91 * DAY + 2 * HOUR).await;
    let verified = customer(&owner, &name).await;
    assert_eq!((number(&verified).state(), rate(&verified).as_str()), (State::Verified, "0"));
    invariants::hold(world).await;
}

/// While the register hangs, two questions wait for it, and everything else that falls due is done.
/// German numbers with right check digits.
async fn a_register_that_hangs_holds_nothing_else_up(world: &World) {
    world.tenant("acme").await;
    taxed(world, &[("DE", "", "19", false)]).await;
    let owner = world.someone("OWNER", None);
    let mut customers = Vec::new();
    for number in [NUMBER, OTHER, NUMBER, OTHER] {
        let name = world.customer("acme", "DE").await;
        set(&owner, &name, number).await.unwrap();
        customers.push(name);
    }
    for number in ["DE136695976", OTHER] {
        world.vies.says(number, Ok(true));
    }
    // From now on the rule asks for them: all four fall due together.
    world.vies.hang(true);
    seller(world).await;
    until(async || Ok(world.vies.requests().len()), |count| *count == 2).await;
    // Other work falls due while both wait: it is done before either of them is given up.
    taxed(world, &[("DE", "", "21", false), ("DE", "", "0", true)]).await;
    let treated = async || Ok(customer(&owner, &customers[0]).await);
    let treated = until(treated, |customer| rate(customer) == "21").await;
    assert_eq!(
        (number(&treated).failure.as_str(), world.vies.requests().len()),
        ("", 2),
        "the question is still open"
    );
    world.vies.hang(false);
    let verified = async || {
        let mut count = 0;
        for name in &customers {
            count += usize::from(number(&customer(&owner, name).await).state() == State::Verified);
        }
        Ok(count)
    };
    until(verified, |count| *count == 4).await;
    invariants::hold(world).await;
}

async fn an_answer_about_a_number_that_was_corrected_meanwhile_is_not_taken(world: &World) {
    world.tenant("acme").await;
    seller(world).await;
    let (owner, name) = (world.someone("OWNER", None), world.customer("acme", "DE").await);
    world.vies.says("DE136695976", Ok(true));
    world.vies.says(OTHER, Ok(false));
    world.vies.hang(true);
    set(&owner, &name, NUMBER).await.unwrap();
    until(async || Ok(world.vies.requests().len()), |count| *count == 1).await;
    set(&owner, &name, OTHER).await.unwrap();
    world.vies.hang(false);
    let answered = until(
        async || Ok(customer(&owner, &name).await),
        |customer| number(customer).state() != State::Unverified,
    )
    .await;
    assert_eq!(
        (number(&answered).state(), answered.tax_id.as_str(), rate(&answered).as_str()),
        (State::Invalid, OTHER, "19")
    );
    let requests: Vec<_> = world
        .vies
        .requests()
        .iter()
        .map(|value| value["vatNumber"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(requests, ["136695976", "123456788"]);
    mails_of(&owner, MailKind::TaxNumberInvalid, 1).await;
    invariants::hold(world).await;
}

/// The pause after an answer that did not come is for that number only.
async fn a_corrected_number_is_asked_for_at_once(world: &World) {
    world.tenant("acme").await;
    seller(world).await;
    start(world, "acme", "seed").await;
    let (owner, name) = (world.someone("OWNER", None), world.customer("acme", "DE").await);
    world.vies.says("DE136695976", Ok(true));
    set(&owner, &name, OTHER).await.unwrap();
    advance(world, START + 60).await;
    let silent = customer(&owner, &name).await;
    assert_eq!(
        (world.vies.requests().len(), number(&silent).failure.as_str()),
        (1, "MS_UNAVAILABLE")
    );
    set(&owner, &name, NUMBER).await.unwrap();
    advance(world, START + 120).await;
    let corrected = customer(&owner, &name).await;
    assert_eq!(
        (
            number(&corrected).state(),
            number(&corrected).failure.as_str(),
            rate(&corrected).as_str()
        ),
        (State::Verified, "", "0")
    );
    advance(world, START + 5 * HOUR).await;
    assert_eq!(world.vies.requests().len(), 2, "the number of before is asked for no more");
    invariants::hold(world).await;
}
