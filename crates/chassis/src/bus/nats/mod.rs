//! The bus over NATS with JetStream: a stream for each source of events, a durable consumer on it
//! for each subscriber.
//!
//! The relay of the source declares both, publishes, and reads from the consumers what the
//! subscribers have received; their inboxes pull. The outbox stays the truth: what a stream has
//! lost is published again. Why it is so: docs/adr/0041-events-over-nats.md.

mod message;
mod progress;
mod publisher;
mod streams;
mod subscriber;

pub(crate) use publisher::NatsBus;
pub(crate) use subscriber::Subscriber;
