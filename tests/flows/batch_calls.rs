//! Items of the batched path, beneath the transport, by a clock that the test turns.

use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::call::{Call, Caller};
use payterms_kernel::{Clock, Currency, Money, TenantId};
use payterms_wallet::commands::batch::{BatchCommand, BatchItem};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

pub fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

/// A machine's clock that the test sets.
#[derive(Debug, Clone)]
pub struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Default for Hand {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(DateTime::from_timestamp(1_767_225_600, 0).unwrap())))
    }
}

impl Hand {
    pub fn turn(&self, on: TimeDelta) {
        *self.0.lock().unwrap() += on;
    }
}

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub fn call(tenant: &TenantId, id: Uuid, subject: &str) -> Call {
    let caller = Caller {
        subject: subject.to_owned(),
        roles: Vec::new(),
        tenant: Some(tenant.clone()),
        customer: None,
        run_id: None,
    };
    Call {
        caller,
        tenant: tenant.clone(),
        request_id: id,
        method: "/mix".to_owned(),
        input_hash: vec![1],
        caused_by: None,
        validate_only: false,
    }
}

pub fn item(tenant: &TenantId, id: Uuid, command: BatchCommand) -> BatchItem {
    let input_hash = format!("{command:?}").into_bytes();
    BatchItem { call: Call { input_hash, ..call(tenant, id, "backend") }, command }
}
