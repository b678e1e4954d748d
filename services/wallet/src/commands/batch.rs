//! The input of the batched path: one command of a wallet, with the call that carries it.

use super::{
    holds::{Capture, HoldRef},
    postings::Take,
    wallets::WalletRef,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    Answer, Call,
    committer::{Committer, Key},
};
use payterms_kernel::Id;
use payterms_wallet_domain::{Hold, TransferKind, usage::Use};

/// One of the batched verbs.
#[derive(Debug, Clone)]
pub enum BatchCommand {
    /// A debit, or a fee.
    Take(Take, TransferKind),
    /// Reserves credit until an instant.
    Authorize(Take, Option<DateTime<Utc>>),
    /// Captures part or all of a hold.
    Capture(HoldRef, Capture),
    /// Releases a hold.
    Void(HoldRef),
    /// Records a use.
    Use(WalletRef, Use),
}

impl BatchCommand {
    /// The wallet that it changes.
    #[must_use]
    pub fn wallet(&self) -> &WalletRef {
        match self {
            Self::Take(take, _) | Self::Authorize(take, _) => &take.wallet,
            Self::Capture(hold, _) | Self::Void(hold) => &hold.wallet,
            Self::Use(wallet, _) => wallet,
        }
    }

    /// The own id that it gives a use.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        match self {
            Self::Use(_, used) => used.external_id.as_deref(),
            _ => None,
        }
    }

    /// The hold that it names.
    #[must_use]
    pub fn hold(&self) -> Option<Id<Hold>> {
        match self {
            Self::Capture(hold, _) | Self::Void(hold) => Some(hold.hold),
            _ => None,
        }
    }
}

/// One command with the call that identifies it.
#[derive(Debug, Clone)]
pub struct BatchItem {
    /// The call.
    pub call: Call,
    /// The command.
    pub command: BatchCommand,
}

impl BatchItem {
    /// The key of its queue.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::of(&self.call, self.command.wallet().wallet.uuid())
    }
}

/// Commits items of one queue together; `use_cases::batch` processes them.
pub type BatchCommitter = Committer<BatchItem, Answer<Vec<u8>>>;
