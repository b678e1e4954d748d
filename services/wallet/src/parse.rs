//! Requests of the contract → commands of the domain. All violations of a request come at once.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, Call, Fields, Scope, fields::Digits, names::Name, page::Page};
use payterms_kernel::{Currency, Id, Money, Refusal, TenantId};
use payterms_proto::{google::r#type::Money as MoneyMessage, wallet::v1 as pb};
use payterms_wallet_domain::{Customer, Hold, Lot, LotKind, MethodKind, MethodSetup, PaymentMethod, TopUp, Wallet, wallet::NewLot};
use prost_types::Timestamp;
use tonic::Request;

/// Collections of a wallet's name.
pub const WALLET: &[&str] = &["customers", "wallets"];
const CUSTOMER: &[&str] = &["customers"];

/// A wallet that a request names.
#[derive(Debug, Clone)]
pub struct WalletRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
    /// The wallet.
    pub wallet: Id<Wallet>,
}

pub(crate) fn wallet_ref(name: &Name) -> WalletRef {
    WalletRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), wallet: Id::from_uuid(name.id(1)) }
}

/// Opens a wallet.
pub fn open_wallet(request: Request<pb::OpenWalletRequest>) -> Result<(Call, Id<Customer>, Currency), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    let currency = fields.currency("currency_code", &message.currency_code);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, Id::from_uuid(parent.id(0)), currency))
}

/// Names a wallet to read.
pub fn get_wallet(request: Request<pb::GetWalletRequest>) -> Result<WalletRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, WALLET);
    fields.finish()?;
    Ok(wallet_ref(&name))
}

/// Names a customer whose wallets are listed.
pub fn list_wallets(request: Request<pb::ListWalletsRequest>) -> Result<(TenantId, Id<Customer>, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((parent.tenant.clone(), Id::from_uuid(parent.id(0)), page))
}

/// The instant that a balance is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Now.
    Now,
    /// By the time of recording.
    Recorded(DateTime<Utc>),
    /// By the effective time.
    Effective(DateTime<Utc>),
}

/// Names wallet and instant.
pub fn get_balance(request: Request<pb::GetBalanceRequest>) -> Result<(WalletRef, AsOf), AppError> {
    use pb::get_balance_request::AsOf as Message;
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, WALLET);
    let as_of = match &message.as_of {
        None => AsOf::Now,
        Some(Message::AtTime(at)) => AsOf::Recorded(fields.instant("at_time", Some(at))),
        Some(Message::EffectiveAtTime(at)) => AsOf::Effective(fields.instant("effective_at_time", Some(at))),
    };
    fields.finish()?;
    Ok((wallet_ref(&name), as_of))
}

/// A list of things of one wallet.
fn list_of_wallet(mut fields: Fields, parent: &str, size: i32, token: &str) -> Result<(WalletRef, Page), AppError> {
    let name = fields.name("parent", parent, WALLET);
    let page = Page::parse(&mut fields, parent, size, token);
    fields.finish()?;
    Ok((wallet_ref(&name), page))
}

/// Names a wallet whose entries are listed.
pub fn list_entries(request: Request<pb::ListEntriesRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// Names a wallet whose lots are listed.
pub fn list_lots(request: Request<pb::ListLotsRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// Names a wallet whose holds are listed.
pub fn list_holds(request: Request<pb::ListHoldsRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// Grants credit.
pub fn grant_credit(request: Request<pb::GrantCreditRequest>) -> Result<(Call, WalletRef, NewLot), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("wallet", &message.wallet, WALLET);
    let new = NewLot {
        kind: LotKind::Granted,
        tax_kind: None,
        priority: fields.number("priority", message.priority, 0..=100),
        amount: fields.money("amount", message.amount.as_ref(), Digits::Wallet),
        expires_at: fields.optional_instant("expire_time", message.expire_time.as_ref()),
        description: fields.text("description", &message.description, 0, 1_000),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, wallet_ref(&name), new))
}

/// Voids what is left of a granted lot.
pub fn void_grant(request: Request<pb::VoidGrantRequest>) -> Result<(Call, WalletRef, Id<Lot>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "wallets", "lots"]);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, wallet_ref(&name), Id::from_uuid(name.id(2))))
}

/// An amount to take, and what for.
#[derive(Debug, Clone)]
pub struct Take {
    /// From where.
    pub wallet: WalletRef,
    /// How much.
    pub amount: Money,
    /// What for.
    pub description: String,
    /// Whether a fee is left out of the list of fees.
    pub unlisted: bool,
}

