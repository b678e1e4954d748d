//! Providers by kind of method and currency.

use crate::ddl::Step;

const STATEMENTS: &[&str] =
    &["ALTER TABLE wallet_settings ADD COLUMN provider_routes text NOT NULL DEFAULT ''"];

pub const STEP: Step = Step {
    name: "wallet_0033_provider_routes",
    postgres: &[],
    statements: STATEMENTS,
    tables: &[],
};
