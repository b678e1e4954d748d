//! What goes wrong between Stripe and who asks it.

use super::state::{Answer, Command, State};

/// How one request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests: nothing is done.
    TooMany,
    /// Stripe fails before it does anything, and says so again for the same key.
    Breaks,
    /// The key may not do that.
    Forbidden,
    /// Another request with the key is under way.
    Conflict,
    /// It is done, but the answer is cut.
    CutAfter,
    /// It is done, but half the answer comes as if it were whole.
    HalfAfter,
    /// It is done, but a proxy answers with a page.
    PageAfter,
    /// It is done, and answered in another version of the API.
    OtherVersion,
}

impl Fault {
    /// Whether what is asked is done nevertheless.
    pub(super) fn has_effect(self) -> bool {
        matches!(self, Self::CutAfter | Self::HalfAfter | Self::PageAfter | Self::OtherVersion)
    }
}

impl State {
    /// The fault that a request meets, which is over with it.
    pub(super) fn fault_of(&mut self, command: &Command) -> Option<Fault> {
        let words = format!("{} {}", command.method, command.path);
        let place =
            self.faults.iter().position(|(request, _)| words.starts_with(request.as_str()))?;
        Some(self.faults.remove(place).1)
    }

    /// The answer of a request that does nothing.
    pub(super) fn failed(&mut self, command: &Command, fault: Fault) -> Answer {
        let answer = match fault {
            Fault::TooMany => Answer::error(429, "invalid_request_error", Some("rate_limit"), None),
            Fault::Forbidden => Answer::error(403, "invalid_request_error", None, None),
            Fault::Conflict => {
                Answer::error(409, "idempotency_error", Some("idempotency_key_in_use"), None)
            }
            _ => Answer::error(500, "api_error", None, None),
        };
        if fault == Fault::Breaks && !command.key.is_empty() {
            self.answers.insert(command.key.clone(), (command.words(), answer.clone()));
        }
        answer
    }
}