fn take(
    mut fields: Fields,
    (request_id, wallet): (&str, &str),
    amount: Option<&MoneyMessage>,
    (description, least): (&str, usize),
) -> Result<(Call, Take), AppError> {
    let name = fields.name("wallet", wallet, WALLET);
    let amount = fields.money("amount", amount, Digits::Wallet);
    let description = fields.text("description", description, least, 1_000);
    let call = fields.write(request_id, name.tenant.clone())?;
    Ok((call, Take { wallet: wallet_ref(&name), amount, description, unlisted: false }))
}

/// Debits at once.
pub fn post_debit(request: Request<pb::PostDebitRequest>) -> Result<(Call, Take), AppError> {
    let (fields, message) = Fields::open(request)?;
    take(fields, (&message.request_id, &message.wallet), message.amount.as_ref(), (&message.description, 0))
}

/// The path that a debit's request id belongs to, sent alone or with others.
const POST_DEBIT: &str = "/payterms.wallet.v1.PostingService/PostDebit";
/// Debits in one call.
const MOST_DEBITS: usize = 500;

/// One debit with the id that it came with: what is taken, or why not.
pub type OneDebit = (String, Result<(Call, Take), AppError>);

/// Debits many; each is checked apart.
pub fn post_debits(request: Request<pb::PostDebitsRequest>) -> Result<Vec<OneDebit>, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let scope = Scope { method: POST_DEBIT.to_owned(), ..fields.scope().clone() };
    if message.debits.is_empty() {
        fields.wrong("debits", "FIELD_REQUIRED", "Send 1 to 500 debits.");
    }
    if message.debits.len() > MOST_DEBITS {
        fields.wrong("debits", "TOO_MANY_ITEMS", "Send at most 500 debits.");
    }
    fields.finish()?;
    let one = |debit: pb::PostDebitRequest| {
        let own = Fields::of(scope.clone(), &debit);
        let taken = take(own, (&debit.request_id, &debit.wallet), debit.amount.as_ref(), (&debit.description, 0));
        (debit.request_id, taken)
    };
    Ok(message.debits.into_iter().map(one).collect())
}

/// Takes a custom fee.
pub fn post_fee(request: Request<pb::PostFeeRequest>) -> Result<(Call, Take), AppError> {
    let (fields, message) = Fields::open(request)?;
    let (call, fee) = take(fields, (&message.request_id, &message.wallet), message.amount.as_ref(), (&message.description, 1))?;
    Ok((call, Take { unlisted: message.unlisted, ..fee }))
}

/// Reserves an amount.
pub fn authorize_hold(request: Request<pb::AuthorizeHoldRequest>) -> Result<(Call, Take, Option<DateTime<Utc>>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let expires_at = optional(&mut fields, message.expire_time.as_ref());
    let (call, take) = take(fields, (&message.request_id, &message.wallet), message.amount.as_ref(), (&message.description, 0))?;
    Ok((call, take, expires_at))
}

fn optional(fields: &mut Fields, time: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    fields.optional_instant("expire_time", time)
}

/// A hold that a request names.
#[derive(Debug, Clone)]
pub struct HoldRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The hold.
    pub hold: Id<Hold>,
}

fn hold_ref(fields: &mut Fields, text: &str) -> HoldRef {
    let name = fields.name("name", text, &["customers", "wallets", "holds"]);
    HoldRef { wallet: wallet_ref(&name), hold: Id::from_uuid(name.id(2)) }
}

/// How much is captured (`None`: all), and whether the hold ends.
pub type Capture = (Option<Money>, bool);

/// Captures a part or all of a hold.
pub fn capture_hold(request: Request<pb::CaptureHoldRequest>) -> Result<(Call, HoldRef, Capture), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let hold = hold_ref(&mut fields, &message.name);
    let amount = message.amount.as_ref().map(|amount| fields.money("amount", Some(amount), Digits::Wallet));
    let call = fields.write(&message.request_id, hold.wallet.tenant.clone())?;
    Ok((call, hold, (amount, message.r#final)))
}

/// Voids a hold.
pub fn void_hold(request: Request<pb::VoidHoldRequest>) -> Result<(Call, HoldRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let hold = hold_ref(&mut fields, &message.name);
    let call = fields.write(&message.request_id, hold.wallet.tenant.clone())?;
    Ok((call, hold))
}

/// Names a hold to read.
pub fn get_hold(request: Request<pb::GetHoldRequest>) -> Result<HoldRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let hold = hold_ref(&mut fields, &message.name);
    fields.finish()?;
    Ok(hold)
}

/// A customer that a request names.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
}

fn customer_ref(name: &Name) -> CustomerRef {
    CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) }
}

pub(crate) fn method_kind(fields: &mut Fields, field: &str, number: i32) -> Option<MethodKind> {
    use pb::payment_method::Kind;
    match fields.choice(field, number)? {
        Kind::Card => Some(MethodKind::Card),
        Kind::BankTransfer => Some(MethodKind::BankTransfer),
        Kind::BankDebit => Some(MethodKind::BankDebit),
        // A line is switched in credit.
        Kind::CreditLine => {
            fields.wrong(field, "ENUM_INVALID", "A credit line is activated, not set up or offered here.");
            None
        }
        Kind::Unspecified => None,
    }
}

