//! Names of resources in requests, and requests that list the resources of one wallet.

use crate::commands::{customers::CustomerRef, wallets::WalletRef};
use payterms_chassis::{AppError, Fields, names::Name, page::Page};
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
    WalletRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), wallet: Id::from_uuid(name.id(1)) }
}

/// Parses a request that lists resources of one wallet.
pub(super) fn list_of_wallet(mut fields: Fields, parent: &str, size: i32, token: &str) -> Result<(WalletRef, Page), AppError> {
    let name = fields.name("parent", parent, WALLET);
    let page = Page::parse(&mut fields, parent, size, token);
    fields.finish()?;
    Ok((wallet_ref(&name), page))
}
