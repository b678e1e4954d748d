//! The addresses of services, as they are configured.

use http::Uri;
use std::{collections::BTreeMap, net::SocketAddr};

/// A host and a port. The host may be a name with many addresses, one for each replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The addresses of the services that a process calls, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(BTreeMap<String, Vec<Target>>);

impl Addresses {
    /// Reads items `name=http://host:port`, or with `https` where lines have TLS. A name that comes
    /// again has one more address.
    ///
    /// # Errors
    /// A sentence that names the malformed item.
    pub fn parse(items: &[String], scheme: &str) -> Result<Self, String> {
        let mut addresses = Self::default();
        for item in items {
            let malformed =
                |why: &str| format!("--peer {item}: {why}; write name={scheme}://host:port");
            let (name, address) = item.split_once('=').ok_or_else(|| malformed("no name"))?;
            let uri: Uri = address
                .parse()
                .map_err(|error: http::uri::InvalidUri| malformed(&error.to_string()))?;
            match uri.scheme_str() {
                Some(found) if found == scheme => {}
                Some("http") => return Err(malformed("parts have certificates (--tls)")),
                Some("https") => return Err(malformed("there are no certificates (--tls)")),
                _ => return Err(malformed("another scheme")),
            }
            let host =
                uri.host().filter(|host| !host.is_empty()).ok_or_else(|| malformed("no host"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            addresses.0.entry(name.to_owned()).or_default().push(Target {
                host,
                port: uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 }),
            });
        }
        Ok(addresses)
    }

    /// The services, each with its addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<Target>)> {
        self.0.iter()
    }

    /// The names of the services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, SocketAddr)> for Addresses {
    fn from_iter<I: IntoIterator<Item = (String, SocketAddr)>>(items: I) -> Self {
        let mut addresses = Self::default();
        for (name, at) in items {
            addresses
                .0
                .entry(name)
                .or_default()
                .push(Target { host: at.ip().to_string(), port: at.port() });
        }
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::{Addresses, Target};

    fn parsed(items: &[&str]) -> Result<Addresses, String> {
        Addresses::parse(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>(), "http")
    }

    #[test]
    fn a_name_that_comes_again_has_one_more_address() {
        let addresses = parsed(&[
            "wallet=http://127.0.0.2:1",
            "plans=http://plans:50051",
            "wallet=http://[::1]:2",
        ])
        .unwrap();
        let of = |name: &str| addresses.iter().find(|(found, _)| *found == name).unwrap().1.clone();
        let target = |host: &str, port| Target { host: host.to_owned(), port };
        assert_eq!(of("wallet"), [target("127.0.0.2", 1), target("::1", 2)]);
        assert_eq!(of("plans"), [target("plans", 50_051)]);
        for wrong in ["wallet", "wallet=", "wallet=wallet:1", "wallet=ftp://wallet:1", "wallet=/a"]
        {
            let text = parsed(&[wrong]).unwrap_err();
            assert!(text.contains(wrong) && text.contains("write name=http://host:port"), "{text}");
        }
        assert!(
            parsed(&["wallet=https://wallet:1"]).unwrap_err().contains("no certificates (--tls)")
        );
        let secure = |item: &str| Addresses::parse(&[item.to_owned()], "https");
        assert!(
            secure("wallet=http://wallet:1").unwrap_err().contains("have certificates (--tls)")
        );
        assert!(secure("wallet=https://wallet:1").is_ok());
    }
}
