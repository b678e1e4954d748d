//! Where the keys of callers' tokens come from: a file, which is read again when it changes, or the
//! address at which an issuer publishes them.

use super::{fetched::KeysAtUrl, key_set::Keys, key_set::parse};
use clap::Args;
use payterms_chassis::{key_file::KeyFile, production::Objections};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Where the keys of callers' tokens are.
#[derive(Debug, Clone, Args)]
pub struct KeyOptions {
    /// File with the public keys (JWKS) of those who issue callers' tokens. It is read again when
    /// it changes.
    #[arg(long, env = "PAYTERMS_JWKS", default_value = "keys/jwks.json")]
    pub jwks: PathBuf,
    /// The issuer's address in the place of the file.
    #[command(flatten)]
    pub address: KeyAddressOptions,
}

/// The address at which the issuer of callers' tokens publishes its keys, and how it is read: the
/// same for the gateway and for the suite in one process.
#[derive(Debug, Clone, Args)]
pub struct KeyAddressOptions {
    /// Address at which the issuer of callers' tokens publishes its public keys (JWKS), instead of
    /// a file. It begins with `https`, or in development with `http`; redirections are not
    /// followed.
    #[arg(long, env = "PAYTERMS_JWKS_URL", conflicts_with = "jwks")]
    pub jwks_url: Option<String>,
    /// File with the authorities (PEM) of the certificate at that address; those that browsers know
    /// if not given.
    #[arg(long, env = "PAYTERMS_JWKS_CA", requires = "jwks_url")]
    pub jwks_ca: Option<PathBuf>,
    /// Seconds between two readings of that address. A key that is taken away there is refused
    /// after this long.
    #[arg(long, env = "PAYTERMS_JWKS_EVERY_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=30))]
    pub jwks_every_seconds: u64,
    /// Seconds for which the last keys count when that address does not answer with keys.
    #[arg(long, env = "PAYTERMS_JWKS_HOLDS_SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(60..=86_400))]
    pub jwks_holds_seconds: u64,
}

impl Default for KeyAddressOptions {
    fn default() -> Self {
        Self { jwks_url: None, jwks_ca: None, jwks_every_seconds: 20, jwks_holds_seconds: 3_600 }
    }
}

impl KeyOptions {
    /// The keys of a file.
    #[must_use]
    pub fn file(jwks: PathBuf) -> Self {
        Self { jwks, address: KeyAddressOptions::default() }
    }

    /// Objects to what is wrong with them, and in production to the key of development.
    pub fn check(&self, objections: &mut Objections, development: &str) {
        if let Some(url) = &self.address.jwks_url {
            let setting = if self.address.jwks_ca.is_some() { "--jwks-ca" } else { "--jwks-url" };
            let is_safe =
                objections.take(setting, KeysAtUrl::check(url, self.address.jwks_ca.as_deref()));
            if is_safe == Some(false) {
                objections
                    .refuse("--jwks-url", format!("{url}: keys that come in plain text may be anybody's; name an address with https"));
            }
            return;
        }
        let keys = objections.take("--jwks", KeyFile::read(self.jwks.clone(), parse));
        if keys.is_some_and(|keys| keys.last_keys().contains_key(development)) {
            let file = self.jwks.display();
            objections.refuse(
                "--jwks",
                format!("{file}: callers' tokens may be signed with the key of development; name your identity provider's keys"),
            );
        }
    }
}

/// The keys of callers' tokens, kept up to date.
#[derive(Debug)]
pub(super) enum Source {
    File(KeyFile<Keys>),
    Url(KeysAtUrl),
}

impl Source {
    /// Reads the file, or begins to read the address. The latter within a runtime.
    ///
    /// # Errors
    /// A sentence that names the file or address.
    pub(super) fn open(options: &KeyOptions, stop: CancellationToken) -> Result<Self, String> {
        let address = &options.address;
        let Some(url) = &address.jwks_url else {
            return Ok(Self::File(KeyFile::read(options.jwks.clone(), parse)?));
        };
        let every = Duration::from_secs(address.jwks_every_seconds);
        let holds = Duration::from_secs(address.jwks_holds_seconds);
        Ok(Self::Url(KeysAtUrl::follow(url, address.jwks_ca.as_deref(), every, holds, stop)?))
    }

    /// The keys that count now.
    pub(super) fn keys(&self) -> Option<Arc<Keys>> {
        match self {
            Self::File(file) => file.keys(),
            Self::Url(address) => address.keys(),
        }
    }

    /// Newer keys than those that a token's key is not among: issuers begin to sign with a key soon
    /// after they publish it. A file is read again soon enough by itself.
    pub(super) async fn newer_than(&self, keys: &Arc<Keys>) -> Option<Arc<Keys>> {
        match self {
            Self::File(_) => None,
            Self::Url(address) => address.newer_than(keys).await,
        }
    }

    /// Whether there are keys, or were once.
    pub(super) fn had_keys(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Url(address) => address.had_keys(),
        }
    }

    /// Waits until there were keys once.
    pub(super) async fn first_keys(&self) {
        if let Self::Url(address) = self {
            address.first_keys().await;
        }
    }

    /// What is wrong with them, for who looks after the gateway.
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::File(file) => file.fault(),
            Self::Url(address) => address.fault(),
        }
    }
}