/// Starts a set-up.
pub fn start_method_setup(request: Request<pb::StartMethodSetupRequest>) -> Result<(Call, CustomerRef, MethodKind), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    let kind = method_kind(&mut fields, "kind", message.kind);
    if kind == Some(MethodKind::BankTransfer) {
        fields.wrong("kind", "ENUM_INVALID", "Nothing is saved of a bank transfer: set up a card or a bank account.");
    }
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, customer_ref(&parent), kind.unwrap_or(MethodKind::Card)))
}

/// Names a set-up to read.
pub fn get_method_setup(request: Request<pb::GetMethodSetupRequest>) -> Result<(CustomerRef, Id<MethodSetup>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "methodSetups"]);
    fields.finish()?;
    Ok((customer_ref(&name), Id::from_uuid(name.id(1))))
}

/// Names a method to read.
pub fn get_payment_method(request: Request<pb::GetPaymentMethodRequest>) -> Result<(CustomerRef, Id<PaymentMethod>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, METHOD);
    fields.finish()?;
    Ok((customer_ref(&name), Id::from_uuid(name.id(1))))
}

/// The collections of a method's name.
pub const METHOD: &[&str] = &["customers", "paymentMethods"];

/// Names a customer whose methods are listed.
pub fn list_payment_methods(request: Request<pb::ListPaymentMethodsRequest>) -> Result<(CustomerRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((customer_ref(&parent), page))
}

/// A verb on a method.
fn on_method(mut fields: Fields, request_id: &str, name: &str) -> Result<(Call, CustomerRef, Id<PaymentMethod>), AppError> {
    let name = fields.name("name", name, METHOD);
    let call = fields.write(request_id, name.tenant.clone())?;
    Ok((call, customer_ref(&name), Id::from_uuid(name.id(1))))
}

/// Removes a method.
pub fn remove_method(request: Request<pb::RemovePaymentMethodRequest>) -> Result<(Call, CustomerRef, Id<PaymentMethod>), AppError> {
    let (fields, message) = Fields::open(request)?;
    on_method(fields, &message.request_id, &message.name)
}

/// Makes a method the purchase default.
pub fn set_purchase_default(request: Request<pb::SetPurchaseDefaultRequest>) -> Result<(Call, CustomerRef, Id<PaymentMethod>), AppError> {
    let (fields, message) = Fields::open(request)?;
    on_method(fields, &message.request_id, &message.name)
}

/// Makes a method the collection method.
pub fn set_collection(request: Request<pb::SetCollectionMethodRequest>) -> Result<(Call, CustomerRef, Id<PaymentMethod>), AppError> {
    let (fields, message) = Fields::open(request)?;
    on_method(fields, &message.request_id, &message.name)
}

/// Buys credit.
#[derive(Debug, Clone)]
pub struct CreateTopUp {
    /// Into which wallet.
    pub wallet: WalletRef,
    /// How much.
    pub amount: Money,
    /// From what; none: the purchase default.
    pub method: Option<Id<PaymentMethod>>,
}

/// Buys credit.
pub fn create_top_up(request: Request<pb::CreateTopUpRequest>) -> Result<(Call, CreateTopUp), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("wallet", &message.wallet, WALLET);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let method = (!message.payment_method.is_empty()).then(|| fields.name("payment_method", &message.payment_method, METHOD));
    let foreign = method.as_ref().is_some_and(|method| method.tenant != name.tenant || method.id(0) != name.id(0));
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((call, CreateTopUp { wallet: wallet_ref(&name), amount, method: method.map(|method| Id::from_uuid(method.id(1))) }))
}

/// Names a top-up to read.
pub fn get_top_up(request: Request<pb::GetTopUpRequest>) -> Result<(WalletRef, Id<TopUp>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "wallets", "topUps"]);
    fields.finish()?;
    Ok((wallet_ref(&name), Id::from_uuid(name.id(2))))
}

/// Names a wallet whose top-ups are listed.
pub fn list_top_ups(request: Request<pb::ListTopUpsRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// Takes in a provider's notification.
pub fn receive_notification(
    request: Request<pb::ReceiveNotificationRequest>,
) -> Result<(TenantId, pb::ReceiveNotificationRequest), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("tenant", &message.tenant, &[]).tenant;
    fields.text("provider", &message.provider, 1, 40);
    fields.text("signature", &message.signature, 1, 1_000);
    if message.body.len() > 65_536 {
        fields.wrong("body", "FIELD_TOO_LONG", "Send at most 64 KiB.");
    }
    fields.finish()?;
    Ok((tenant, message))
}
