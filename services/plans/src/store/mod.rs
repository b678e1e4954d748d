//! The tables of plans: SeaORM entities and their queries. Models stop here; every finder takes the tenant.

pub mod covered;
pub mod history;
pub mod offers;
pub mod plans;
pub mod settings;
