//! A tenant's settings: changed, followed, prepayment turned on and off, read.

pub mod connect_stripe;
pub mod disconnect_stripe;
pub mod follow_tenant;
pub mod follow_zone;
pub mod limit;
pub mod read;
pub mod reseal_stripe;
pub mod save;
pub mod turn_off;
pub mod turn_on;
pub mod update;
