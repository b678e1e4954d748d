//! What goes with each call of a caller.

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};

/// Adds the token, and what the last write made where the caller wants to read it.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) token: MetadataValue<Ascii>,
    pub(crate) after: Option<MetadataValue<Ascii>>,
    pub(crate) service: Option<MetadataValue<Ascii>>,
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
        Ok(request)
    }
}
