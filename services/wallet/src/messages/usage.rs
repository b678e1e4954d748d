//! Uses and their records.

use super::names::{WALLET, wallet_ref};
// What was reversed of a record stands in tables of its own, which the store reads as one.
use crate::{
    commands::{
        batch::{BatchCommand, BatchItem},
        usage::UsageFilter,
    },
    store::reversals::Sum,
};
use payterms_chassis::{
    AppError, Fields, Scope,
    fields::Digits,
    page::Page,
    render::{decimal, money, timestamp},
};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{UsageRecord, usage::Use};
use rust_decimal::Decimal;
use tonic::Request;

/// The method to which a record's request id belongs. A record of a stream may then be retried by itself.
const METHOD: &str = "/payterms.wallet.v1.UsageService/RecordUsage";

/// Parses one use, sent by itself or in a stream.
pub fn record_usage(scope: &Scope, message: &pb::RecordUsageRequest) -> Result<BatchItem, AppError> {
    let mut fields = Fields::of(Scope { method: METHOD.to_owned(), ..scope.clone() }, message);
    let name = fields.name("wallet", &message.wallet, WALLET);
    let used = Use {
        product: fields.text("product", &message.product, 1, 100),
        quantity: fields.decimal("quantity", message.quantity.as_ref(), 6, Decimal::ZERO, Decimal::from(1_000_000_000)),
        unit_price: fields.money("unit_price", message.unit_price.as_ref(), Digits::Wallet),
        used_at: fields.optional_instant("usage_time", message.usage_time.as_ref()),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok(BatchItem { call, command: BatchCommand::Use(wallet_ref(&name), used) })
}

/// Names a wallet whose records are listed, and the product.
pub fn list_usage_records(request: Request<pb::ListUsageRecordsRequest>) -> Result<(UsageFilter, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, WALLET);
    let product = fields.text("product", &message.product, 0, 100);
    let page = Page::parse(&mut fields, &format!("{} {product}", message.parent), message.page_size, &message.page_token);
    fields.finish()?;
    Ok((UsageFilter { wallet: wallet_ref(&name), product }, page))
}

/// A record.
#[must_use]
pub fn usage_record(wallet: &str, record: &UsageRecord) -> pb::UsageRecord {
    let customer = wallet.split("/wallets/").next().unwrap_or_default();
    pb::UsageRecord {
        name: format!("{wallet}/usageRecords/{}", record.id),
        product: record.product.clone(),
        quantity: Some(decimal(record.quantity)),
        unit_price: Some(money(record.unit_price)),
        amount: Some(money(record.amount)),
        usage_time: Some(timestamp(record.used_at)),
        record_time: Some(timestamp(record.recorded_at)),
        transfer_id: record.transfer.map(|id| id.to_string()).unwrap_or_default(),
        metered_service: record.metered.map(|metered| format!("{customer}/meteredServices/{}", metered.service)).unwrap_or_default(),
        late: record.late,
        net_quantity: None,
        net_amount: None,
    }
}

/// A record of which a part was reversed.
pub fn reversed_record(wallet: &str, record: &UsageRecord, reversed: &Sum) -> Result<pb::UsageRecord, AppError> {
    let quantity = record.quantity.checked_sub(reversed.quantity).unwrap_or_default();
    let amount = record.amount.minus(reversed.amount)?;
    Ok(pb::UsageRecord { net_quantity: Some(decimal(quantity)), net_amount: Some(money(amount)), ..usage_record(wallet, record) })
}
