//! What an answer named is there for the next call, whichever service it goes to, through the same
//! gateway and through another one. Nothing here waits or tries again.

use crate::{
    invoices::{draft, issued, line as item},
    metered::yard,
    plans::{allow, monthly, proposal},
    second_call_of_customers::new_customer,
};
use payterms_gateway::{
    CorsOptions, GatewayOptions,
    identity::{KeyOptions, TokenOptions},
    limits::LimitOptions,
};
use payterms_proto::{
    credit::v1::{CreateProgrammeRequest, Programme},
    invoicing::v1::{
        CreateTenantRequest, EnableMeteredServiceRequest, MeteredService, PaymentTerm, Tenant,
        payment_term,
    },
    plans::v1::{PlanSettings, UpdatePlanSettingsRequest},
    wallet::v1::OpenWalletRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, people::person, reason};
use prost_types::FieldMask;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

on_both!(
    a_new_tenant_is_there_in_every_service,
    an_issued_invoice_is_there_for_plans,
    what_services_ask_each_other_is_there,
    what_is_switched_on_for_a_customer_takes_its_next_use,
    what_is_not_there_is_still_not_found,
);

/// How often each use is tried: a copy that happens to be fast hides nothing.
pub(crate) const ROUNDS: usize = 4;

/// The suite's gateway, and another one before the same services, which hears nothing of what the
/// first one answers.
pub(crate) struct Doors<'a> {
    world: &'a World,
    pub first: SocketAddr,
    pub other: SocketAddr,
    stop: CancellationToken,
}

impl<'a> Doors<'a> {
    pub(crate) async fn of(world: &'a World) -> Self {
        let keys = world.folder.path().join("keys");
        let options = GatewayOptions {
            keys: KeyOptions::file(keys.join("jwks.json")),
            simulator: None,
            door_tls: None,
            cors: CorsOptions::default(),
            tokens: TokenOptions::default(),
            limits: LimitOptions::highest(),
        };
        let peers = world.suite.services.iter().map(|(name, at)| (name.clone(), *at)).collect();
        let network = payterms_chassis::Network { addresses: peers, ..Default::default() };
        let (listener, stop) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
        let other = payterms_gateway::start(
            &keys,
            &network,
            listener.into(),
            network.port(),
            &options,
            stop.clone(),
        )
        .await
        .unwrap()
        .address;
        Self { world, first: world.suite.gateway, other, stop }
    }

    /// Someone of a tenant at one of the doors; an even number is the first.
    pub(crate) fn at(
        &self,
        door: usize,
        tenant: &str,
        role: &str,
        customer: Option<&str>,
    ) -> Session {
        Session::new(self.address(door), &self.token(tenant, role, customer)).unwrap()
    }

    fn address(&self, door: usize) -> SocketAddr {
        if door.is_multiple_of(2) { self.first } else { self.other }
    }

    pub(crate) fn token(&self, tenant: &str, role: &str, customer: Option<&str>) -> String {
        self.world.suite.token(&person(tenant, role, customer), 600).unwrap()
    }
}

impl Drop for Doors<'_> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn new_tenant(operator: &Session, id: &str) {
    let tenant = Tenant {
        display_name: "Acme Telecom".into(),
        country: "AU".into(),
        time_zone: "Australia/Sydney".into(),
        sandbox: true,
        ..Tenant::default()
    };
    let request = CreateTenantRequest {
        request_id: request_id(),
        tenant_id: id.into(),
        tenant: Some(tenant),
        ..Default::default()
    };
    operator.tenants().create_tenant(request).await.unwrap();
}

