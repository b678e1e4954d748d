//! What tests need: a throw-away PostgreSQL, a suite in process on either database, people with
//! tokens, and short ways to say the usual things.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod balancer;
pub mod binary;
pub mod broker;
pub mod broker_cluster;
pub mod broker_users;
pub mod certificates;
pub mod collector;
pub mod crowd;
pub mod endings;
pub mod faulty_line;
pub mod held_answers;
pub mod issuer;
pub mod json_line;
pub mod patient_line;
pub mod people;
pub mod pooler;
pub mod postgres;
pub mod private_postgres;
pub mod process;
pub mod receiver;
pub mod refusals;
pub mod rig;
pub mod security;
pub mod services;
pub mod slow_line;
pub mod stripe;
pub mod tenants;
pub mod vies;
pub mod world;

pub use refusals::{conditions, reason, violations};
pub use world::{Database, World};

/// Makes two tests of each scenario, one per database: `on_both!(module: a, b)` runs the async
/// functions `a(&World)` and `b(&World)`.
#[macro_export]
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                if let Some(world) = $crate::World::start($crate::Database::Sqlite).await {
                    super::$scenario(&world).await;
                    world.end().await;
                }
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                if let Some(world) = $crate::World::start($crate::Database::Postgres).await {
                    super::$scenario(&world).await;
                    world.end().await;
                }
            })+
        }
    };
}
