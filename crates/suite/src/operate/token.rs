//! `payterms token`: signs a token of a caller, for development and for who issues tokens without an identity provider.

use crate::start::signed_token;
use clap::Args;
use payterms_chassis::{access::PEER, call::Caller, production::DEVELOPMENT};
use payterms_gateway::identity::LONGEST_TOKEN_SECONDS;
use std::path::{Path, PathBuf};

/// The roles of callers: who has a customer, who has a tenant, who has neither.
const OF_CUSTOMERS: [&str; 3] = ["CUSTOMER_ADMIN", "BILLING_MANAGER", "MEMBER"];
const OF_TENANTS: [&str; 4] = ["OWNER", "ADMIN", "STAFF", "SERVICE"];
const OPERATOR: &str = "OPERATOR";
/// Keys that sign between the parts: what they sign says nothing of a caller.
const OF_PARTS: [&str; 5] = ["gateway", "wallet", "invoicing", "credit", "plans"];

/// Options of `token`.
#[derive(Debug, Args)]
#[command(
    about = "Signs a token of a caller and prints it: with the development key of the data folder, or with a key that `payterms keys make` \
             has made. Roles that could do nothing are refused",
    after_help = "Example: payterms token --role STAFF --tenant acme"
)]
pub struct TokenOptions {
    /// Role, such as STAFF; may be given several times.
    #[arg(long = "role", required = true)]
    pub roles: Vec<String>,
    /// Tenant slug; none for an OPERATOR.
    #[arg(long)]
    pub tenant: Option<String>,
    /// Id of the customer that a member acts for.
    #[arg(long)]
    pub customer: Option<uuid::Uuid>,
    /// Subject of the token; `dev:` and the first role if not given. Where two people are needed, two subjects are.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub subject: Option<String>,
    /// How long it lives; the gateway takes no longer ones.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(i64).range(1..=LONGEST_TOKEN_SECONDS))]
    pub seconds: i64,
    /// Folder of the key that signs it; `keys` in the data folder if not given.
    #[arg(long)]
    pub keys: Option<PathBuf>,
    /// Name of that key, which is the token's issuer.
    #[arg(long, default_value = DEVELOPMENT)]
    pub issuer: String,
}

/// The whole of the command: the token.
///
/// # Errors
/// All that is wrong with the caller, or a sentence that names the key.
pub fn mint(options: &TokenOptions, data: &Path) -> Result<String, String> {
    let faults = faults(options);
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    let tenant = options.tenant.as_deref().map(str::parse).transpose().map_err(|_| "the tenant is no slug".to_owned())?;
    let first_role = options.roles.first().map(|role| role.to_lowercase()).unwrap_or_default();
    let subject = options.subject.clone().unwrap_or_else(|| format!("dev:{first_role}"));
    let caller = Caller { subject, roles: options.roles.clone(), tenant, customer: options.customer, run_id: None };
    let keys = options.keys.clone().unwrap_or_else(|| data.join("keys"));
    signed_token(&keys, &options.issuer, &caller, options.seconds)
}

/// Why nothing could be done with such a token.
fn faults(options: &TokenOptions) -> Vec<String> {
    let mut faults = Vec::new();
    for role in &options.roles {
        if role == PEER {
            faults.push("PEER is the role of services among each other, and the gateway takes it from nobody".to_owned());
        } else if role != OPERATOR && !OF_TENANTS.contains(&role.as_str()) && !OF_CUSTOMERS.contains(&role.as_str()) {
            let roles = [&[OPERATOR][..], &OF_TENANTS, &OF_CUSTOMERS].concat().join(", ");
            faults.push(format!("there is no role {role}; use some of {roles}"));
        }
        let needs_customer = OF_CUSTOMERS.contains(&role.as_str());
        if needs_customer && options.customer.is_none() {
            faults.push(format!("{role} acts for a customer: write its id with --customer"));
        }
        if (needs_customer || OF_TENANTS.contains(&role.as_str())) && options.tenant.is_none() {
            faults.push(format!("{role} is of a tenant: write its slug with --tenant"));
        }
    }
    if OF_PARTS.contains(&options.issuer.as_str()) {
        let issuer = &options.issuer;
        faults.push(format!(
            "the key {issuer} signs between the parts, and the gateway takes no caller's token of it: name another --issuer"
        ));
    }
    if options.roles.iter().any(|role| role == OPERATOR) && (options.tenant.is_some() || options.customer.is_some()) {
        faults.push("an OPERATOR has no tenant and no customer, and reaches all: leave them out".to_owned());
    }
    faults.dedup();
    faults
}

#[cfg(test)]
mod tests {
    use super::{TokenOptions, faults};

    #[test]
    fn a_key_of_the_parts_signs_no_callers_token() {
        let of_wallet = TokenOptions { issuer: "wallet".to_owned(), ..options(&["STAFF"], Some("acme"), None) };
        let faults = faults(&of_wallet);
        assert!(faults.len() == 1 && faults[0].contains("the key wallet signs between the parts"), "{faults:?}");
    }

    fn options(roles: &[&str], tenant: Option<&str>, customer: Option<u128>) -> TokenOptions {
        TokenOptions {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            tenant: tenant.map(str::to_owned),
            customer: customer.map(uuid::Uuid::from_u128),
            subject: Some("ann".to_owned()),
            seconds: 60,
            keys: None,
            issuer: "development".to_owned(),
        }
    }

    #[test]
    fn a_caller_who_could_do_nothing_is_refused_with_all_that_is_wrong() {
        for (roles, tenant, customer) in [
            (&["OPERATOR"][..], None, None),
            (&["STAFF", "ADMIN"], Some("acme"), None),
            (&["SERVICE"], Some("acme"), None),
            (&["MEMBER"], Some("acme"), Some(1)),
        ] {
            assert_eq!(faults(&options(roles, tenant, customer)), Vec::<String>::new(), "{roles:?}");
        }
        for (roles, tenant, customer, wanted) in [
            (&["MEMBER"][..], None, None, &["--customer", "--tenant"][..]),
            (&["CUSTOMER_ADMIN"], Some("acme"), None, &["--customer"]),
            (&["STAFF"], None, None, &["--tenant"]),
            (&["OPERATOR"], Some("acme"), None, &["an OPERATOR has no tenant"]),
            (&["staff"], Some("acme"), None, &["there is no role staff; use some of OPERATOR"]),
            (&["PEER"], Some("acme"), None, &["takes it from nobody"]),
        ] {
            let faults = faults(&options(roles, tenant, customer));
            assert_eq!(faults.len(), wanted.len(), "{faults:?}");
            for (fault, wanted) in faults.iter().zip(wanted) {
                assert!(fault.contains(wanted), "{faults:?}");
            }
        }
    }
}
