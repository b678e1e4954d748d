//! `payterms token`: signs a token of a caller, for development and for who issues tokens without
//! an identity provider.

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
    /// The customer that a member acts for: its id, or its name `tenants/SLUG/customers/ID`.
    #[arg(long, value_parser = customer)]
    pub customer: Option<CustomerArgument>,
    /// Subject of the token; `dev:` and the first role if not given. Where two people are needed,
    /// two subjects are.
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

/// A customer as it is written on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerArgument {
    /// The tenant of its name, where the name was written.
    tenant: Option<String>,
    id: uuid::Uuid,
}

fn customer(text: &str) -> Result<CustomerArgument, String> {
    let parts: Vec<_> = text.split('/').collect();
    let (tenant, id) = match parts.as_slice() {
        [id] => (None, *id),
        ["tenants", tenant, "customers", id] => (Some((*tenant).to_owned()), *id),
        _ => (None, ""),
    };
    let id = id
        .parse()
        .map_err(|_| "write its id, a UUID, or its name tenants/SLUG/customers/ID".to_owned())?;
    Ok(CustomerArgument { tenant, id })
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
    let tenant = tenant(options)
        .map(str::parse)
        .transpose()
        .map_err(|_| "the tenant is no slug".to_owned())?;
    let first_role = options.roles.first().map(|role| role.to_lowercase()).unwrap_or_default();
    let subject = options.subject.clone().unwrap_or_else(|| format!("dev:{first_role}"));
    let caller = Caller {
        subject,
        roles: options.roles.clone(),
        tenant,
        customer: options.customer.as_ref().map(|customer| customer.id),
        run_id: None,
    };
    let keys = options.keys.clone().unwrap_or_else(|| data.join("keys"));
    signed_token(&keys, &options.issuer, &caller, options.seconds)
}

/// The tenant: as it was written, or as the customer's name has it.
fn tenant(options: &TokenOptions) -> Option<&str> {
    options.tenant.as_deref().or_else(|| options.customer.as_ref()?.tenant.as_deref())
}

/// Why nothing could be done with such a token.
fn faults(options: &TokenOptions) -> Vec<String> {
    let mut faults = Vec::new();
    for role in &options.roles {
        if role == PEER {
            faults.push("PEER is the role of services among each other, and the gateway takes it from nobody".to_owned());
        } else if role != OPERATOR
            && !OF_TENANTS.contains(&role.as_str())
            && !OF_CUSTOMERS.contains(&role.as_str())
        {
            let roles = [&[OPERATOR][..], &OF_TENANTS, &OF_CUSTOMERS].concat().join(", ");
            faults.push(format!("there is no role {role}; use some of {roles}"));
        }
        let needs_customer = OF_CUSTOMERS.contains(&role.as_str());
        if needs_customer && options.customer.is_none() {
            faults.push(format!("{role} acts for a customer: write its id with --customer"));
        }
        if (needs_customer || OF_TENANTS.contains(&role.as_str())) && tenant(options).is_none() {
            faults.push(format!("{role} is of a tenant: write its slug with --tenant"));
        }
    }
    let named = options.customer.as_ref().and_then(|customer| customer.tenant.as_deref());
    if let (Some(tenant), Some(named)) = (options.tenant.as_deref(), named)
        && tenant != named
    {
        faults.push(format!(
            "--customer is of the tenant {named}, and --tenant is {tenant}: leave --tenant out, or name a customer of {tenant}"
        ));
    }
    if OF_PARTS.contains(&options.issuer.as_str()) {
        let issuer = &options.issuer;
        faults.push(format!(
            "the key {issuer} signs between the parts, and the gateway takes no caller's token of it: name another --issuer"
        ));
    }
    if options.roles.iter().any(|role| role == OPERATOR)
        && (options.tenant.is_some() || options.customer.is_some())
    {
        faults.push(
            "an OPERATOR has no tenant and no customer, and reaches all: leave them out".to_owned(),
        );
    }
    faults.dedup();
    faults
}

#[cfg(test)]
mod tests {
    use super::{TokenOptions, faults};

    #[test]
    fn a_key_of_the_parts_signs_no_callers_token() {
        let of_wallet =
            TokenOptions { issuer: "wallet".to_owned(), ..options(&["STAFF"], Some("acme"), None) };
        let faults = faults(&of_wallet);
        assert!(
            faults.len() == 1 && faults[0].contains("the key wallet signs between the parts"),
            "{faults:?}"
        );
    }

    fn options(roles: &[&str], tenant: Option<&str>, customer: Option<u128>) -> TokenOptions {
        TokenOptions {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            tenant: tenant.map(str::to_owned),
            customer: customer
                .map(|id| super::CustomerArgument { tenant: None, id: uuid::Uuid::from_u128(id) }),
            subject: Some("ann".to_owned()),
            seconds: 60,
            keys: None,
            issuer: "development".to_owned(),
        }
    }

    #[test]
    fn a_customer_is_written_by_id_or_by_name() {
        let id = "0199f0a2-5e3b-7c11-9d2e-3f6a1b2c3d4e";
        let named = super::customer(&format!("tenants/acme/customers/{id}")).unwrap();
        assert_eq!(
            (named.id, super::customer(id).unwrap().id),
            (id.parse().unwrap(), id.parse().unwrap())
        );
        let of_name = |tenant| TokenOptions {
            customer: Some(named.clone()),
            ..options(&["MEMBER"], tenant, None)
        };
        assert_eq!(super::tenant(&of_name(None)), Some("acme"));
        assert_eq!(
            (faults(&of_name(None)), faults(&of_name(Some("acme")))),
            (Vec::new(), Vec::new())
        );
        assert!(
            faults(&of_name(Some("other")))[0]
                .contains("--customer is of the tenant acme, and --tenant is other")
        );
        let wallet = format!("tenants/acme/customers/{id}/wallets/{id}");
        for wrong in ["", "acme", "tenants/acme/customers/", &wallet] {
            assert!(super::customer(wrong).unwrap_err().starts_with("write its id"), "{wrong}");
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
            assert_eq!(
                faults(&options(roles, tenant, customer)),
                Vec::<String>::new(),
                "{roles:?}"
            );
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
