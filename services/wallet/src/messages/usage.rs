//! Uses and their records.

use super::{
    names::{WALLET, list_of_wallets, wallet_ref},
    wallets::RECORD_TIME,
};
use payterms_kernel::Reason;
// What was reversed of a record stands in tables of its own, which the store reads as one.
use crate::{
    commands::{
        batch::{BatchCommand, BatchItem},
        wallets::ListOfWallets,
    },
    store::reversals::Sum,
};
use payterms_chassis::{
    AppError, Fields, Scope,
    fields::Digits,
    filter::{Comparison, Field, Kind, Operator, Value},
    listing::{ListRequest, ListSpec, Order},
    render::{decimal, money, timestamp},
};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{UsageRecord, usage::Use};
use rust_decimal::Decimal;
use tonic::Request;

/// The method to which a record's request id belongs. A record of a stream may then be retried by
/// itself.
const METHOD: &str = "/payterms.wallet.v1.UsageService/RecordUsage";

/// Parses one use, sent by itself, in a list or in a stream.
pub fn record_usage(
    scope: &Scope,
    message: &pb::RecordUsageRequest,
) -> Result<BatchItem, AppError> {
    let mut fields = Fields::of(Scope { method: METHOD.to_owned(), ..scope.clone() }, message);
    let name = fields.name("wallet", &message.wallet, WALLET);
    let used = Use {
        product: fields.printed("product", &message.product, 1, 100),
        quantity: fields.decimal(
            "quantity",
            message.quantity.as_ref(),
            6,
            Decimal::ZERO,
            Decimal::from(1_000_000_000),
        ),
        unit_price: fields.money("unit_price", message.unit_price.as_ref(), Digits::Wallet),
        used_at: fields.optional_instant("usage_time", message.usage_time.as_ref()),
        external_id: fields.external_id("external_id", &message.external_id),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok(BatchItem { call, command: BatchCommand::Use(wallet_ref(&name), used) })
}

/// The most uses in one call.
const MOST_USES: usize = 500;

/// The request id of one use of a list, with its command or its violations.
pub type ParsedUse = (String, Result<BatchItem, AppError>);

/// Parses a list of uses. Each is validated by itself, so that one bad use does not refuse the
/// others.
pub fn record_usages(
    request: Request<pb::RecordUsagesRequest>,
) -> Result<Vec<ParsedUse>, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let scope = fields.scope().clone();
    if message.records.is_empty() {
        fields.wrong("records", Reason::FIELD_REQUIRED, "Send 1 to 500 uses.");
    }
    if message.records.len() > MOST_USES {
        fields.wrong("records", Reason::TOO_MANY_ITEMS, "Send at most 500 uses.");
    }
    fields.finish()?;
    let parse_use = |message: pb::RecordUsageRequest| {
        let item = record_usage(&scope, &message);
        (message.request_id, item)
    };
    Ok(message.records.into_iter().map(parse_use).collect())
}

const PRODUCT: &str = "product";

const USAGE: ListSpec = ListSpec {
    filters: &[
        Field { name: PRODUCT, kind: Kind::Text },
        Field { name: "usage_time", kind: Kind::Instant },
        Field { name: RECORD_TIME, kind: Kind::Instant },
        Field::EXTERNAL_ID,
    ],
    orders: &[RECORD_TIME],
    default: Order { field: RECORD_TIME, descending: true },
};

/// Asks for records. The field `product` is a comparison like those of the filter, and a page token
/// is bound to it too.
pub fn list_usage_records(
    request: Request<pb::ListUsageRecordsRequest>,
) -> Result<ListOfWallets, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListUsageRecordsRequest { parent, page_size, page_token, product, filter, order_by } =
        &message;
    let product = fields.text(PRODUCT, product, 0, 100);
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let mut list = list_of_wallets(&mut fields, &USAGE, request);
    fields.finish()?;
    if !product.is_empty() {
        list.listing.page.list.push('\n');
        list.listing.page.list.push_str(&product);
        let comparison =
            Comparison { field: PRODUCT, operator: Operator::Equal, value: Value::Text(product) };
        list.listing.filter.0.push(comparison);
    }
    Ok(list)
}

/// Asks for an export of records.
pub fn export_usage_records(
    request: Request<pb::ExportUsageRecordsRequest>,
) -> Result<ListOfWallets, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let request =
        ListRequest::export(&message.parent, &message.filter, &message.page_token, RECORD_TIME);
    let list = list_of_wallets(&mut fields, &USAGE, request);
    fields.finish()?;
    Ok(list)
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
        metered_service: record
            .metered
            .map(|metered| format!("{customer}/meteredServices/{}", metered.service))
            .unwrap_or_default(),
        late: record.late,
        external_id: record.external_id.clone().unwrap_or_default(),
        net_quantity: None,
        net_amount: None,
    }
}

/// A record of which a part was reversed.
pub fn reversed_record(
    wallet: &str,
    record: &UsageRecord,
    reversed: &Sum,
) -> Result<pb::UsageRecord, AppError> {
    let quantity = record.quantity.checked_sub(reversed.quantity).unwrap_or_default();
    let amount = record.amount.minus(reversed.amount)?;
    Ok(pb::UsageRecord {
        net_quantity: Some(decimal(quantity)),
        net_amount: Some(money(amount)),
        ..usage_record(wallet, record)
    })
}
