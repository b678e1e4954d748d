//! What goes with each call of a caller, and what is noted of it.

use std::sync::{Arc, Mutex, PoisonError};
use tonic::{
    GrpcMethod, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};

/// Adds the token, and what the last write made where the caller wants to read it.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) token: MetadataValue<Ascii>,
    pub(crate) after: Option<MetadataValue<Ascii>>,
    pub(crate) service: Option<MetadataValue<Ascii>>,
    pub(crate) calls: Option<CallLog>,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.token.clone());
        if let Some(after) = &self.after {
            request.metadata_mut().insert("payterms-version", after.clone());
        }
        if let Some(service) = &self.service {
            request.metadata_mut().insert("payterms-service", service.clone());
        }
        if let (Some(calls), Some(method)) =
            (&self.calls, request.extensions().get::<GrpcMethod<'static>>())
        {
            calls.note(method.service(), method.method());
        }
        Ok(request)
    }
}

/// The methods that have been called, in their order: service and method.
#[derive(Debug, Clone, Default)]
pub struct CallLog(Arc<Mutex<Vec<(String, String)>>>);

impl CallLog {
    fn note(&self, service: &str, method: &str) {
        let service = service.rsplit('.').next().unwrap_or(service);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((service.to_owned(), method.to_owned()));
    }

    /// The methods since the last time, each once: what changed something, or else the last read. A
    /// clock's advance shows only where nothing else was done.
    #[must_use]
    pub fn take_methods(&self) -> String {
        let calls = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let is_read = |method: &str| {
            ["Get", "List", "Preview", "Download", "BackTest"]
                .iter()
                .any(|verb| method.starts_with(verb))
        };
        let is_clock = |service: &str| service == "TestClockService";
        let mut shown: Vec<_> = calls
            .iter()
            .filter(|(service, method)| !is_read(method) && !is_clock(service))
            .collect();
        if shown.is_empty() {
            let others = || calls.iter().rev();
            shown.extend(
                others().find(|(service, _)| is_clock(service)).or_else(|| others().next()),
            );
        }
        let mut seen = Vec::new();
        for (service, method) in shown {
            let call = format!("{service}/{method}");
            if !seen.contains(&call) {
                seen.push(call);
            }
        }
        seen.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::CallLog;

    #[test]
    fn what_changed_something_is_shown_once() {
        let log = CallLog::default();
        let note = |calls: &[(&str, &str)]| {
            for (service, method) in calls {
                log.note(&format!("payterms.x.v1.{service}"), method);
            }
        };
        note(&[
            ("TestClockService", "AdvanceTestClock"),
            ("A", "GetA"),
            ("A", "MakeA"),
            ("B", "EndB"),
            ("A", "MakeA"),
            ("A", "ListA"),
        ]);
        assert_eq!(log.take_methods(), "A/MakeA, B/EndB");
        note(&[("TestClockService", "AdvanceTestClock"), ("A", "GetA")]);
        assert_eq!(log.take_methods(), "TestClockService/AdvanceTestClock");
        note(&[("A", "GetA"), ("A", "ListA")]);
        assert_eq!(log.take_methods(), "A/ListA");
        assert_eq!(log.take_methods(), "");
    }
}
