//! What a tenant and a customer do before credit can be bought: connect, offer, save a card.
//! The demo and the tests speak through it.

use crate::client::{Session, request_id};
use futures::future::BoxFuture;
use payterms_proto::wallet::v1::{
    GetMethodSetupRequest, StartMethodSetupRequest, TurnOnPrepaymentRequest,
    UpdateWalletSettingsRequest, WalletSettings, method_setup::State, payment_method::Kind,
};
use prost_types::FieldMask;
use std::{fmt::Debug, net::SocketAddr};
use tonic::Status;

/// A payment provider's hosted pages, on which people save their methods.
pub trait HostedPages: Debug + Send + Sync {
    /// The provider, as settings name it.
    fn provider(&self) -> &'static str;

    /// A person writes the test method of a token on a page.
    fn write<'a>(&'a self, url: &'a str, token: &'a str) -> BoxFuture<'a, Result<(), Status>>;
}

/// The simulator's pages are served by the gateway.
impl HostedPages for SocketAddr {
    fn provider(&self) -> &'static str {
        "simulator"
    }

    fn write<'a>(&'a self, url: &'a str, token: &'a str) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(send(*self, url, token))
    }
}

/// Connects the simulator as the default provider, chooses cards, and turns prepayment on.
///
/// # Errors
/// The refusal of a call.
pub async fn open(owner: &Session, tenant: &str) -> Result<(), Status> {
    open_at(owner, tenant, "simulator").await
}

/// Makes a provider that is connected the default one, chooses cards, and turns prepayment on.
///
/// # Errors
/// The refusal of a call.
pub async fn open_at(owner: &Session, tenant: &str, provider: &str) -> Result<(), Status> {
    let name = format!("tenants/{tenant}/walletSettings");
    let settings = WalletSettings {
        name: name.clone(),
        provider: provider.to_owned(),
        provider_default: true,
        methods: vec![Kind::Card.into()],
        ..WalletSettings::default()
    };
    let update_mask = Some(FieldMask {
        paths: ["provider", "provider_default", "methods"].map(str::to_owned).to_vec(),
    });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await?;
    owner
        .settings()
        .turn_on_prepayment(TurnOnPrepaymentRequest {
            request_id: request_id(),
            name,
            methods: Vec::new(),
            ..Default::default()
        })
        .await?;
    Ok(())
}

/// Saves a test card on the hosted page, as the customer's admin, and answers the method's name
/// (or why it failed).
///
/// # Errors
/// The refusal of a call, or UNAVAILABLE where the page does not answer.
pub async fn save_card(
    admin: &Session,
    gateway: SocketAddr,
    customer: &str,
    token: &str,
) -> Result<Result<String, String>, Status> {
    save(admin, &gateway, customer, Kind::Card, token).await
}

/// Saves a test method of a kind likewise.
///
/// # Errors
/// The refusal of a call, or UNAVAILABLE where the page does not answer.
pub async fn save(
    admin: &Session,
    pages: &dyn HostedPages,
    customer: &str,
    kind: Kind,
    token: &str,
) -> Result<Result<String, String>, Status> {
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        kind: kind.into(),
        ..Default::default()
    };
    let setup = admin
        .methods()
        .start_method_setup(start)
        .await?
        .into_inner()
        .method_setup
        .unwrap_or_default();
    pages.write(&setup.hosted_url, token).await?;
    let get = GetMethodSetupRequest { name: setup.name };
    let setup =
        admin.methods().get_method_setup(get).await?.into_inner().method_setup.unwrap_or_default();
    Ok(if setup.state() == State::Active {
        Ok(setup.payment_method)
    } else {
        Err(setup.failure_reason)
    })
}

/// Signs in at a test bank on the page of a link.
///
/// # Errors
/// UNAVAILABLE where the page does not answer, or knows no such bank.
pub async fn sign_in(gateway: SocketAddr, url: &str, bank: &str) -> Result<(), Status> {
    send(gateway, url, bank).await
}

/// Sends the form of a hosted page.
async fn send(gateway: SocketAddr, url: &str, token: &str) -> Result<(), Status> {
    let form = reqwest::Client::new()
        .post(format!("http://{gateway}{url}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"))
        .send()
        .await;
    form.and_then(reqwest::Response::error_for_status)
        .map(|_| ())
        .map_err(|error| Status::unavailable(format!("{error:?}")))
}
