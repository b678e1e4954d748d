//! One call: its caller, the scope of its permission, and the request id that identifies a write.

use crate::wire::error::AppError;
use payterms_kernel::{Refusal, TenantId, id::step_id};
use tonic::Extensions;
use uuid::Uuid;

/// The caller, according to the verified token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The token's subject. Nothing else about a person is stored.
    pub subject: String,
    /// The caller's roles, such as `STAFF`.
    pub roles: Vec<String>,
    /// The caller's tenant; `None` for an OPERATOR.
    pub tenant: Option<TenantId>,
    /// The customer that a member acts for.
    pub customer: Option<Uuid>,
    /// The run of the test clock to which the call belongs, if there is one.
    pub run_id: Option<String>,
}

impl Caller {
    /// Whether the caller has a role.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|assigned| assigned == role)
    }

    /// The service itself, for work that no caller requested.
    #[must_use]
    pub fn service(name: &str, tenant: &TenantId, run_id: Option<String>) -> Self {
        Self {
            subject: format!("service:{name}"),
            roles: vec!["PEER".to_owned()],
            tenant: Some(tenant.clone()),
            customer: None,
            run_id,
        }
    }
}

/// How far a role's permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// The member's own customer.
    OwnCustomer,
    /// The whole tenant.
    Tenant,
}

/// The result of the access layer: the caller, the grant of the access table, and the method.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The caller.
    pub caller: Caller,
    /// The whole tenant, or the caller's own customer.
    pub grant: Grant,
    /// Full path of the method.
    pub method: String,
    /// The service whose key signed the token; empty for the gateway's own methods.
    pub issuer: String,
}

impl Scope {
    /// The scope that the access layer stored in the request.
    ///
    /// # Errors
    /// `Fault` if there is none, because the method is not behind the layer.
    pub fn of(extensions: &Extensions) -> Result<Self, AppError> {
        extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| AppError::Fault("a request came past the access layer".to_owned()))
    }

    /// Whether the caller may see this tenant and, if one is given, this customer.
    #[must_use]
    pub fn covers(&self, tenant: &TenantId, customer: Option<Uuid>) -> bool {
        let covers_tenant = match &self.caller.tenant {
            Some(assigned) => assigned == tenant,
            None => self.caller.has("OPERATOR"),
        };
        let covers_customer = match self.grant {
            Grant::Tenant => true,
            Grant::OwnCustomer => customer.is_some() && self.caller.customer == customer,
        };
        covers_tenant && covers_customer
    }

    /// The caller's tenant.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND` for an OPERATOR, who has none.
    pub fn tenant(&self) -> Result<TenantId, AppError> {
        self.caller.tenant.clone().ok_or_else(|| Refusal::not_found().into())
    }
}

/// A write: the id that identifies it, and the caller who is recorded as its author.
#[derive(Debug, Clone)]
pub struct Call {
    /// The caller.
    pub caller: Caller,
    /// The tenant whose data is written.
    pub tenant: TenantId,
    /// The request id: the same id never has two effects.
    pub request_id: Uuid,
    /// Full path of the method, or the name of the job or event that is the cause.
    pub method: String,
    /// SHA-256 of the request: the same id with other content is refused.
    pub input_hash: Vec<u8>,
    /// The intent or event that caused a write that no caller requested.
    pub caused_by: Option<Uuid>,
    /// Whether it is only checked: its transaction is rolled back where it would be committed.
    pub validate_only: bool,
}

impl Call {
    /// A write that no caller requested. Its id derives from the cause, so that a retry has the
    /// same id.
    #[must_use]
    pub fn internal(
        service: &str,
        tenant: &TenantId,
        cause: &str,
        intent: Uuid,
        run_id: Option<String>,
    ) -> Self {
        Self {
            caller: Caller::service(service, tenant, run_id),
            tenant: tenant.clone(),
            request_id: step_id(intent, cause),
            method: cause.to_owned(),
            input_hash: Vec::new(),
            caused_by: Some(intent),
            validate_only: false,
        }
    }

    /// A step of a flow that this call began: the same actor, with a request id of its own.
    #[must_use]
    pub fn step(&self, intent: Uuid, step: &str) -> Self {
        Self {
            request_id: step_id(intent, step),
            method: step.to_owned(),
            input_hash: Vec::new(),
            ..self.clone()
        }
    }
}
