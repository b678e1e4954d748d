//! What the suite reads in a certificate: the names that it is for, and how long it lives.

use chrono::{DateTime, TimeDelta, Utc};
use rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate as Decoded,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
    time::Time,
};

/// A certificate is reported once so much of its life is left, as one part of the whole. Issuers
/// renew earlier: cert-manager when a third is left.
const SOON: i32 = 5;

/// What a certificate that a process reads is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The part shows it to the others.
    Part,
    /// The others' certificates are of it.
    Authority,
    /// Callers are shown it, with those that it is of.
    Door,
}

payterms_kernel::names! {
    /// Its name as a label of metrics.
    Purpose { Part = "part", Authority = "authority", Door = "door" }
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its DNS names, in lower case. The subject's common name counts for nothing, as everywhere
    /// today.
    pub names: Vec<String>,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// A sentence that says what is malformed.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let decoded = Decoded::from_der(der)
            .map_err(|error| format!("a certificate is malformed: {error}"))?
            .tbs_certificate;
        let names = decoded
            .get::<SubjectAltName>()
            .map_err(|error| format!("the names of a certificate are malformed: {error}"))?;
        let names = names.map(|(_, names)| names.0).unwrap_or_default();
        let names = names.into_iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        });
        let validity = decoded.validity;
        Ok(Self {
            names: names.collect(),
            begins: instant(validity.not_before),
            ends: instant(validity.not_after),
        })
    }

    /// Whether it is a certificate of this name.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.names.iter().any(|text| text == name)
    }

    /// Until when it is good.
    #[must_use]
    pub fn ends(&self) -> DateTime<Utc> {
        self.ends
    }

    /// Refuses a certificate that has ended or has not begun: the other side would believe none of
    /// its connections.
    ///
    /// # Errors
    /// A sentence with the time.
    pub fn check_time(&self, now: DateTime<Utc>) -> Result<(), String> {
        if now > self.ends {
            return Err(format!("it ended at {}", self.ends));
        }
        if now < self.begins { Err(format!("it begins at {}", self.begins)) } else { Ok(()) }
    }

    /// Whether little of its life is left, or nothing.
    #[must_use]
    pub fn ends_soon(&self, now: DateTime<Utc>) -> bool {
        let life = self.ends - self.begins;
        now > self.ends - life.checked_div(SOON).unwrap_or(TimeDelta::zero())
    }
}

/// An instant of a certificate; those outside the calendar count as the beginning of 1970.
fn instant(time: Time) -> DateTime<Utc> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or_default();
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