async fn a_new_tenant_is_there_in_every_service(world: &World) {
    let doors = Doors::of(world).await;
    for round in 0..2 * ROUNDS {
        let tenant = format!("acme-{round}");
        new_tenant(&doors.at(0, &tenant, "OPERATOR", None), &tenant).await;
        let owner = doors.at(round, &tenant, "OWNER", None);
        let settings = PlanSettings {
            name: format!("tenants/{tenant}/planSettings"),
            proposals_allowed: true,
            ..PlanSettings::default()
        };
        let settings = UpdatePlanSettingsRequest {
            request_id: request_id(),
            plan_settings: Some(settings),
            update_mask: Some(FieldMask { paths: vec!["proposals_allowed".into()] }),
            ..Default::default()
        };
        let programme = Programme {
            title: "Pay later".into(),
            countries: vec!["GB".into()],
            ..Programme::default()
        };
        let programme = CreateProgrammeRequest {
            request_id: request_id(),
            parent: format!("tenants/{tenant}"),
            programme: Some(programme),
            ..Default::default()
        };
        let (mut plan_settings, mut programmes) = (owner.plan_settings(), owner.programmes());
        let (wallet, plans, credit) = tokio::join!(
            shop::open(&owner, &tenant),
            plan_settings.update_plan_settings(settings),
            programmes.create_programme(programme)
        );
        wallet.unwrap();
        plans.unwrap();
        credit.unwrap();
    }
}

async fn an_issued_invoice_is_there_for_plans(world: &World) {
    let (customer, _) = world.usual().await;
    let owner = world.someone("OWNER", None);
    allow(&owner, PlanSettings::default(), &[]).await;
    let doors = Doors::of(world).await;
    for round in 0..2 * ROUNDS {
        let invoice =
            issued(&owner, draft(&customer, "USD", vec![item("Plan", amount("USD", 300, 0))]))
                .await;
        let admin = doors.at(round, "acme", "CUSTOMER_ADMIN", Some(&customer));
        admin.plans().propose_plan(proposal(&customer, &[&invoice], monthly(3, 1))).await.unwrap();
    }
}

/// Invoicing, which owns the customer, asks the wallet, whose copy is behind: no versions come from
/// outside.
async fn what_services_ask_each_other_is_there(world: &World) {
    world.usual().await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let doors = Doors::of(world).await;
    for round in 0..2 * ROUNDS {
        let customer = new_customer(&owner, "Brightside Ltd").await;
        let terms = MeteredService {
            product: "maps".into(),
            display_name: "Maps".into(),
            currency_code: "USD".into(),
            payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 0 }),
            ..MeteredService::default()
        };
        let enable = EnableMeteredServiceRequest {
            request_id: request_id(),
            parent: customer,
            metered_service: Some(terms),
            ..Default::default()
        };
        let refused = doors
            .at(round, "acme", "OWNER", None)
            .metered_services()
            .enable_metered_service(enable)
            .await
            .unwrap_err();
        // What the wallet says of a customer that it has: there is nothing yet to collect from.
        assert_eq!(reason(&refused), "COLLECTION_METHOD_REQUIRED");
    }
}

/// The use names the customer, and not the service that was switched on for it.
async fn what_is_switched_on_for_a_customer_takes_its_next_use(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    for round in 0..ROUNDS * 2 {
        let product = format!("maps-{round}");
        let service = MeteredService {
            product: product.clone(),
            display_name: "Maps".into(),
            currency_code: "USD".into(),
            payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 0 }),
            ..MeteredService::default()
        };
        let enable = EnableMeteredServiceRequest {
            request_id: request_id(),
            parent: yard.customer.clone(),
            metered_service: Some(service),
            ..Default::default()
        };
        let enabled = yard
            .owner
            .metered_services()
            .enable_metered_service(enable)
            .await
            .unwrap()
            .into_inner()
            .metered_service
            .unwrap();
        let used = yard.uses(world, &product, "1", None).await.unwrap();
        assert_eq!(used.metered_service, enabled.name, "{product}");
    }
}

async fn what_is_not_there_is_still_not_found(world: &World) {
    world.usual().await;
    let doors = Doors::of(world).await;
    let nobody = format!("tenants/acme/customers/{}", request_id());
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent: nobody,
        currency_code: "USD".into(),
        ..Default::default()
    };
    let refused: Status =
        doors.at(1, "acme", "SERVICE", None).wallets().open_wallet(open).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert!(
        refused.metadata().get("payterms-copies").is_none(),
        "what services tell each other stays inside"
    );
}
