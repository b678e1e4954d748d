//! Public events as CloudEvents in structured JSON.

use crate::wire::{catalogue::Catalogue, error::AppError};
use payterms_proto::common::v1::PublicEvent;
use prost_reflect::DynamicMessage;
use serde_json::{Map, Value};

/// The content type of a body.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The body of an event: the attributes of CloudEvents 1.0, those of ours as extensions, and the
/// event's message as the API shows it. The same event has the same bytes each time.
pub(super) fn body(event: &PublicEvent) -> Result<Vec<u8>, AppError> {
    let mut body = Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            body.insert(name.to_owned(), value.into());
        }
    };
    put("specversion", "1.0");
    put("id", &event.id);
    put("source", &event.source);
    put("type", &event.r#type);
    put("time", &event.time.map(|time| time.to_string()).unwrap_or_default());
    put("subject", &event.subject);
    put("tenant", &event.tenant);
    put("customer", &event.customer);
    if event.version > 0 {
        // As int64 is in JSON: a number there may lose digits.
        put("version", &event.version.to_string());
    }
    if let Some(data) = &event.data {
        let kind = Catalogue::shared()
            .get(&event.r#type)
            .ok_or_else(|| AppError::Fault(format!("an event {}", event.r#type)))?;
        let message = DynamicMessage::decode(kind.message().clone(), data.value.as_slice())?;
        put("datacontenttype", "application/json");
        let json = serde_json::to_value(&message)
            .map_err(|error| AppError::Fault(format!("an event is no JSON: {error}")))?;
        body.insert("data".to_owned(), json);
    }
    serde_json::to_vec(&Value::Object(body))
        .map_err(|error| AppError::Fault(format!("an event is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::body;
    use payterms_proto::{
        common::v1::PublicEvent,
        invoicing::v1::{Customer, CustomerChanged},
    };
    use prost::{Message, Name};
    use serde_json::{Value, json};

    #[test]
    fn an_event_is_a_cloud_event_with_the_resource_as_the_api_shows_it() {
        let name = "tenants/acme/customers/01993c7a-0000-7000-8000-000000000001";
        let changed = CustomerChanged {
            customer: Some(Customer { name: name.to_owned(), ..Customer::default() }),
        };
        let data = prost_types::Any { type_url: String::new(), value: changed.encode_to_vec() };
        let event = PublicEvent {
            id: "01993c7a-0000-7000-8000-000000000002".to_owned(),
            source: "invoicing".to_owned(),
            r#type: CustomerChanged::full_name(),
            time: Some(prost_types::Timestamp { seconds: 1_780_272_000, nanos: 0 }),
            tenant: "tenants/acme".to_owned(),
            customer: name.to_owned(),
            subject: name.to_owned(),
            version: 3,
            data: Some(data),
        };
        let json: Value = serde_json::from_slice(&body(&event).unwrap()).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": event.id, "source": "invoicing", "type": "payterms.invoicing.v1.CustomerChanged",
            "time": "2026-06-01T00:00:00Z", "subject": name, "tenant": "tenants/acme", "customer": name, "version": "3",
            "datacontenttype": "application/json", "data": { "customer": { "name": name } }
        });
        assert_eq!(json, expected);
        let named = PublicEvent { data: None, version: 0, customer: String::new(), ..event };
        let json: Value = serde_json::from_slice(&body(&named).unwrap()).unwrap();
        assert!(
            ["data", "datacontenttype", "version", "customer"]
                .iter()
                .all(|field| json.get(field).is_none()),
            "{json}"
        );
    }
}
