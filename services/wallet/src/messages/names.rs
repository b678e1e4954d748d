//! Names of resources in requests, and requests that list the resources of wallets.

use crate::commands::{
    customers::CustomerRef,
    wallets::{ListOfWallets, WalletRef},
};
use payterms_chassis::{
    AppError, Fields,
    listing::{ListRequest, ListSpec, Listing},
    names::Name,
    page::Page,
};
use payterms_kernel::Id;

/// Collections of a customer's name.
pub(super) const CUSTOMER: &[&str] = &["customers"];
/// Collections of a wallet's name.
pub(super) const WALLET: &[&str] = &["customers", "wallets"];
/// Collections of a method's name.
pub(super) const METHOD: &[&str] = &["customers", "paymentMethods"];

pub(super) fn customer_ref(name: &Name) -> CustomerRef {
    CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) }
}

pub(super) fn wallet_ref(name: &Name) -> WalletRef {
    WalletRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        wallet: Id::from_uuid(name.id(1)),
    }
}

/// Parses a request that lists resources of one wallet.
pub(super) fn list_of_wallet(
    mut fields: Fields,
    parent: &str,
    size: i32,
    token: &str,
) -> Result<(WalletRef, Page), AppError> {
    let name = fields.name("parent", parent, WALLET);
    let page = Page::parse(&mut fields, parent, size, token);
    fields.finish()?;
    Ok((wallet_ref(&name), page))
}

/// Parses a request that lists resources of a wallet, or with `-` in its place of several.
pub(super) fn list_of_wallets(
    fields: &mut Fields,
    spec: &ListSpec,
    request: ListRequest<'_>,
) -> ListOfWallets {
    let named = fields.parent("parent", request.parent, WALLET);
    let listing = Listing::parse(fields, spec, request);
    let (customer, wallet) = (named.id(0).map(Id::from_uuid), named.id(1).map(Id::from_uuid));
    ListOfWallets { tenant: named.tenant, customer, wallet, listing }
}
