//! Credits that the bank takes back: which line each of them was, and what becomes of its payment
//! (docs/domain/invoicing.md#returned-lines).

use super::{BankLine, LineState, SuggestReason, Undo, pay};
use crate::{invoice::Invoice, payment::Payment};
use chrono::{DateTime, Days, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal};
use std::collections::BTreeSet;

/// Days within which a bank takes a credit back: the eight weeks of a direct debit, and some.
pub const RETURNED_WITHIN: Days = Days::new(60);

/// Lines that are shown to a person who looks for the one that was returned.
pub const MOST_CANDIDATES: usize = 20;

/// A line with all references that the bank gave for it: kind and value.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// The line.
    pub line: &'a BankLine,
    /// Its references, without placeholders.
    pub references: &'a BTreeSet<(String, String)>,
}

/// What the payment of a returned line is taken back with.
#[derive(Debug)]
pub struct Taking<'a> {
    /// The line's payment, where it has one.
    pub payment: Option<&'a mut Payment>,
    /// The invoices that the payment paid.
    pub invoices: &'a mut [Invoice],
    /// When they are collected at the earliest.
    pub collect_at: DateTime<Utc>,
    /// The instant.
    pub now: DateTime<Utc>,
}

/// Decides which line a return takes back: the one that fits best, by more than its amount and its
/// day. `is_complete`: whether the candidates are all that there are.
pub fn find_original(
    returned: &mut BankLine,
    references: &BTreeSet<(String, String)>,
    candidates: &[Compared<'_>],
    is_complete: bool,
) {
    let compared = Compared { line: returned, references };
    let mut fitting: Vec<_> = candidates
        .iter()
        .filter_map(|other| Some((fit(compared, *other)?, other.line.id)))
        .collect();
    // The best first; of equals the newest.
    fitting.sort_by(|one, other| other.cmp(one));
    let best = fitting.first().map_or(0, |(fit, _)| *fit);
    let lines: Vec<_> = fitting.iter().map(|(_, id)| *id).take(MOST_CANDIDATES).collect();
    let are_best = fitting.iter().filter(|(fit, _)| *fit == best).count();
    match lines.first() {
        Some(line) if best > 0 && are_best == 1 && is_complete => {
            returned.decide(LineState::Matched);
            returned.returned_line = Some(*line);
        }
        _ => {
            let reason = if best > 0 {
                SuggestReason::SeveralOriginals
            } else {
                SuggestReason::OriginalUnknown
            };
            returned.suggest_originals(reason, lines);
        }
    }
}

/// How well a line fits a return: by references, the payer's account, documents, the payer's name,
/// in this order. Zero: by amount and day alone. None: not at all, or they contradict each other.
fn fit(returned: Compared<'_>, other: Compared<'_>) -> Option<u8> {
    let (shown, line) = (&returned.line.shown, &other.line.shown);
    let is_open = matches!(
        other.line.state,
        LineState::Unmatched | LineState::Suggested | LineState::Matched | LineState::Dismissed
    );
    let is_its_amount =
        shown.amount.plus(line.amount).is_ok_and(Money::is_zero) && line.amount.is_positive();
    let since = shown.booked_on.checked_sub_days(RETURNED_WITHIN)?;
    let in_time = line.booked_on >= since && line.booked_on <= shown.booked_on;
    if !is_open || !is_its_amount || !in_time || shown.account_key != line.account_key {
        return None;
    }
    let same_payer = agree(&shown.payer_key, &line.payer_key)?;
    let documents = shown.numbers.iter().any(|number| line.numbers.contains(number));
    if !documents && !shown.numbers.is_empty() && !line.numbers.is_empty() {
        return None;
    }
    let references = returned.references.intersection(other.references).next().is_some();
    let same_name = agree(&plain(&shown.payer), &plain(&line.payer)).unwrap_or(false);
    let weights = [(references, 8), (same_payer, 4), (documents, 2), (same_name, 1)];
    Some(weights.into_iter().filter(|(holds, _)| *holds).map(|(_, weight)| weight).sum())
}

/// Whether two texts are equal; none where both are there and differ.
fn agree(one: &str, other: &str) -> Option<bool> {
    if one.is_empty() || other.is_empty() {
        return Some(false);
    }
    (one == other).then_some(true)
}

fn plain(name: &str) -> String {
    name.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl BankLine {
    /// Whether the bank takes a credit back by it.
    #[must_use]
    pub fn is_return(&self) -> bool {
        self.shown.amount.is_negative()
    }

    pub(super) fn must_be_credit(&self) -> Result<(), Refusal> {
        if !self.is_return() {
            return Ok(());
        }
        let message = "By this line the bank takes a credit back: it pays nothing. Name the line that it takes back, or dismiss it.";
        Err(Refusal::precondition(Reason::BANK_LINE_DIRECTION, message))
    }

    fn suggest_originals(&mut self, reason: SuggestReason, lines: Vec<Id<Self>>) {
        self.decide(LineState::Suggested);
        (self.reasons, self.candidate_lines, self.returned_line) = (vec![reason], lines, None);
    }

    /// Says which line this return takes back, as a person does.
    ///
    /// # Errors
    /// `BANK_LINE_STATE` where it is decided, `BANK_LINE_DIRECTION` where it is no return or the
    /// other is one, `CURRENCY_MISMATCH`, `RETURN_AMOUNT_DIFFERS`.
    pub fn return_line(&mut self, original: &Self) -> Result<(), Refusal> {
        self.must_be_undecided()?;
        if !self.is_return() || original.is_return() {
            let message = "Only a return takes a line back, and only one by which money came in.";
            return Err(Refusal::precondition(Reason::BANK_LINE_DIRECTION, message));
        }
        if !self.shown.amount.plus(original.shown.amount)?.is_zero() {
            let message = format!(
                "The bank takes {} back, the line is of {}. Split the line first, then name the part.",
                self.shown.amount.negated(),
                original.shown.amount
            );
            return Err(Refusal::precondition(Reason::RETURN_AMOUNT_DIFFERS, message));
        }
        self.decide(LineState::Matched);
        self.returned_line = Some(original.id);
        Ok(())
    }

    /// Takes this line back, by a return: what it paid is open again. Answers what the wallet has
    /// to book back; nothing where the line has not paid.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`, `PAYMENT_PENDING` while its payment is under way, `PAYMENT_REFUNDED`.
    pub fn take_back(
        &mut self,
        by: &Self,
        ids: &mut IdSource,
        taking: Taking<'_>,
    ) -> Result<Option<Undo>, Refusal> {
        let allowed =
            [LineState::Unmatched, LineState::Suggested, LineState::Dismissed, LineState::Matched];
        self.must_be(&allowed)?;
        let taken = match taking.payment {
            _ if self.state != LineState::Matched || self.payment.is_none() => {
                self.decide(LineState::Returned);
                self.customer = None;
                self.pays.clear();
                None
            }
            payment => {
                Some(self.unmatch(ids, payment, taking.invoices, taking.collect_at, taking.now)?)
            }
        };
        self.returned_by = Some(by.id);
        Ok(taken)
    }

    /// Says of this return that its line cannot be taken back: a person decides.
    pub fn original_not_returnable(&mut self) {
        if self.state == LineState::Matched {
            let lines = self.returned_line.into_iter().collect();
            self.suggest_originals(SuggestReason::OriginalNotReturnable, lines);
        }
    }

    /// Takes a return back: it took the wrong line back, which can be matched again.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`; `PAYMENT_PENDING` while the line is still being taken back.
    pub fn undo_return(&mut self, original: &mut Self) -> Result<(), Refusal> {
        self.must_be(&[LineState::Matched])?;
        match original.returned_by {
            Some(by) if by == self.id && original.state == LineState::Returned => {
                original.decide(LineState::Unmatched);
                original.returned_by = None;
            }
            // Another return has taken that line back: this one took nothing.
            Some(by) if by != self.id => {}
            _ => return Err(pay::pending()),
        }
        self.decide(LineState::Unmatched);
        self.returned_line = None;
        Ok(())
    }
}
