//! Every method with every role: as callers have it, as issuers assert it, and with tokens that are
//! not to be believed.

use crate::contract::{channel, filled, methods, path, send, service_of};
use payterms_chassis::{
    access::{AccessTable, is_for_peers},
    call::Grant,
};
use payterms_testkit::{World, on_both, people::person, reason};
use prost::Message;
use tonic::{Code, transport::Channel};

on_both!(
    every_method_refuses_every_role_without_a_row,
    every_method_refuses_roles_that_an_issuer_may_not_assert,
);

async fn every_method_refuses_every_role_without_a_row(world: &World) {
    world.tenant("acme").await;
    let door = channel(world.suite.gateway).await;
    let table = AccessTable::load().unwrap();
    let roles = [
        "OPERATOR",
        "OWNER",
        "ADMIN",
        "STAFF",
        "CUSTOMER_ADMIN",
        "BILLING_MANAGER",
        "MEMBER",
        "SERVICE",
        "PEER",
    ];
    let customer = format!("tenants/acme/customers/{}", uuid::Uuid::from_u128(9));
    for method in methods() {
        let path = path(&method);
        let row = table.cells().find(|(named, _)| *named == path).unwrap().1.clone();
        let inner = is_for_peers(&path);
        for role in roles {
            let token = world.suite.token(&person("acme", role, Some(&customer)), 600).unwrap();
            let refused =
                send(&door, &path, Some(&token), filled(&method.input()).encode_to_vec()).await;
            // Nobody comes in as a peer, and the inner methods have no way in.
            let granted = row.get(role).filter(|_| role != "PEER" && !inner);
            match (granted, refused) {
                (Some(Grant::Tenant | Grant::OwnCustomer), Ok(_)) => {}
                (Some(_), Err(status)) => {
                    assert_ne!(status.code(), Code::PermissionDenied, "{path} as {role}");
                }
                (None, Ok(_)) => panic!("{path} lets {role} in"),
                (None, Err(status)) if inner => {
                    assert_eq!(status.code(), Code::Unimplemented, "{path}");
                }
                (None, Err(status)) => {
                    assert_eq!(
                        (status.code(), reason(&status).as_str()),
                        (Code::PermissionDenied, "ROLE_REQUIRED"),
                        "{path} as {role}"
                    );
                }
            }
        }
        if !inner {
            tricks(world, &door, &path).await;
        }
    }
}

/// Whose key asserts which role: what a leaked key of a service is worth.
async fn every_method_refuses_roles_that_an_issuer_may_not_assert(world: &World) {
    world.tenant("acme").await;
    let table = AccessTable::load().unwrap();
    let customer = format!("tenants/acme/customers/{}", uuid::Uuid::from_u128(9));
    let (keys, clock) =
        (world.folder.path().join("keys"), std::sync::Arc::new(payterms_kernel::SystemClock));
    let issuers = ["gateway", "wallet", "invoicing", "credit", "plans"];
    let signers = issuers
        .map(|name| payterms_chassis::identity::Signer::read(&keys, name, clock.clone()).unwrap());
    let topology = payterms_chassis::topology::load().unwrap();
    for method in methods() {
        let path = path(&method);
        let service = service_of(&path);
        let Some(address) = world.suite.services.get(service) else { continue };
        let inside = channel(*address).await;
        let body = filled(&method.input()).encode_to_vec();
        let (peers, on_behalf) = table.services_of(&path);
        let callers = payterms_chassis::topology::callers(&topology, service);
        for (issuer, signer) in issuers.iter().zip(&signers) {
            let has_key = callers.iter().any(|caller| caller == issuer);
            for role in ["PEER", "STAFF", "OWNER", "OPERATOR", "SERVICE"] {
                let listed = if role == "PEER" { peers } else { on_behalf };
                let may = listed.iter().any(|service| service == issuer)
                    || (*issuer == "gateway" && role != "PEER");
                let caller = person("acme", role, Some(&customer));
                let answer = send(
                    &inside,
                    &path,
                    Some(&signer.internal(service, &caller).unwrap()),
                    body.clone(),
                )
                .await;
                let refused = answer.err().map(|status| reason(&status)).unwrap_or_default();
                match (has_key, may) {
                    (false, _) => {
                        assert_eq!(refused, "TOKEN_INVALID", "{path}: {issuer} as {role}");
                    }
                    (true, false) => {
                        assert_eq!(refused, "ROLE_REQUIRED", "{path}: {issuer} as {role}");
                    }
                    (true, true) if role == "PEER" => {
                        assert_ne!(refused, "ROLE_REQUIRED", "{path}: {issuer} as {role}");
                    }
                    (true, true) => {
                        assert_ne!(refused, "TOKEN_INVALID", "{path}: {issuer} as {role}");
                    }
                }
            }
            let ten_years = signer
                .token(service, &person("acme", "PEER", Some(&customer)), 10 * 365 * 86_400)
                .unwrap();
            let refused = send(&inside, &path, Some(&ten_years), body.clone()).await.unwrap_err();
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::Unauthenticated, "TOKEN_INVALID"),
                "{path}: {issuer}"
            );
        }
    }
}

/// No token, an expired one, a tampered one, `alg: none`, a foreign audience, a forged header
/// straight at the service.
async fn tricks(world: &World, door: &Channel, path: &str) {
    let owner = person("acme", "OWNER", None);
    let good = world.suite.token(&owner, 600).unwrap();
    let missing = send(door, path, None, Vec::new()).await.unwrap_err();
    assert_eq!(
        (missing.code(), reason(&missing).as_str()),
        (Code::Unauthenticated, "TOKEN_MISSING"),
        "{path}"
    );
    let expired = send(door, path, Some(&world.suite.token(&owner, -60).unwrap()), Vec::new())
        .await
        .unwrap_err();
    assert_eq!(reason(&expired), "TOKEN_EXPIRED", "{path}");
    let none = "eyJhbGciOiJub25lIiwia2lkIjoiZGV2ZWxvcG1lbnQifQ.eyJzdWIiOiJ4IiwiYXVkIjoicGF5dGVybXMiLCJleHAiOjk5OTk5OTk5OTl9.";
    let tampered = format!("{}AAAA", &good[..good.len() - 4]);
    let keys = world.folder.path().join("keys");
    let clock = std::sync::Arc::new(payterms_kernel::SystemClock);
    let foreign = payterms_chassis::identity::Signer::read(&keys, "development", clock)
        .unwrap()
        .internal("elsewhere", &owner)
        .unwrap();
    for token in [none, &tampered, &foreign, "x"] {
        let refused = send(door, path, Some(token), Vec::new()).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unauthenticated, "TOKEN_INVALID"),
            "{path}"
        );
    }
    let Some(address) = world.suite.services.get(service_of(path)) else { return };
    let inside = channel(*address).await;
    let refused = send(&inside, path, Some(&good), Vec::new()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unauthenticated, "TOKEN_INVALID"),
        "{path}: a caller's token inside"
    );
}
