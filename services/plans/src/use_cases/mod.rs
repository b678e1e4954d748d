//! One use case for each file, in a folder for each resource. Each locks its rows first and looks
//! up the request id under that lock, so that a repeated request finds the first answer; then the
//! domain decides, and it saves and commits.
#![expect(
    clippy::missing_errors_doc,
    reason = "refusals are named where there are any; what else fails is the database or a peer"
)]

pub mod plans;
pub mod settings;

use payterms_chassis::Call;
use payterms_plans_domain::{Actor, Side};

/// The caller as an actor. Each use case passes its side, because the access table lets only that
/// side call its method.
fn actor(call: &Call, side: Side) -> Actor {
    Actor { side, subject: call.caller.subject.clone() }
}
