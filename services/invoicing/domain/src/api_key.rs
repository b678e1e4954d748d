//! API keys: by which a tenant's programs call the suite (docs/authentication.md). A key may do no
//! more than who made it; its secrets are known here by their hashes alone.

use crate::customer::Customer;
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, Kind, Reason, Refusal, Violation};

/// Active keys of a tenant at most.
pub const MOST_KEYS: usize = 100;
/// Secrets of a key that are valid at once: the newest, and those that it replaces.
pub const MOST_SECRETS: usize = 4;
/// For how long secrets may be valid beside a newer one.
pub const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(30);

/// A role in which a key calls (docs/domain/README.md#who-takes-part).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Of the tenant.
    Owner,
    /// Of the tenant.
    Admin,
    /// Of the tenant.
    Staff,
    /// The tenant's backend.
    Service,
    /// Of a customer.
    CustomerAdmin,
    /// Of a customer.
    BillingManager,
    /// Of a customer.
    Member,
}

payterms_kernel::names! {
    /// The name of the role, as tokens have it.
    Role {
        Owner = "OWNER",
        Admin = "ADMIN",
        Staff = "STAFF",
        Service = "SERVICE",
        CustomerAdmin = "CUSTOMER_ADMIN",
        BillingManager = "BILLING_MANAGER",
        Member = "MEMBER",
    }
}

impl Role {
    /// Whether it is a role of a customer.
    #[must_use]
    pub fn is_of_customer(self) -> bool {
        matches!(self, Self::CustomerAdmin | Self::BillingManager | Self::Member)
    }

    /// Whether who has these roles may give it.
    fn may_be_given(self, by: &[String]) -> bool {
        by.iter().any(|role| {
            role == Self::Owner.name() || role == Self::Admin.name() && self != Self::Owner
        })
    }
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyState {
    /// It can be used.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ApiKeyState { Active = "ACTIVE", Expired = "EXPIRED", Revoked = "REVOKED" }
}

/// A secret of a key, of which nobody can make the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// Its last four characters.
    pub last_four: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends because of a newer one; none: with the key.
    pub ends_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret(…{})", self.last_four)
    }
}

impl Secret {
    fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// In which roles it calls; of a tenant, or of a customer.
    pub roles: Vec<Role>,
    /// Which methods it may call; empty: all that its roles allow.
    pub methods: Vec<String>,
    /// The customer that it acts for.
    pub customer: Option<Id<Customer>>,
}

impl Permission {
    /// Refuses roles that who has the roles `by` may not give.
    ///
    /// # Errors
    /// `ROLE_NOT_GRANTED`.
    pub fn must_be_given(&self, by: &[String]) -> Result<(), Refusal> {
        let more: Vec<_> = self
            .roles
            .iter()
            .filter(|role| !role.may_be_given(by))
            .map(|role| role.name())
            .collect();
        if more.is_empty() {
            return Ok(());
        }
        let roles = more.join(", ");
        let message = format!(
            "A key may do no more than who makes it: you may not give {roles}. Leave it out, or ask an owner."
        );
        Err(Refusal::new(Kind::Denied, Reason::ROLE_NOT_GRANTED, message).with("roles", roles))
    }
}

