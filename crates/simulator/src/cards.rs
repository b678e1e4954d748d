//! The test cards and bank accounts.

/// How a card behaves when it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// The charge succeeds.
    Succeeds,
    /// The issuer declines, for this reason.
    Declines(&'static str),
    /// The charge succeeds after this many hours.
    Takes(i64),
    /// The issuer or bank declines after this many hours, for this reason.
    DeclinesAfter(i64, &'static str),
    /// The charge succeeds, but the first answer breaks off.
    LosesTheAnswer,
    /// The charge succeeds at once, but the answer takes three seconds.
    AnswersLate,
    /// The provider rejects the request.
    Rejected,
    /// The cardholder must authenticate; nothing is charged.
    NeedsAuthentication,
    /// The charge succeeds, but a refund fails.
    RefundFails,
    /// The charge and the refund succeed, but the refund's first answer breaks off.
    LosesTheRefund,
    /// The charge succeeds; a refund succeeds at once, but its answer takes three seconds.
    AnswersTheRefundLate,
    /// The charge succeeds; a refund fails at once, but its answer takes three seconds.
    AnswersTheFailedRefundLate,
}

/// A card or bank account that a tester can save.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// The token by which testers choose it.
    pub token: &'static str,
    /// Brand.
    pub brand: &'static str,
    /// Last four digits.
    pub last_four: &'static str,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// Whether it is a bank account, which is debited under a mandate.
    pub account: bool,
}

/// All test cards and accounts.
pub const CARDS: [Card; 19] = [
    card("tok_visa", "visa", "4242", Behaviour::Succeeds),
    card("tok_mastercard", "mastercard", "4444", Behaviour::Succeeds),
    card("tok_amex", "amex", "0005", Behaviour::Succeeds),
    card("tok_jcb", "jcb", "0000", Behaviour::Succeeds),
    card("tok_discover", "discover", "1117", Behaviour::Succeeds),
    card("tok_declined", "visa", "0002", Behaviour::Declines("card_declined")),
    card("tok_stolen", "visa", "9979", Behaviour::Declines("stolen_card")),
    card("tok_slow", "visa", "0077", Behaviour::Takes(1)),
    card("tok_slow_decline", "visa", "0085", Behaviour::DeclinesAfter(1, "card_declined")),
    card("tok_lost_answer", "visa", "0259", Behaviour::LosesTheAnswer),
    card("tok_late_answer", "visa", "0341", Behaviour::AnswersLate),
    card("tok_rejected", "visa", "0119", Behaviour::Rejected),
    card("tok_authenticate", "visa", "3155", Behaviour::NeedsAuthentication),
    card("tok_refund_fails", "visa", "3220", Behaviour::RefundFails),
    card("tok_refund_lost", "visa", "7726", Behaviour::LosesTheRefund),
    card("tok_refund_late", "visa", "7734", Behaviour::AnswersTheRefundLate),
    card("tok_refund_fails_late", "visa", "7742", Behaviour::AnswersTheFailedRefundLate),
    account("tok_bank", "Test Bank", "3000", Behaviour::Takes(48)),
    account(
        "tok_bank_refused",
        "Test Bank",
        "2222",
        Behaviour::DeclinesAfter(48, "insufficient_funds"),
    ),
];

const fn card(
    token: &'static str,
    brand: &'static str,
    last_four: &'static str,
    behaviour: Behaviour,
) -> Card {
    Card { token, brand, last_four, behaviour, account: false }
}

const fn account(
    token: &'static str,
    brand: &'static str,
    last_four: &'static str,
    behaviour: Behaviour,
) -> Card {
    Card { token, brand, last_four, behaviour, account: true }
}

/// The card of a token.
#[must_use]
pub fn find(token: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.token == token)
}
