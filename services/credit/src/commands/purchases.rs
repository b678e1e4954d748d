//! What is asked of purchases without an invoice: the commands that are batched.

use super::{draws::DrawRef, lines::LineRef};
use payterms_chassis::Call;
use payterms_credit_domain::{
    Draw,
    purchase::{Part, PurchaseRequest},
};
use payterms_kernel::Id;

/// A verb of a purchase without an invoice.
#[derive(Debug, Clone)]
pub enum PurchaseCommand {
    /// A purchase is reserved.
    Authorize(LineRef, PurchaseRequest),
    /// All or some of a purchase becomes owed.
    Capture(DrawRef, Vec<Part>),
    /// A purchase is released.
    Void(DrawRef),
}

impl PurchaseCommand {
    /// The line that it changes.
    #[must_use]
    pub fn line(&self) -> &LineRef {
        match self {
            Self::Authorize(line, _) => line,
            Self::Capture(draw, _) | Self::Void(draw) => &draw.line,
        }
    }

    /// The draw that it names; none: it makes one.
    #[must_use]
    pub fn draw(&self) -> Option<Id<Draw>> {
        match self {
            Self::Authorize(..) => None,
            Self::Capture(draw, _) | Self::Void(draw) => Some(draw.draw),
        }
    }
}

/// One command of a batch, with the call that it came by.
#[derive(Debug, Clone)]
pub struct PurchaseItem {
    /// The call.
    pub call: Call,
    /// The command.
    pub command: PurchaseCommand,
}