/// Refuses an end that is over already, or more than `longest` ahead. Keys live by the machine's
/// clock, as tokens do.
///
/// # Errors
/// `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub fn check_end(
    field: &str,
    end: Option<DateTime<Utc>>,
    longest: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let violation = |reason, description: &str| {
        let violation =
            Violation { field: field.to_owned(), reason, description: description.to_owned() };
        Err(Refusal::invalid(vec![violation]))
    };
    let Some(ahead) = end.map(|end| end - now) else { return Ok(()) };
    if ahead <= TimeDelta::zero() {
        return violation(Reason::TIME_IN_PAST, "Name an instant that is still to come.");
    }
    if longest.is_some_and(|longest| ahead > longest) {
        return violation(Reason::TIME_OUT_OF_RANGE, "Name an instant within 30 days.");
    }
    Ok(())
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: Id<ApiKey>,
    /// What it is for.
    pub display_name: String,
    /// What it may do.
    pub permission: Permission,
    /// When it ends; none: it does not.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its secrets, oldest first, with those that have ended.
    pub secrets: Vec<Secret>,
    /// Who made it, as their token names them.
    pub created_by: String,
    /// When it was last used, roughly.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Counts its changes.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl ApiKey {
    /// Where it is.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> ApiKeyState {
        if self.revoked_at.is_some() {
            ApiKeyState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            ApiKeyState::Expired
        } else {
            ApiKeyState::Active
        }
    }

    /// When a secret ends, by a newer one or with the key; none: it does not.
    #[must_use]
    pub fn end_of(&self, secret: &Secret) -> Option<DateTime<Utc>> {
        self.expires_at.into_iter().chain(secret.ends_at).min()
    }

    /// Adds a secret. Those of before end at `until`, or now.
    ///
    /// # Errors
    /// `API_KEY_STATE` unless it is active, and where too many secrets would be valid; those of
    /// [`check_end`].
    pub fn rotate(
        &mut self,
        secret: Secret,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let state = self.state(now);
        if state != ApiKeyState::Active {
            return Err(Refusal::state(Reason::API_KEY_STATE, "The key", state.name(), &[]));
        }
        check_end("previous_expire_time", until, Some(LONGEST_OVERLAP), now)?;
        let end = until.unwrap_or(now);
        for previous in &mut self.secrets {
            previous.ends_at = Some(previous.ends_at.map_or(end, |earlier| earlier.min(end)));
        }
        if self.secrets.iter().filter(|previous| previous.is_valid(now)).count() >= MOST_SECRETS {
            let message = format!(
                "{MOST_SECRETS} secrets of the key are valid. Wait until one ends, or end them by leaving previous_expire_time out."
            );
            return Err(Refusal::precondition(Reason::API_KEY_STATE, message)
                .with("state", state.name())
                .with("allowed", "RevokeApiKey"));
        }
        self.secrets.push(secret);
        self.change(now);
        Ok(())
    }

    /// Ends it with all its secrets.
    ///
    /// # Errors
    /// `API_KEY_STATE` where it was revoked.
    pub fn revoke(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.revoked_at.is_some() {
            return Err(Refusal::state(
                Reason::API_KEY_STATE,
                "The key",
                ApiKeyState::Revoked.name(),
                &[],
            ));
        }
        self.revoked_at = Some(now);
        self.change(now);
        Ok(())
    }

    fn change(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiKey, ApiKeyState, MOST_SECRETS, Permission, Role, Secret, check_end};
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Id;
    use payterms_kernel::Reason;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn hours(count: i64) -> DateTime<Utc> {
        NOW + TimeDelta::hours(count)
    }

    fn secret(number: u8, at: DateTime<Utc>) -> Secret {
        Secret {
            hash: [number; 32],
            last_four: format!("000{number}"),
            created_at: at,
            ends_at: None,
        }
    }

    fn key() -> ApiKey {
        ApiKey {
            id: Id::from_uuid(uuid::Uuid::from_u128(1)),
            display_name: "Backend".into(),
            permission: Permission { roles: vec![Role::Service], methods: vec![], customer: None },
            expires_at: Some(hours(100)),
            secrets: vec![secret(1, NOW)],
            created_by: "ann".into(),
            last_used_at: None,
            revoked_at: None,
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let given = |roles: &[Role], by: &str| {
            Permission { roles: roles.to_vec(), methods: vec![], customer: None }
                .must_be_given(&[by.to_owned()])
                .map_err(|no| no.metadata)
        };
        for role in Role::ALL {
            assert_eq!(given(&[role], "OWNER"), Ok(()));
            assert_eq!(given(&[role], "ADMIN").is_ok(), role != Role::Owner);
            for by in ["STAFF", "SERVICE", "OPERATOR", "CUSTOMER_ADMIN"] {
                assert!(given(&[role], by).is_err());
            }
        }
        assert_eq!(
            given(&[Role::Staff, Role::Owner], "ADMIN"),
            Err(vec![("roles", "OWNER".to_owned())])
        );
    }

    #[test]
    fn a_secret_is_valid_beside_the_next_until_it_was_said_to_end() {
        let mut api_key = key();
        api_key.rotate(secret(2, hours(1)), Some(hours(10)), hours(1)).unwrap();
        let ends = |api_key: &ApiKey| {
            api_key.secrets.iter().map(|secret| api_key.end_of(secret)).collect::<Vec<_>>()
        };
        assert_eq!(ends(&api_key), [Some(hours(10)), Some(hours(100))]);
        // One more does not keep the first one longer.
        api_key.rotate(secret(3, hours(2)), Some(hours(20)), hours(2)).unwrap();
        assert_eq!(ends(&api_key), [Some(hours(10)), Some(hours(20)), Some(hours(100))]);
        // After a theft all end.
        api_key.rotate(secret(4, hours(3)), None, hours(3)).unwrap();
        assert_eq!(
            ends(&api_key),
            [Some(hours(3)), Some(hours(3)), Some(hours(3)), Some(hours(100))]
        );
        assert_eq!((api_key.version, api_key.updated_at), (4, hours(3)));
    }

    #[test]
    fn an_end_is_ahead_and_an_overlap_short() {
        let rotate = |until| {
            key().rotate(secret(2, hours(1)), Some(until), hours(1)).map_err(|no| no.reason)
        };
        assert_eq!(rotate(hours(1)), Err(Reason::TIME_IN_PAST));
        assert_eq!(rotate(hours(1 + 30 * 24)), Ok(()));
        assert_eq!(rotate(hours(2 + 30 * 24)), Err(Reason::TIME_OUT_OF_RANGE));
        assert_eq!(check_end("expire_time", Some(hours(9_000)), None, NOW), Ok(()));
        assert_eq!(check_end("expire_time", None, None, NOW), Ok(()));
    }

    #[test]
    fn few_secrets_are_valid_at_once() {
        let mut api_key = key();
        for number in 2..=4 {
            api_key.rotate(secret(number, NOW), Some(hours(10)), NOW).unwrap();
        }
        assert_eq!(api_key.secrets.len(), MOST_SECRETS);
        let refused = api_key.clone().rotate(secret(5, NOW), Some(hours(10)), NOW).unwrap_err();
        assert_eq!(refused.reason, Reason::API_KEY_STATE);
        api_key.clone().rotate(secret(5, NOW), None, NOW).unwrap();
        api_key.rotate(secret(5, hours(10)), Some(hours(12)), hours(10)).unwrap();
    }

    #[test]
    fn a_key_ends_by_time_or_by_hand_and_is_revoked_once() {
        let mut api_key = key();
        assert_eq!(
            (api_key.state(hours(99)), api_key.state(hours(100))),
            (ApiKeyState::Active, ApiKeyState::Expired)
        );
        assert_eq!(
            api_key.clone().rotate(secret(2, hours(100)), None, hours(100)).unwrap_err().reason,
            Reason::API_KEY_STATE
        );
        api_key.revoke(hours(1)).unwrap();
        assert_eq!(
            (api_key.state(hours(1)), api_key.state(hours(100))),
            (ApiKeyState::Revoked, ApiKeyState::Revoked)
        );
        assert_eq!(api_key.revoke(hours(2)).unwrap_err().reason, Reason::API_KEY_STATE);
        assert_eq!(
            api_key.rotate(secret(2, hours(2)), None, hours(2)).unwrap_err().reason,
            Reason::API_KEY_STATE
        );
    }
}
