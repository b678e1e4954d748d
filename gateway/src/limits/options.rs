//! The options of limits.

use clap::{Args, value_parser};
use std::{fmt, num::NonZeroU32, str::FromStr};

/// The most calls a second that can be set. Nobody's calls come faster.
pub const HIGHEST_RATE: u32 = 1_000_000;
// What one gateway on a small machine can do is below: whoever shares one sets less.
const OF_CALLER: u32 = 20_000;
const OF_CUSTOMER: u32 = 10_000;
const OF_TENANT: u32 = 40_000;

/// How many calls the gateway takes.
#[derive(Debug, Clone, Args)]
pub struct LimitOptions {
    /// Calls a second of one caller: the holder of an API key, or the subject of tokens. Twice as
    /// many, 20 at least, may come at once.
    #[arg(long, env = "PAYTERMS_CALLER_CALLS_PER_SECOND", default_value_t = OF_CALLER, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub caller_calls_per_second: u32,
    /// Calls a second of all who act for one customer, together. Twice as many, 20 at least, may
    /// come at once.
    #[arg(long, env = "PAYTERMS_CUSTOMER_CALLS_PER_SECOND", default_value_t = OF_CUSTOMER, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub customer_calls_per_second: u32,
    /// Calls a second of all callers of one tenant, together. Twice as many, 20 at least, may come
    /// at once.
    #[arg(long, env = "PAYTERMS_TENANT_CALLS_PER_SECOND", default_value_t = OF_TENANT, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub tenant_calls_per_second: u32,
    /// How many gateways there are, over which calls are spread: a number, or `host:port`, whose
    /// addresses are counted every ten seconds. Each takes its part of the calls a second.
    #[arg(long, env = "PAYTERMS_GATEWAY_REPLICAS", default_value_t = Replicas::Number(NonZeroU32::MIN))]
    pub gateway_replicas: Replicas,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            caller_calls_per_second: OF_CALLER,
            customer_calls_per_second: OF_CUSTOMER,
            tenant_calls_per_second: OF_TENANT,
            gateway_replicas: Replicas::Number(NonZeroU32::MIN),
        }
    }
}

impl LimitOptions {
    /// The highest rates, for who measures or tests something else.
    #[must_use]
    pub fn highest() -> Self {
        let most = HIGHEST_RATE;
        Self {
            caller_calls_per_second: most,
            customer_calls_per_second: most,
            tenant_calls_per_second: most,
            ..Self::default()
        }
    }
}

/// How many gateways there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replicas {
    /// So many.
    Number(NonZeroU32),
    /// As many as this `host:port` has addresses.
    AddressesOf(String),
}

/// More gateways than anybody runs.
const MOST_REPLICAS: u32 = 1_000;

impl FromStr for Replicas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse::<u32>() {
            let number = NonZeroU32::new(number).filter(|number| number.get() <= MOST_REPLICAS);
            return number
                .map(Self::Number)
                .ok_or_else(|| format!("there are 1 to {MOST_REPLICAS} gateways"));
        }
        let is_place = text.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
        });
        if is_place {
            Ok(Self::AddressesOf(text.to_owned()))
        } else {
            Err("it is a number, or host:port".to_owned())
        }
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::AddressesOf(place) => place.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitOptions, Replicas};
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        limits: LimitOptions,
    }

    fn parsed(flag: &str) -> Result<LimitOptions, clap::Error> {
        Options::try_parse_from(["gateway", flag]).map(|options| options.limits)
    }

    #[test]
    fn what_is_no_number_of_gateways_is_refused() {
        let replicas = |text: &str| {
            parsed(&format!("--gateway-replicas={text}"))
                .ok()
                .map(|options| options.gateway_replicas)
        };
        assert_eq!(replicas("3"), Some(Replicas::Number(3.try_into().unwrap())));
        assert_eq!(
            replicas("gateway-headless:50051"),
            Some(Replicas::AddressesOf("gateway-headless:50051".to_owned()))
        );
        for wrong in
            ["0", "1001", "-1", "", "gateway", ":50051", "gateway:port", "http://gateway:50051"]
        {
            assert_eq!(replicas(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_number() {
        assert_eq!(parsed("--caller-calls-per-second=7").unwrap().caller_calls_per_second, 7);
        for wrong in ["0", "1000001", "1.5", ""] {
            assert!(parsed(&format!("--tenant-calls-per-second={wrong}")).is_err(), "{wrong}");
        }
        let (command_line, default) =
            (Options::parse_from(["gateway"]).limits, LimitOptions::default());
        assert_eq!(format!("{command_line:?}"), format!("{default:?}"));
    }
}
