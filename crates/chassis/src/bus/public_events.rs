//! Rows of the outbox as they are shown outside the suite.

use crate::{
    db::Db,
    wire::{catalogue::PublicType, error::AppError, names, render::timestamp},
};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use payterms_kernel::{TenantId, id::step_id};
use payterms_proto::common::v1::PublicEvent;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, UnknownField, Value};
use std::borrow::Cow;
use uuid::Uuid;

/// Whether a tenant hides from its customers those resources that can be hidden.
pub type Hides = for<'a> fn(&'a Db, &'a TenantId) -> BoxFuture<'a, Result<bool, AppError>>;

/// Who reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reader {
    /// The customer whose events are shown alone.
    pub customer: Option<Uuid>,
    /// Whether the reader is of that customer.
    pub as_customer: bool,
    /// Whether what can be hidden is hidden from the reader.
    pub hides: bool,
}

/// A row of the outbox.
#[derive(Debug)]
pub(crate) struct Logged {
    pub event_id: Uuid,
    pub tenant: String,
    pub version: i64,
    pub occurred_at: DateTime<Utc>,
    pub data: Vec<u8>,
}

/// The public events of a row, one for each of its items; none for an item that the reader is not
/// shown.
pub(crate) fn shown(kind: &PublicType, row: &Logged, reader: &Reader) -> Vec<Option<PublicEvent>> {
    let decoded = DynamicMessage::decode(kind.message.clone(), row.data.as_slice());
    let (whole, fields) = match decoded.and_then(|whole| Ok((whole, stored_fields(&row.data)?))) {
        Ok(decoded) => decoded,
        Err(error) => {
            // A log that stops here for good would be worse than one without an event that nobody
            // can read.
            tracing::error!(event = %row.event_id, %error, "an event does not decode and is not shown");
            return Vec::new();
        }
    };
    let Some(each) = &kind.one_for_each else {
        return vec![event(kind, row, reader, &whole, None, &fields)];
    };
    let items = whole.get_field(each);
    let items = items.as_list().unwrap_or_default().iter();
    items
        .enumerate()
        .map(|(place, item)| {
            event(kind, row, reader, &whole, item.as_message().map(|item| (place, item)), &fields)
        })
        .collect()
}

fn event(
    kind: &PublicType,
    row: &Logged,
    reader: &Reader,
    whole: &DynamicMessage,
    item: Option<(usize, &DynamicMessage)>,
    fields: &[UnknownField],
) -> Option<PublicEvent> {
    let subject = text_at(item.map_or(whole, |(_, message)| message), &kind.subject);
    if subject.is_empty() {
        tracing::error!(event = %row.event_id, kind = kind.message.full_name(), "a public event names no resource and is not shown");
        return None;
    }
    let customer = customer_of(&subject);
    let hidden = reader.as_customer && kind.can_be_hidden && reader.hides;
    if hidden || (reader.customer.is_some() && reader.customer != customer) {
        return None;
    }
    let (id, version) = match item {
        None => (row.event_id, row.version),
        // The version is the batch's, which says nothing about the item.
        Some(_) => (step_id(row.event_id, subject.rsplit('/').next().unwrap_or_default()), 0),
    };
    let names_only = kind.shown.is_empty() || (reader.as_customer && kind.customers_see_name);
    let tenant = format!("tenants/{}", row.tenant);
    Some(PublicEvent {
        id: id.to_string(),
        source: kind.service().to_owned(),
        r#type: kind.message.full_name().to_owned(),
        time: Some(timestamp(row.occurred_at)),
        customer: customer
            .map(|customer| format!("{tenant}/customers/{customer}"))
            .unwrap_or_default(),
        tenant,
        subject,
        version,
        data: (!names_only).then(|| data(kind, fields, item.map(|(place, _)| place))),
    })
}

/// The fields of a stored event, each with the bytes that it was stored as.
fn stored_fields(data: &[u8]) -> Result<Vec<UnknownField>, prost::DecodeError> {
    let Some(empty) = DescriptorPool::global().get_message_by_name("google.protobuf.Empty") else {
        return Ok(Vec::new());
    };
    // To a message without fields each field is unknown, and unknown fields are kept as they are.
    Ok(DynamicMessage::decode(empty, data)?.take_unknown_fields().collect())
}

/// The fields that are shown, and of a batch the item at one place. They are copied and not encoded
/// again: the library keeps maps unordered, so an event that is read twice would have other bytes
/// each time.
fn data(kind: &PublicType, fields: &[UnknownField], item: Option<usize>) -> prost_types::Any {
    let each = kind.one_for_each.as_ref().filter(|_| item.is_some()).map(FieldDescriptor::number);
    let is_shown =
        |field: &&UnknownField| kind.shown.iter().any(|shown| shown.number() == field.number());
    let is_item = |field: &&UnknownField| each == Some(field.number());
    let copied = fields.iter().filter(is_shown).filter(|field| !is_item(field));
    let item = fields.iter().filter(is_shown).filter(is_item).nth(item.unwrap_or_default());
    let mut value = Vec::new();
    for field in copied.chain(item) {
        field.encode(&mut value);
    }
    prost_types::Any {
        type_url: format!("type.googleapis.com/{}", kind.message.full_name()),
        value,
    }
}

