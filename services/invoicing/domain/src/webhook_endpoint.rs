//! Endpoints of webhooks: where a tenant's events go, and what signs them (docs/webhooks.md).

use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Reason, Refusal};
use uuid::Uuid;

/// Endpoints of one tenant.
pub const MOST_ENDPOINTS: usize = 16;
/// Secrets that sign at once: the newest, and those before it that have not expired.
const MOST_SECRETS: usize = 5;

/// Whether an endpoint is delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    /// Events are delivered.
    Enabled,
    /// Nothing is delivered until it is enabled again.
    Disabled(DisabledReason),
}

/// Why nothing is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// A person has disabled it.
    ByPerson,
    /// It answered that it is gone.
    Gone,
    /// For three days nothing could be delivered.
    Failing,
}

impl EndpointState {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Enabled,
        Self::Disabled(DisabledReason::ByPerson),
        Self::Disabled(DisabledReason::Gone),
        Self::Disabled(DisabledReason::Failing),
    ];

    /// The name of the state and its reason.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled(DisabledReason::ByPerson) => "DISABLED_BY_PERSON",
            Self::Disabled(DisabledReason::Gone) => "DISABLED_GONE",
            Self::Disabled(DisabledReason::Failing) => "DISABLED_FAILING",
        }
    }
}

/// A secret that signs, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSecret {
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// The id of the request that made it, whose answer shows it.
    pub made_by: Uuid,
    /// Until when it signs, in the machine's time; none: until it is replaced.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a person says of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFields {
    /// Where requests go.
    pub url: String,
    /// Types of the events that are delivered; none: all.
    pub types: Vec<String>,
    /// What people read.
    pub description: String,
}

