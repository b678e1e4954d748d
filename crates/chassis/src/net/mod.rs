//! The lines between processes: addresses of services, connections to their replicas, and which
//! calls go where.

pub mod addresses;
pub mod ages;
pub mod broker;
pub(crate) mod budget;
pub(crate) mod health_check;
pub(crate) mod line;
pub mod outside;
pub mod pool;
pub mod repeatable;
pub(crate) mod replica;
pub mod tls;

use addresses::Addresses;
use ages::ConnectionAges;
use broker::Broker;
use outside::AddressRules;
use tls::{Followed, Part, Port, port::Guard};

/// How a process reaches others and is reached by them.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Where the services are that it calls.
    pub addresses: Addresses,
    /// How long connections to it last.
    pub ages: ConnectionAges,
    /// What it shows to the other parts, and the authorities that it believes; none: plain text.
    pub part: Option<Followed<Part>>,
    /// Where events go by; none: services call each other's inboxes.
    pub broker: Option<Broker>,
    /// Where webhooks may go.
    pub webhooks: AddressRules,
}

impl Network {
    /// The port on which other parts call it.
    #[must_use]
    pub fn port(&self) -> Port {
        Port::new(self.ages, self.part.clone().map_or(Guard::Plain, Guard::Parts))
    }
}

/// The flow-control windows: bytes of one stream, and of all streams of a connection, that may be
/// buffered unread. The connection's window equals the sum of the stream windows that a service
/// admits, so that a stream that is read slowly does not block the others.
pub const STREAM_WINDOW: u32 = 256 << 10;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 64 << 20;
