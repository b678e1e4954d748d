//! Commands about payment methods, their set-ups, and credit lines as methods.

use super::customers::CustomerRef;
use payterms_kernel::{Currency, Id};
use payterms_wallet_domain::{MethodKind, PaymentMethod};

/// A method that a request names.
#[derive(Debug, Clone)]
pub struct MethodRef {
    /// Whose.
    pub customer: CustomerRef,
    /// The method.
    pub method: Id<PaymentMethod>,
}

/// Starts a set-up.
#[derive(Debug, Clone)]
pub struct StartMethodSetup {
    /// Whose.
    pub customer: CustomerRef,
    /// The kind of method that is saved.
    pub kind: MethodKind,
    /// The currency in which it will be charged most.
    pub currency: Option<Currency>,
}

/// The state to which a credit line's method is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// It is an active method.
    On,
    /// It is put aside, if another method can replace it.
    Off,
    /// It is removed.
    Removed,
}

/// Switches a credit line as a method.
#[derive(Debug, Clone)]
pub struct SwitchCreditLine {
    /// Whose.
    pub customer: CustomerRef,
    /// The line.
    pub line: Id<PaymentMethod>,
    /// What becomes of it.
    pub to: LineState,
    /// The number of the switch: a later one has a higher number.
    pub number: i64,
}