/// The text that these fields lead to; empty where one of them is not set.
fn text_at(message: &DynamicMessage, path: &[String]) -> String {
    let Some((first, rest)) = path.split_first() else { return String::new() };
    match message.get_field_by_name(first) {
        Some(Cow::Borrowed(Value::Message(inner))) => text_at(inner, rest),
        Some(value) => value.as_str().unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

/// The customer in the name of a resource: that of `tenants/acme/customers/0199…/wallets/0199…`.
fn customer_of(name: &str) -> Option<Uuid> {
    let mut parts = name.split('/').skip(2);
    if parts.next() == Some("customers") { parts.next().and_then(names::uuid) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Logged, Reader, shown};
    use crate::wire::catalogue::Catalogue;
    use payterms_proto::{
        invoicing::v1::{Customer, CustomerChanged, Invoice, InvoiceChanged, Mail, MailChanged},
        wallet::v1::{PostedWallet, PostingsMade},
    };
    use prost::{Message, Name};
    use uuid::Uuid;

    const CUSTOMERS: [&str; 2] =
        ["01993c7a-0000-7000-8000-000000000001", "01993c7a-0000-7000-8000-000000000002"];

    fn events<E: Message + Name>(
        event: &E,
        reader: &Reader,
    ) -> Vec<Option<payterms_proto::common::v1::PublicEvent>> {
        let catalogue = Catalogue::load().unwrap();
        let row = Logged {
            event_id: Uuid::from_u128(7),
            tenant: "acme".to_owned(),
            version: 3,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            data: event.encode_to_vec(),
        };
        shown(catalogue.get(&E::full_name()).unwrap(), &row, reader)
    }

    fn of(customer: usize) -> Reader {
        Reader { customer: CUSTOMERS[customer].parse().ok(), ..Reader::default() }
    }

    #[test]
    fn a_batch_is_an_event_for_each_wallet_whose_id_never_changes() {
        let wallet = |customer: &str| PostedWallet {
            wallet: format!("tenants/acme/customers/{customer}/wallets/{customer}"),
            ..PostedWallet::default()
        };
        let batch = PostingsMade { wallets: CUSTOMERS.map(wallet).to_vec() };
        let all = events(&batch, &Reader::default());
        let ids: Vec<_> = all.iter().flatten().map(|event| event.id.clone()).collect();
        assert_eq!(
            ids,
            CUSTOMERS
                .map(|wallet| Uuid::new_v5(&Uuid::from_u128(7), wallet.as_bytes()).to_string())
        );
        assert!(all.iter().flatten().all(|event| event.version == 0));
        for (event, wallet) in all.iter().flatten().zip(&batch.wallets) {
            let data = PostingsMade::decode(event.data.as_ref().unwrap().value.as_slice()).unwrap();
            assert_eq!((&event.subject, &data.wallets), (&wallet.wallet, &vec![wallet.clone()]));
        }
        let of_one = events(&batch, &of(1));
        assert_eq!(of_one, [None, all[1].clone()], "an item of another customer leaves its place");
    }

    #[test]
    fn customers_are_shown_what_they_may_read() {
        let name = format!("tenants/acme/customers/{}", CUSTOMERS[0]);
        let changed = CustomerChanged {
            customer: Some(Customer { name: name.clone(), ..Customer::default() }),
        };
        let tenant = events(&changed, &Reader::default()).remove(0).unwrap();
        assert_eq!(
            (tenant.subject, tenant.customer, tenant.version),
            (name.clone(), name.clone(), 3)
        );
        assert!(
            tenant.data.is_some_and(|data| data
                .type_url
                .ends_with("/payterms.invoicing.v1.CustomerChanged"))
        );
        let as_customer = Reader { as_customer: true, ..of(0) };
        let public_event = events(&changed, &as_customer).remove(0).unwrap();
        assert_eq!((public_event.subject, public_event.data), (name.clone(), None));
        assert_eq!(events(&changed, &Reader { as_customer: true, ..of(1) }), [None]);
        let invoice =
            Invoice { name: format!("{name}/invoices/{}", CUSTOMERS[1]), ..Invoice::default() };
        let invoice = InvoiceChanged { invoice: Some(invoice) };
        assert!(events(&invoice, &as_customer)[0].is_some());
        assert_eq!(events(&invoice, &Reader { hides: true, ..as_customer }), [None]);
        assert!(
            events(&invoice, &Reader { hides: true, ..of(0) })[0].is_some(),
            "it is hidden from customers alone"
        );
    }

    #[test]
    fn an_event_that_is_read_again_has_the_same_bytes() {
        let labels = ('a'..='z').map(|label| (label.to_string(), label.to_string())).collect();
        let name = format!("tenants/acme/customers/{}", CUSTOMERS[0]);
        let changed =
            CustomerChanged { customer: Some(Customer { name, labels, ..Customer::default() }) };
        for _ in 0..2 {
            let read = events(&changed, &Reader::default()).remove(0).unwrap();
            assert_eq!(
                read.data.unwrap().value,
                changed.encode_to_vec(),
                "they are the bytes that were stored"
            );
        }
    }

    #[test]
    fn what_has_no_customer_is_the_tenants_and_what_names_nothing_is_shown_to_nobody() {
        let mail = MailChanged {
            mail: Some(Mail {
                name: format!("tenants/acme/mails/{}", CUSTOMERS[0]),
                ..Mail::default()
            }),
        };
        let shown = events(&mail, &Reader::default()).remove(0).unwrap();
        assert_eq!((shown.customer.as_str(), shown.data), ("", None));
        assert_eq!(events(&mail, &of(0)), [None]);
        assert_eq!(events(&MailChanged::default(), &Reader::default()), [None]);
    }
}
