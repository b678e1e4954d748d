//! How many calls may be sent again. Without a bound, the calls that a failing service does not
//! answer would come twice just when it has too many.

use std::sync::{Mutex, PoisonError};

/// What one repeated call takes, and what each call gives: one in ten may be sent again.
const OF_REPEATED: u32 = 10;
const OF_CALL: u32 = 1;
/// The most that is saved up: a hundred calls that are lost with one replica.
const MOST: u32 = 100 * OF_REPEATED;

/// The budget of one service's calls.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(MOST))
    }
}

impl Budget {
    /// Counts a call that is sent for the first time.
    pub(crate) fn count_call(&self) {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *saved = saved.saturating_add(OF_CALL).min(MOST);
    }

    /// Takes what a repeated call costs; false if there is too little.
    pub(crate) fn take(&self) -> bool {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = saved.checked_sub(OF_REPEATED);
        *saved = left.unwrap_or(*saved);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, MOST, OF_REPEATED};

    #[test]
    fn one_call_in_ten_is_repeated_once_the_savings_are_used_up() {
        let budget = Budget::default();
        let saved = (0..10_000).take_while(|_| budget.take()).count();
        assert_eq!(u32::try_from(saved).unwrap(), MOST / OF_REPEATED);
        let repeated = (0..1_000).filter(|_| {
            budget.count_call();
            budget.take()
        });
        assert_eq!(repeated.count(), 100);
    }
}
