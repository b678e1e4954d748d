//! One verb a file, in a folder for each noun: lock, look the request up, let the domain decide,
//! save, commit.
#![expect(
    clippy::missing_errors_doc,
    reason = "refusals are named where there are any; what else fails is the database or a peer"
)]

pub mod advised_limits;
pub mod applications;
pub mod bank_links;
pub mod batch;
pub mod draws;
pub mod lines;
pub mod policies;
pub mod programmes;

use payterms_chassis::Call;
use payterms_kernel::{Actor, Side};

/// Who calls, on which side: the access table lets no other side call the method.
fn actor(call: &Call, side: Side) -> Actor {
    Actor { side, subject: call.caller.subject.clone() }
}
