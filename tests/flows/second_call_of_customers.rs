//! A customer that was just made or changed is there for every use of its name, through the same
//! gateway and through another one. Nothing here waits or tries again.

use crate::{
    contract::{channel, methods, path, send},
    lines,
    second_call::{Doors, ROUNDS},
};
use payterms_proto::{
    credit::v1::{InviteCustomerRequest, OfferLineRequest, Programme, StartApplicationRequest},
    gateway::v1::GetAccountOverviewRequest,
    invoicing::v1::{Address, CreateCustomerRequest, Customer, UpdateCustomerRequest},
    wallet::v1::{GetWalletRequest, OpenWalletRequest, StartMethodSetupRequest, payment_method},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use prost_reflect::{DynamicMessage, Kind, Value};
use prost_types::FieldMask;
use tonic::Code;

on_both!(
    a_new_customer_is_there_for_every_use_of_its_name,
    a_customer_is_there_for_every_method_that_takes_one,
    a_profile_that_was_completed_is_complete_everywhere,
);

pub(crate) async fn new_customer(owner: &Session, legal_name: &str) -> String {
    let address = Address {
        lines: vec!["1 High Street".into()],
        city: "Town".into(),
        country: "GB".into(),
        ..Address::default()
    };
    let customer = Customer {
        legal_name: legal_name.into(),
        billing_address: Some(address),
        billing_email: "billing@brightside.example".into(),
        country: "GB".into(),
        ..Customer::default()
    };
    let request = CreateCustomerRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        customer: Some(customer),
        ..Default::default()
    };
    owner.customers().create_customer(request).await.unwrap().into_inner().customer.unwrap().name
}

async fn a_new_customer_is_there_for_every_use_of_its_name(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let programme = lines::programme(&owner, Programme::default()).await.name;
    let doors = Doors::of(world).await;
    for round in 0..2 * ROUNDS {
        let customer = new_customer(&owner, "Brightside Ltd").await;
        let at = |role: &str, of: Option<&str>| doors.at(round, "acme", role, of);
        let (service, owner, admin) =
            (at("SERVICE", None), at("OWNER", None), at("CUSTOMER_ADMIN", Some(&customer)));
        let open = OpenWalletRequest {
            request_id: request_id(),
            parent: customer.clone(),
            currency_code: "USD".into(),
            ..Default::default()
        };
        let set_up = StartMethodSetupRequest {
            request_id: request_id(),
            parent: customer.clone(),
            kind: payment_method::Kind::Card.into(),
            ..Default::default()
        };
        let line = OfferLineRequest {
            request_id: request_id(),
            parent: customer.clone(),
            programme: programme.clone(),
            limit: amount("USD", 100, 0),
            explanation: "Known for years.".into(),
            ..Default::default()
        };
        let invite = InviteCustomerRequest {
            request_id: request_id(),
            name: programme.clone(),
            customer: customer.clone(),
            revoke: false,
            ..Default::default()
        };
        let apply = StartApplicationRequest {
            request_id: request_id(),
            parent: customer.clone(),
            programme: programme.clone(),
            ..Default::default()
        };
        let overview = GetAccountOverviewRequest { name: customer.clone() };
        let uses = (
            &mut service.wallets(),
            &mut admin.methods(),
            &mut owner.lines(),
            &mut owner.programmes(),
            &mut admin.applications(),
            &mut admin.accounts(),
        );
        let (opened, set_up, offered, invited, applied, seen) = tokio::join!(
            uses.0.open_wallet(open),
            uses.1.start_method_setup(set_up),
            uses.2.offer_line(line),
            uses.3.invite_customer(invite),
            uses.4.start_application(apply),
            uses.5.get_account_overview(overview),
        );
        set_up.unwrap();
        offered.unwrap();
        invited.unwrap();
        // Whether the customer may apply is another question: it is there.
        assert_ne!(applied.map_or_else(|refused| refused.code(), |_| Code::Ok), Code::NotFound);
        assert_eq!(
            seen.unwrap().into_inner().account_overview.unwrap().unreachable,
            Vec::<String>::new()
        );
        let wallet = GetWalletRequest { name: opened.unwrap().into_inner().wallet.unwrap().name };
        doors.at(round + 1, "acme", "OWNER", None).wallets().get_wallet(wallet).await.unwrap();
    }
}

/// Every method outside invoicing whose request names a customer as its parent, from the contract.
async fn a_customer_is_there_for_every_method_that_takes_one(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    let doors = Doors::of(world).await;
    let lines = [channel(doors.first).await, channel(doors.other).await];
    let mut walked = 0;
    for method in methods() {
        let path = path(&method);
        let Some(field) =
            method.input().get_field_by_name("parent").filter(|field| field.kind() == Kind::String)
        else {
            continue;
        };
        if ["invoicing", "gateway", "common"]
            .iter()
            .any(|package| path.starts_with(&format!("/payterms.{package}.")))
        {
            continue;
        }
        for (door, line) in lines.iter().enumerate() {
            let customer = new_customer(&owner, "Brightside Ltd").await;
            for role in ["OWNER", "SERVICE", "CUSTOMER_ADMIN"] {
                let mut message = DynamicMessage::new(method.input());
                message.set_field(&field, Value::String(customer.clone()));
                if let Some(id) = method.input().get_field_by_name("request_id") {
                    message.set_field(&id, Value::String(request_id()));
                }
                let token =
                    doors.token("acme", role, (role == "CUSTOMER_ADMIN").then_some(&customer));
                let answer =
                    send(line, &path, Some(&token), prost::Message::encode_to_vec(&message)).await;
                let code = answer.map_or_else(|refused| refused.code(), |_| Code::Ok);
                assert_ne!(code, Code::NotFound, "{path} as {role} through door {door}");
                walked += usize::from(code == Code::Ok);
            }
        }
    }
    assert!(walked > 20, "{walked} calls were answered");
}

async fn a_profile_that_was_completed_is_complete_everywhere(world: &World) {
    world.usual().await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let doors = Doors::of(world).await;
    for round in 0..2 * ROUNDS {
        let customer = new_customer(&owner, "").await;
        let admin = doors.at(round, "acme", "CUSTOMER_ADMIN", Some(&customer));
        let set_up = || StartMethodSetupRequest {
            request_id: request_id(),
            parent: customer.clone(),
            kind: payment_method::Kind::Card.into(),
            ..Default::default()
        };
        let lacking = admin.methods().start_method_setup(set_up()).await.unwrap_err();
        assert_eq!(reason(&lacking), "PROFILE_INCOMPLETE");
        let completed = UpdateCustomerRequest {
            request_id: request_id(),
            customer: Some(Customer {
                name: customer.clone(),
                legal_name: "Brightside Ltd".into(),
                ..Customer::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["legal_name".into()] }),
            ..Default::default()
        };
        owner.customers().update_customer(completed).await.unwrap();
        admin.methods().start_method_setup(set_up()).await.unwrap();
    }
}
