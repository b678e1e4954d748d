//! Why a charge was declined, in the codes of the ladder of retries
//! (docs/domain/invoicing.md#retries) and of mails.

use super::{super::REJECTED, objects::Failure};

/// What a decline says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decline {
    /// The cardholder must authenticate.
    Authentication,
    /// The issuer or Stripe has declined, for this reason.
    Code(String),
}

/// The longest code that is kept.
const LONGEST: usize = 60;
/// Nobody may debit the account or charge the card any more.
const REVOKED: &str = "revocation_of_authorization";
/// Codes after which a retry never succeeds, whatever advice comes with them.
const FINAL: [&str; 5] =
    ["stolen_card", "lost_card", "pickup_card", "fraudulent", "card_not_supported"];

/// The reason of a decline.
pub(super) fn decline(failure: &Failure) -> Decline {
    let issuer = failure.decline_code.as_deref().unwrap_or_default();
    let code = failure.code.as_deref().unwrap_or_default();
    if [issuer, code].contains(&"authentication_required") {
        return Decline::Authentication;
    }
    // The issuer's reason says more than that it has declined.
    let code = if issuer.is_empty() { code } else { issuer };
    Decline::Code(
        match code {
            _ if failure.misses("payment_method") || failure.misses("customer") => "no_such_card",
            code if FINAL.contains(&code) => code,
            // Of a mandate that the customer has ended, too, at the bank or at Stripe.
            REVOKED
            | "revocation_of_all_authorizations"
            | "debit_not_authorized"
            | "debit_authorization_not_match"
            | "payment_intent_mandate_invalid" => REVOKED,
            "account_closed" | "bank_account_closed" => "account_closed",
            // After some returns Stripe debits an account no more.
            "no_account"
            | "invalid_account_number"
            | "bank_account_invalid_details"
            | "bank_account_unusable"
            | "payment_method_bank_account_blocked" => "invalid_account",
            _ if failure.advice_code.as_deref() == Some("do_not_try_again") => "do_not_try_again",
            "" => REJECTED,
            // What is wrong with the request says nothing of the card.
            _ if failure.kind == "invalid_request_error" && issuer.is_empty() => REJECTED,
            code if is_code(code) => code,
            _ => "card_declined",
        }
        .to_owned(),
    )
}

/// Whether a text is a code, and not a sentence.
fn is_code(text: &str) -> bool {
    text.len() <= LONGEST
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{Decline, decline};
    use crate::provider::stripe::objects::Failure;
    use chrono::DateTime;
    use payterms_kernel::ladder::{Ladder, Rung};

    fn card_error(code: &str, decline_code: &str, advice: &str) -> Failure {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Failure {
            kind: "card_error".into(),
            code: some(code),
            decline_code: some(decline_code),
            advice_code: some(advice),
            param: None,
        }
    }

    fn code(failure: &Failure) -> String {
        match decline(failure) {
            Decline::Code(code) => code,
            Decline::Authentication => "authentication_required".to_owned(),
        }
    }

    #[test]
    fn final_declines_are_not_retried_and_others_are() {
        let rung =
            |failure: &Failure| Ladder::default().failed(&code(failure), DateTime::UNIX_EPOCH);
        for (decline_code, advice) in [
            ("stolen_card", ""),
            ("lost_card", "try_again_later"),
            ("pickup_card", ""),
            ("revocation_of_all_authorizations", ""),
            ("generic_decline", "do_not_try_again"),
            ("debit_not_authorized", ""),
            ("bank_account_closed", ""),
            ("bank_account_invalid_details", ""),
            ("debit_authorization_not_match", ""),
        ] {
            assert_eq!(
                rung(&card_error("card_declined", decline_code, advice)),
                Rung::Hard,
                "{decline_code} {advice}"
            );
        }
        for decline_code in
            ["insufficient_funds", "generic_decline", "do_not_honor", "try_again_later", ""]
        {
            assert!(
                matches!(rung(&card_error("card_declined", decline_code, "")), Rung::At(_)),
                "{decline_code}"
            );
        }
        assert_eq!(
            rung(&card_error("authentication_required", "authentication_required", "")),
            Rung::Action
        );
        assert_eq!(rung(&card_error("card_declined", "authentication_required", "")), Rung::Action);
        let gone = Failure {
            kind: "invalid_request_error".into(),
            code: Some("resource_missing".into()),
            param: Some("payment_method".into()),
            ..Failure::default()
        };
        assert_eq!(rung(&gone), Rung::Hard);
        for code in [
            "payment_intent_mandate_invalid",
            "payment_method_bank_account_blocked",
            "bank_account_unusable",
        ] {
            let refused = Failure {
                kind: "invalid_request_error".into(),
                code: Some(code.into()),
                ..Failure::default()
            };
            assert_eq!(rung(&refused), Rung::Hard, "{code}");
        }
    }

    #[test]
    fn a_code_says_what_is_known() {
        assert_eq!(
            code(&card_error("card_declined", "insufficient_funds", "")),
            "insufficient_funds"
        );
        assert_eq!(code(&card_error("expired_card", "", "")), "expired_card");
        assert_eq!(
            code(&card_error("card_declined", "A sentence, not a code.", "")),
            "card_declined"
        );
        assert_eq!(code(&Failure::default()), "rejected_by_provider");
        let small = Failure {
            kind: "invalid_request_error".into(),
            code: Some("amount_too_small".into()),
            ..Failure::default()
        };
        assert_eq!(code(&small), "rejected_by_provider");
    }
}