/// An address to which events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: Id<WebhookEndpoint>,
    /// What a person says of it.
    pub fields: EndpointFields,
    /// Whether it is delivered to.
    pub state: EndpointState,
    /// Counts how often it was enabled.
    pub generation: i64,
    /// What signs, the newest first.
    pub secrets: Vec<HeldSecret>,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl WebhookEndpoint {
    /// A new endpoint, which is delivered to.
    #[must_use]
    pub fn create(
        id: Id<Self>,
        fields: EndpointFields,
        sealed: Vec<u8>,
        made_by: Uuid,
        now: DateTime<Utc>,
    ) -> Self {
        let secrets = vec![HeldSecret { sealed, made_by, expires_at: None }];
        Self {
            id,
            fields,
            state: EndpointState::Enabled,
            generation: 1,
            secrets,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Changes what a person says of it.
    pub fn update(&mut self, change: impl FnOnce(&mut EndpointFields), now: DateTime<Utc>) {
        change(&mut self.fields);
        self.touch(now);
    }

    /// Delivers again; false where it is enabled already.
    pub fn enable(&mut self, now: DateTime<Utc>) -> bool {
        if self.state == EndpointState::Enabled {
            return false;
        }
        self.state = EndpointState::Enabled;
        self.generation = self.generation.saturating_add(1);
        self.touch(now);
        true
    }

    /// Holds deliveries back; false where it is disabled already.
    pub fn disable(&mut self, reason: DisabledReason, now: DateTime<Utc>) -> bool {
        if self.state != EndpointState::Enabled {
            return false;
        }
        self.state = EndpointState::Disabled(reason);
        self.touch(now);
        true
    }

    /// A service has given it up. What it met before the endpoint was enabled again disables
    /// nothing.
    pub fn fail(&mut self, generation: i64, reason: DisabledReason, now: DateTime<Utc>) -> bool {
        generation == self.generation && self.disable(reason, now)
    }

    /// Signs with another secret from now on. Those so far sign too until `old_until`, and none
    /// longer than it would have; `real` is the machine's time, by which secrets expire.
    pub fn rotate(
        &mut self,
        sealed: Vec<u8>,
        made_by: Uuid,
        old_until: DateTime<Utc>,
        real: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        for old in &mut self.secrets {
            old.expires_at = Some(old.expires_at.map_or(old_until, |until| until.min(old_until)));
        }
        self.secrets.retain(|old| old.expires_at.is_some_and(|until| until > real));
        self.secrets.insert(0, HeldSecret { sealed, made_by, expires_at: None });
        self.secrets.truncate(MOST_SECRETS);
        self.touch(now);
    }

    /// The secret that a request made; none once it signs no more.
    #[must_use]
    pub fn secret_of(&self, request: Uuid) -> Option<&HeldSecret> {
        self.secrets.iter().find(|held_secret| held_secret.made_by == request)
    }

    /// Until when a secret that was replaced signs too.
    #[must_use]
    pub fn old_secret_expires_at(&self, real: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.secrets
            .iter()
            .filter_map(|held_secret| held_secret.expires_at)
            .max()
            .filter(|until| *until > real)
    }

    /// Refuses where nothing is delivered.
    ///
    /// # Errors
    /// `WEBHOOK_ENDPOINT_DISABLED`.
    pub fn must_be_enabled(&self) -> Result<(), Refusal> {
        if self.state == EndpointState::Enabled {
            return Ok(());
        }
        Err(Refusal::precondition(
            Reason::WEBHOOK_ENDPOINT_DISABLED,
            "The endpoint is disabled. Enable it first.",
        ))
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now;
    }
}

/// Refuses one endpoint more than there can be.
///
/// # Errors
/// `TOO_MANY_WEBHOOK_ENDPOINTS`.
pub fn must_have_room(count: usize) -> Result<(), Refusal> {
    if count < MOST_ENDPOINTS {
        return Ok(());
    }
    let message =
        "The tenant has 16 endpoints. Delete one, or have one receiver distribute the events.";
    Err(Refusal::precondition(Reason::TOO_MANY_WEBHOOK_ENDPOINTS, message)
        .with("most", MOST_ENDPOINTS))
}

#[cfg(test)]
mod tests {
    use super::{
        DisabledReason, EndpointFields, EndpointState, MOST_ENDPOINTS, WebhookEndpoint,
        must_have_room,
    };
    use chrono::{DateTime, TimeDelta};
    use payterms_kernel::Id;
    use uuid::Uuid;

    fn endpoint() -> WebhookEndpoint {
        let fields = EndpointFields {
            url: "https://example.com".to_owned(),
            types: Vec::new(),
            description: String::new(),
        };
        WebhookEndpoint::create(
            Id::from_uuid(Uuid::max()),
            fields,
            vec![1],
            Uuid::nil(),
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_failure_of_an_earlier_generation_disables_nothing() {
        let (mut webhook_endpoint, now) = (endpoint(), DateTime::UNIX_EPOCH);
        assert!(
            webhook_endpoint.fail(1, DisabledReason::Gone, now)
                && !webhook_endpoint.fail(1, DisabledReason::Failing, now)
        );
        assert_eq!(webhook_endpoint.state, EndpointState::Disabled(DisabledReason::Gone));
        assert!(webhook_endpoint.must_be_enabled().is_err());
        assert!(webhook_endpoint.enable(now) && !webhook_endpoint.enable(now));
        assert!(!webhook_endpoint.fail(1, DisabledReason::Failing, now), "it was met before");
        assert!(
            webhook_endpoint.must_be_enabled().is_ok()
                && webhook_endpoint.fail(2, DisabledReason::Failing, now)
        );
        assert_eq!(webhook_endpoint.version, 4);
    }

    #[test]
    fn old_secrets_sign_until_they_expire_and_never_longer_than_they_would_have() {
        let (mut webhook_endpoint, start) = (endpoint(), DateTime::UNIX_EPOCH);
        let hours = |hours| start + TimeDelta::hours(hours);
        webhook_endpoint.rotate(vec![2], Uuid::from_u128(2), hours(24), start, start);
        webhook_endpoint.rotate(vec![3], Uuid::from_u128(3), hours(48), hours(1), hours(1));
        let held: Vec<_> = webhook_endpoint
            .secrets
            .iter()
            .map(|held_secret| (held_secret.sealed[0], held_secret.expires_at))
            .collect();
        assert_eq!(held, [(3, None), (2, Some(hours(48))), (1, Some(hours(24)))]);
        assert_eq!(
            (
                webhook_endpoint.old_secret_expires_at(hours(30)),
                webhook_endpoint.old_secret_expires_at(hours(48))
            ),
            (Some(hours(48)), None)
        );
        assert_eq!(webhook_endpoint.secret_of(Uuid::from_u128(2)).unwrap().sealed, [2]);
        webhook_endpoint.rotate(vec![4], Uuid::from_u128(4), hours(30), hours(30), hours(30));
        assert_eq!(webhook_endpoint.secret_of(Uuid::from_u128(2)), None);
        assert_eq!(webhook_endpoint.secrets.len(), 1, "a secret that leaked signs no more");
        for number in 5..20 {
            webhook_endpoint.rotate(
                vec![number],
                Uuid::from_u128(u128::from(number)),
                hours(100),
                hours(31),
                hours(31),
            );
        }
        assert_eq!(
            (webhook_endpoint.secrets.len(), webhook_endpoint.secrets[0].sealed[0]),
            (5, 19)
        );
    }

    #[test]
    fn a_tenant_has_so_many_endpoints_and_no_more() {
        assert!(
            must_have_room(MOST_ENDPOINTS - 1).is_ok() && must_have_room(MOST_ENDPOINTS).is_err()
        );
        for state in EndpointState::ALL {
            assert_eq!(
                EndpointState::ALL.iter().filter(|other| other.name() == state.name()).count(),
                1
            );
        }
    }
}
