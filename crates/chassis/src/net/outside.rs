//! Where webhooks may go: to https URLs whose host is reached from the internet, so that nobody
//! makes the suite call what is inside its own network. What an URL says is checked when it is
//! stored; the addresses that its host resolves to are checked at each connect, and the connection
//! goes to a checked one.

use http::Uri;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most characters of an URL.
pub const LONGEST_URL: usize = 500;

/// Names that mean hosts inside by themselves.
const INSIDE_NAMES: [&str; 5] = ["localhost", "local", "internal", "home.arpa", "localdomain"];

/// The rules of addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressRules {
    /// Addresses inside that may be reached, and by plain HTTP: for development and tests.
    inside: Vec<IpAddr>,
}

impl AddressRules {
    /// The rules with these exceptions.
    #[must_use]
    pub fn with_inside(inside: Vec<IpAddr>) -> Self {
        Self { inside }
    }

    /// Whether a connection may go to an address.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.inside.contains(&address) || is_outside(address)
    }

    /// Checks an URL as far as it says itself where it leads.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn check(&self, url: &str) -> Result<Uri, &'static str> {
        if url.len() > LONGEST_URL {
            return Err("Use an URL of at most 500 characters.");
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('#') {
            return Err(
                "Use an https URL without blanks and fragment; write other characters in percent notation or Punycode.",
            );
        }
        let uri: Uri =
            url.parse().map_err(|_| "Use an https URL such as https://example.com/webhooks.")?;
        let is_plain =
            uri.scheme_str() == Some("http") && self.is_inside(uri.host().unwrap_or_default());
        if uri.scheme_str() != Some("https") && !is_plain {
            return Err("Use an URL that begins with https://.");
        }
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        if authority.contains('@') {
            return Err("Leave user and password out of the URL: requests are signed instead.");
        }
        let host = uri.host().unwrap_or_default();
        // A port that is none is left out by the parser.
        let port = authority.strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
        if host.is_empty() || port.is_some_and(|port| port.parse::<u16>().unwrap_or_default() == 0)
        {
            return Err("Name the host, and a port other than 0.");
        }
        if self.is_refused(host) {
            return Err(
                "Use a host that is reached from the internet: this one is private, local or reserved.",
            );
        }
        Ok(uri)
    }

    /// Whether a host may be reached though it is inside: an address that is named, or a name of
    /// this machine's own network.
    fn is_inside(&self, host: &str) -> bool {
        match literal(host) {
            Some(address) => self.inside.contains(&address.to_canonical()),
            None => has_inside_name(host) && !self.inside.is_empty(),
        }
    }

    /// Whether a host says by itself that it is inside.
    fn is_refused(&self, host: &str) -> bool {
        match literal(host) {
            Some(address) => !self.admits(address),
            None => has_inside_name(host) && self.inside.is_empty(),
        }
    }
}

/// A host that is written as an address.
fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn has_inside_name(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    INSIDE_NAMES.iter().any(|inside| {
        name == *inside || name.strip_suffix(inside).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// Whether an address belongs to a host of the internet.
fn is_outside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_outside_v4(address),
        IpAddr::V6(address) => is_outside_v6(address),
    }
}

fn is_outside_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let inside = matches!(
        (a, b, c),
        // This network, private, loopback, multicast, reserved and broadcast.
        (0 | 10 | 127 | 224..=255, _, _)
            // Shared by providers and their customers.
            | (100, 64..=127, _)
            // Link-local, with the metadata of clouds.
            | (169, 254, _)
            | (172, 16..=31, _)
            // Protocol assignments, documentation, the relays of 6to4.
            | (192, 0, 0 | 2) | (192, 88, 99)
            | (192, 168, _)
            // Benchmarks and documentation.
            | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113)
    );
    !inside
}

/// Only global unicast addresses are outside, and of these not those that are for documentation or
/// hold an IPv4 address, which a gateway on the way would turn into one inside.
fn is_outside_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = a & 0xe000 == 0x2000;
    let is_special = matches!((a, b), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _))
        || (0x3ff0..=0x3fff).contains(&a);
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::AddressRules;

    #[test]
    fn what_is_inside_is_not_admitted_however_it_is_written() {
        let rules = AddressRules::default();
        for inside in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
        ] {
            assert!(!rules.admits(inside.parse().unwrap()), "{inside}");
            let host = if inside.contains(':') { format!("[{inside}]") } else { inside.to_owned() };
            assert!(rules.check(&format!("https://{host}/hook")).is_err(), "{host}");
        }
        for outside in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.0.0.1",
            "128.0.0.1",
            "169.253.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::8888",
            "::ffff:1.1.1.1",
        ] {
            assert!(rules.admits(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn an_url_says_where_it_leads() {
        let rules = AddressRules::default();
        for good in [
            "https://example.com",
            "https://example.com:8443/a?b=c",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]:9/x",
        ] {
            assert!(rules.check(good).is_ok(), "{good}: {:?}", rules.check(good));
        }
        let long = format!("https://example.com/{}", "a".repeat(500));
        for bad in [
            "",
            "example.com",
            "/path",
            "http://example.com",
            "ftp://example.com",
            "https://",
            "https:///x",
            "https://user:pw@example.com",
            "https://user@example.com",
            "https://example.com/#a",
            "https://example.com/a b",
            "https://exämple.com",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://db.internal/",
            "https://printer.local/",
            "https://[::1]/",
            "https://[::1",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(rules.check(bad).is_err(), "{bad}");
        }
        assert!(
            rules.check("https://notlocalhost/").is_ok(),
            "what it resolves to is checked at connect"
        );
    }

    #[test]
    fn tests_reach_what_they_name_and_nothing_else_inside() {
        let rules = AddressRules::with_inside(vec!["127.0.0.1".parse().unwrap()]);
        assert!(
            rules.check("http://127.0.0.1:8080/hook").is_ok()
                && rules.check("http://localhost:8080/").is_ok()
        );
        assert!(rules.admits("::ffff:127.0.0.1".parse().unwrap()));
        for bad in [
            "http://127.0.0.2/",
            "http://[::1]/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "http://example.com/hook",
        ] {
            assert!(rules.check(bad).is_err(), "{bad}");
        }
    }
}
