//! What a person reads at the start: where things are, what the tenant has, a token for each role,
//! and lines that show it. All of it can be pasted into a shell at once.

use crate::{
    Session, Suite,
    sandbox::{self, STORY, Sandbox},
};
use payterms_chassis::call::Caller;
use std::path::Path;

/// The tenant that a suite opens.
const TENANT: &str = "acme";
/// How long the tokens of the banner live.
const HOURS: i64 = 12;
/// The roles that it has tokens for.
const ROLES: [&str; 8] = [
    "OPERATOR",
    "OWNER",
    "ADMIN",
    "STAFF",
    "SERVICE",
    "CUSTOMER_ADMIN",
    "BILLING_MANAGER",
    "MEMBER",
];

/// What the tenant of the banner has.
#[derive(Debug)]
pub enum Opened {
    /// Its tax rules and one customer: where the guides begin.
    Bare {
        /// Name of the customer.
        customer: String,
        /// Why it has no more, where it was to have.
        why: Option<String>,
    },
    /// All that a sandbox has.
    Ready(Sandbox),
}

impl Opened {
    /// The names that the lines use.
    fn exports(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Bare { customer, .. } => vec![("C", customer)],
            Self::Ready(sandbox) => sandbox.exports(),
        }
    }

    fn customer(&self) -> &str {
        match self {
            Self::Bare { customer, .. } => customer,
            Self::Ready(sandbox) => &sandbox.customer,
        }
    }
}

/// Where a suite keeps what it has.
#[derive(Debug)]
pub struct Places<'a> {
    /// Folder of keys and databases.
    pub data: &'a Path,
    /// True where it goes with the process.
    pub ephemeral: bool,
    /// Where mails go, unless it is the folder `mail` there.
    pub mail: Option<&'a str>,
}

/// Opens the tenant, ready for everything, or bare. A tenant that cannot be made ready, such as one
/// that was suspended since, does not keep the suite from serving.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn open(suite: &Suite, bare: bool) -> Result<Opened, String> {
    let session = |caller: &Caller| Session::new(suite.gateway, &suite.token(caller, 60)?);
    sandbox::open(&session(&person("OPERATOR", None))?, TENANT).await?;
    let owner = session(&person("OWNER", None))?;
    let why = if bare {
        None
    } else {
        match Box::pin(sandbox::furnish(&owner, TENANT)).await {
            Ok(sandbox) => return Ok(Opened::Ready(sandbox)),
            Err(why) => Some(why),
        }
    };
    Ok(Opened::Bare { customer: sandbox::customer(&owner, TENANT).await?, why })
}

/// A person of the tenant in one role.
fn person(role: &str, customer: Option<&str>) -> Caller {
    let customer = customer.and_then(|name| name.rsplit('/').next()).and_then(|id| id.parse().ok());
    let tenant = (role != "OPERATOR").then(|| TENANT.parse().ok()).flatten();
    Caller {
        subject: format!("dev:{}", role.to_lowercase()),
        roles: vec![role.to_owned()],
        tenant,
        customer,
        run_id: None,
    }
}

/// The banner.
///
/// # Errors
/// A sentence if a token cannot be signed.
pub fn text(suite: &Suite, opened: &Opened, places: &Places<'_>) -> Result<String, String> {
    let gateway = suite.gateway;
    let (data, kept) =
        (places.data.display(), if places.ephemeral { " (gone with the process)" } else { "" });
    let mail = places.mail.map_or_else(
        || format!("{}, a file each", places.data.join("mail").display()),
        payterms_kernel::text::without_passwords,
    );
    let has = match opened {
        Opened::Ready(_) => "Brightside Ltd: a card, a wallet in USD, an invoice to pay",
        Opened::Bare { .. } => "Brightside Ltd; the guides do the rest",
    };
    let mut lines = vec![
        format!("# Payterms serves on {gateway}: gRPC, and JSON over HTTP, without TLS."),
        "#".to_owned(),
        format!("#   Tenant    tenants/{TENANT}, a sandbox in Sydney"),
        format!("#   Customer  {has}"),
        format!("#   Data      {data}{kept}"),
        format!("#   Mails     {mail}"),
        "#   Docs      README.md, docs/guides/README.md, docs/reference.md".to_owned(),
        format!("#   Contract  http://{gateway}/openapi.json"),
        format!("#             grpcurl -plaintext {gateway} list"),
        format!("#   Pages     http://{gateway}/simulator/…, where cards are saved"),
        "#".to_owned(),
        format!("# Paste all of this into bash. The tokens are good for {HOURS} hours."),
        format!("export GATEWAY=http://{gateway}"),
    ];
    if let Opened::Bare { why: Some(why), .. } = opened {
        lines.push(format!("# The tenant is not ready for everything. {}", why.replace('\n', " ")));
    }
    lines.extend(opened.exports().iter().map(|(name, value)| format!("export {name}={value}")));
    for role in ROLES {
        let of_customer = matches!(role, "CUSTOMER_ADMIN" | "BILLING_MANAGER" | "MEMBER");
        let token =
            suite.token(&person(role, of_customer.then_some(opened.customer())), HOURS * 3_600)?;
        lines.push(format!("export {role}={token}"));
    }
    if matches!(opened, Opened::Ready(_)) {
        lines.push(format!("\n# Pay now, pay ahead, pay later, pay in parts, with curl:\n{STORY}"));
    }
    Ok(lines.join("\n") + "\n")
}
