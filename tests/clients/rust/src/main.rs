//! Opens a customer and a wallet, grants, debits, lists, and reads what a refusal says.
//!
//! Usage: payterms-client GATEWAY TOKEN

use google::r#type::Money;
use payterms::{
    invoicing::v1::{CreateCustomerRequest, Customer, customer_service_client::CustomerServiceClient},
    wallet::v1::{
        GrantCreditRequest, ListEntriesRequest, OpenWalletRequest, PostDebitRequest, lot_service_client::LotServiceClient,
        posting_service_client::PostingServiceClient, wallet_service_client::WalletServiceClient,
    },
};
use std::{env, error::Error};
use tonic::{Request, Status, metadata::MetadataValue, transport::Endpoint};
use tonic_types::StatusExt;
use uuid::Uuid;

#[allow(clippy::all, clippy::pedantic)]
mod generated {
    tonic::include_proto!("client");
}
use generated::{google, payterms};

fn id() -> String {
    Uuid::new_v4().to_string()
}

fn usd(units: i64) -> Option<Money> {
    Some(Money { currency_code: "USD".to_owned(), units, nanos: 0 })
}

/// The reason of a refusal with its figure `available`, and each field that is wrong.
fn said(status: &Status) -> (String, String) {
    let details = status.get_error_details();
    let figure = |info: &tonic_types::ErrorInfo| info.metadata.get("available").cloned().unwrap_or_default();
    let reason = details.error_info().map(|info| format!("{} {}", info.reason, figure(info))).unwrap_or_default();
    let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let mut wrong: Vec<_> = fields.iter().map(|own| format!("{} {}", own.field, own.reason)).collect();
    wrong.sort();
    (reason.trim().to_owned(), wrong.join(", "))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(gateway), Some(token)) = (arguments.next(), arguments.next()) else {
        return Err("use: payterms-client GATEWAY TOKEN".into());
    };
    let bearer: MetadataValue<_> = format!("Bearer {token}").parse()?;
    let with_token = move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        Ok(request)
    };
    let channel = Endpoint::from_shared(format!("http://{gateway}"))?.connect().await?;
    let mut customers = CustomerServiceClient::with_interceptor(channel.clone(), with_token.clone());
    let mut wallets = WalletServiceClient::with_interceptor(channel.clone(), with_token.clone());
    let mut lots = LotServiceClient::with_interceptor(channel.clone(), with_token.clone());
    let mut postings = PostingServiceClient::with_interceptor(channel, with_token);

    let customer = Some(Customer { legal_name: "Ada Ltd".to_owned(), country: "US".to_owned(), ..Customer::default() });
    let create = CreateCustomerRequest { request_id: id(), parent: "tenants/acme".to_owned(), customer, ..Default::default() };
    let customer = customers.create_customer(create).await?.into_inner().customer.ok_or("no customer")?;
    let open = OpenWalletRequest { request_id: id(), parent: customer.name, currency_code: "USD".to_owned(), ..Default::default() };
    let wallet = wallets.open_wallet(open).await?.into_inner().wallet.ok_or("no wallet")?.name;
    lots.grant_credit(GrantCreditRequest { request_id: id(), wallet: wallet.clone(), amount: usd(10), ..Default::default() }).await?;
    let debit = |units| PostDebitRequest { request_id: id(), wallet: wallet.clone(), amount: usd(units), ..Default::default() };
    postings.post_debit(PostDebitRequest { description: "calls".to_owned(), ..debit(3) }).await?;
    let list = ListEntriesRequest { parent: wallet.clone(), ..Default::default() };
    let entries = wallets.list_entries(list).await?.into_inner().entries;
    let kind = |name: &str| name.trim_start_matches("KIND_").to_owned();
    let mut kinds: Vec<_> = entries
        .iter()
        .map(|entry| format!("{} {}", kind(entry.kind().as_str_name()), entry.amount.as_ref().map_or(0, |amount| amount.units)))
        .collect();
    kinds.sort();

    let (refused, _) = said(&postings.post_debit(debit(100)).await.err().ok_or("not refused")?);
    let (_, wrong) = said(&postings.post_debit(PostDebitRequest::default()).await.err().ok_or("not refused")?);
    println!("entries {}; refused {refused}; wrong: {wrong}", kinds.join(", "));
    Ok(())
}
