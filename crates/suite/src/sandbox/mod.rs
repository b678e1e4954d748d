//! What a sandbox tenant needs for everything to be tried at once: `cargo run` opens one so,
//! `payterms seed` makes any sandbox tenant so. All of it goes through the public methods, as
//! anybody's calls would.
//!
//! Seeding again changes nothing that is there. What is made has a request id that is made of the
//! tenant and of what was there before, so that two who seed at once make one; settings are changed
//! by the version that was read.

mod offers;
mod people;

use crate::Session;
use tonic::{Code, Response, Status};
use uuid::Uuid;

pub use people::{customer, open};

/// The lines that show it: those of the banner and of the README.
pub const STORY: &str = include_str!("../../sandbox/story.sh");

/// Currency of what is seeded.
const CURRENCY: &str = "USD";
/// Where the ids of seeding requests come from.
const NAMESPACE: Uuid = Uuid::from_u128(0x5ee0_a1a2_0000_4000_8000_0000_0000_0000);
/// How often a call is made that waits for a copy of what another service has made. Each call waits
/// itself; on a busy machine the copy may take longer.
const ATTEMPTS: u32 = 10;

/// What a seeded tenant has, by name.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The customer, with a whole profile and a card.
    pub customer: String,
    /// Its wallet.
    pub wallet: String,
    /// An invoice of which nothing is paid, and which nothing blocks.
    pub invoice: String,
    /// A programme under which the customer may apply for a credit line.
    pub programme: String,
}

impl Sandbox {
    /// The names as the story's lines call them.
    #[must_use]
    pub fn exports(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("C", &self.customer),
            ("W", &self.wallet),
            ("INVOICE", &self.invoice),
            ("PROGRAMME", &self.programme),
        ]
    }
}

/// Makes a sandbox tenant ready, as its OWNER: tax rules, the payment provider with prepayment, a
/// customer with a card and a wallet, an open invoice, a programme, plans. What is there stays.
///
/// # Errors
/// A sentence that says which call failed, or that the tenant is no sandbox.
pub async fn furnish(owner: &Session, tenant: &str) -> Result<Sandbox, String> {
    people::complete_tenant(owner, tenant).await?;
    let customer = people::customer(owner, tenant).await?;
    people::complete_profile(owner, tenant, &customer).await?;
    let ((), wallet, invoice, programme, ()) = tokio::try_join!(
        people::save_card(owner, tenant, &customer),
        offers::wallet(owner, tenant, &customer),
        offers::open_invoice(owner, tenant, &customer),
        offers::programme(owner, tenant),
        offers::allow_plans(owner, tenant),
    )?;
    Ok(Sandbox { customer, wallet, invoice, programme })
}

/// The request id of one step of seeding a tenant.
fn step(tenant: &str, step: &str) -> String {
    Uuid::new_v5(&NAMESPACE, format!("{tenant}/{step}").as_bytes()).to_string()
}

/// Calls until the service has its copy of what the call is about. The error names the method.
async fn patient<T>(
    method: &str,
    call: impl AsyncFn() -> Result<Response<T>, Status>,
) -> Result<T, String> {
    let mut attempt = 1;
    loop {
        match call().await {
            Err(status) if status.code() == Code::Unavailable && attempt < ATTEMPTS => attempt += 1,
            answer => {
                return answer
                    .map(Response::into_inner)
                    .map_err(|status| crate::operate::sentence_of(method, &status));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn a_step_has_one_id_in_each_tenant() {
        assert_eq!(step("acme", "wallet"), step("acme", "wallet"));
        assert_ne!(step("acme", "wallet"), step("acme", "invoice"));
        assert_ne!(step("acme", "wallet"), step("other", "wallet"));
    }
}
