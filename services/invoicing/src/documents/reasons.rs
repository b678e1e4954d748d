//! What codes mean, in the words of mails and documents: nobody reads a code
//! (docs/domain/invoicing.md#no-codes).

use super::wording::Language;
use payterms_invoicing_domain::{
    receipt_credit_note::CHARGED_BACK,
    statement::{GivenBack, TakenFor},
    top_up::{NOT_TRANSFERRED, TRANSFER_FEES, TRANSFER_TAKEN_BACK},
    transfer_refund::TRANSFERRED_BACK,
};
use payterms_kernel::Reason;

/// Whether a collection failed because there was nothing to charge.
#[must_use]
pub fn is_without_method(code: &str) -> bool {
    *code == Reason::COLLECTION_METHOD_REQUIRED || code == "no_such_card"
}

impl Language {
    /// Why a payment failed, as the end of a sentence. A code that nobody knows gets general words.
    #[must_use]
    pub fn failure(self, code: &str) -> &'static str {
        match code {
            "insufficient_funds" => self.say(
                "there was not enough money on the account",
                "le solde du compte était insuffisant",
            ),
            "expired_card" => self.say("the card has expired", "la carte a expiré"),
            "incorrect_cvc" | "invalid_cvc" | "incorrect_number" | "invalid_number" => self
                .say("the details of the card are wrong", "les données de la carte sont inexactes"),
            "authentication_required" | "REQUIRES_ACTION" => self.say(
                "the bank asks the cardholder to confirm it",
                "la banque demande une confirmation du titulaire de la carte",
            ),
            "account_closed" | "invalid_account" | "no_account" => self.say(
                "the bank account is closed or does not exist",
                "le compte bancaire est clos ou n’existe pas",
            ),
            "revocation_of_authorization" | "debit_not_authorized" => self.say(
                "the payer has withdrawn the authorisation",
                "le payeur a retiré son autorisation",
            ),
            "card_not_supported" => self.say(
                "the card cannot be used for this payment",
                "la carte ne permet pas ce paiement",
            ),
            // Whoever holds a card that is reported as lost or stolen learns no more than that it
            // was declined.
            "card_declined" | "stolen_card" | "lost_card" | "pickup_card" | "fraudulent"
            | "do_not_honor" | "do_not_try_again" | "generic_decline" => self
                .say("the card was declined by its bank", "la carte a été refusée par la banque"),
            "CREDIT_REVOKED" => self.say("credit was withheld", "du crédit a été retenu"),
            code if is_without_method(code) => self.say(
                "no saved payment method can be used",
                "aucun moyen de paiement enregistré n’est utilisable",
            ),
            _ => self.say(
                "the bank or the payment provider did not accept it",
                "la banque ou le prestataire de paiement ne l’a pas accepté",
            ),
        }
    }

    /// Why a credit note was issued: what the tenant wrote, or what the suite has a code for.
    #[must_use]
    pub fn note_reason(self, reason: &str) -> String {
        let words = match reason {
            TRANSFER_FEES => self.say(
                "Fees that banks took from the transfer.",
                "Frais prélevés par les banques sur le virement.",
            ),
            CHARGED_BACK => self.say(
                "The issuer of the card or the bank took the payment back.",
                "L’émetteur de la carte ou la banque a repris le paiement.",
            ),
            TRANSFER_TAKEN_BACK => {
                self.say("The transfer was taken back.", "Le virement a été repris.")
            }
            TRANSFERRED_BACK => self.say(
                "The credit was transferred back to its payer.",
                "Le crédit a été reversé au payeur par virement.",
            ),
            NOT_TRANSFERRED => self.say(
                "The amount was not transferred in time.",
                "Le montant n’a pas été viré à temps.",
            ),
            written => written,
        };
        words.to_owned()
    }

    /// Why a charge is disputed, as a part of a sentence; empty for a code that nobody knows.
    #[must_use]
    pub fn dispute_reason(self, code: &str) -> &'static str {
        match code {
            "fraudulent" | "unrecognized" => self.say(
                "the cardholder does not recognise the payment",
                "le titulaire de la carte ne reconnaît pas le paiement",
            ),
            "duplicate" => self.say("it was charged twice", "le montant a été débité deux fois"),
            "product_not_received" => {
                self.say("nothing was received for it", "rien n’a été reçu en contrepartie")
            }
            "product_unacceptable" => self
                .say("what was received is not as agreed", "ce qui a été reçu n’est pas conforme"),
            "subscription_canceled" => {
                self.say("the contract had ended", "le contrat avait pris fin")
            }
            "credit_not_processed" => {
                self.say("a refund was promised", "un remboursement avait été promis")
            }
            "insufficient_funds" => self.say(
                "there was not enough money on the account",
                "le solde du compte était insuffisant",
            ),
            "debit_not_authorized" | "debit_returned" => self.say(
                "the account holder or the bank did not accept the debit",
                "le titulaire du compte ou la banque a refusé le prélèvement",
            ),
            _ => "",
        }
    }

    /// Why something was taken back, or is there again.
    #[must_use]
    pub fn taken_for(self, why: TakenFor) -> &'static str {
        match why {
            TakenFor::Dispute => self.say("Payment disputed", "Paiement contesté"),
            TakenFor::DisputeLost => {
                self.say("Payment disputed, and lost", "Paiement contesté, et perdu")
            }
            TakenFor::DisputeWon => {
                self.say("Dispute won: stands again", "Contestation gagnée : maintenu")
            }
            TakenFor::Return => {
                self.say("Debit returned by the bank", "Prélèvement rejeté par la banque")
            }
            TakenFor::Transfer => self.say("Transfer taken back", "Virement repris"),
            TakenFor::Revocation => self.say("Credit withheld", "Crédit retenu"),
            TakenFor::Restoration => {
                self.say("Withheld credit given back", "Crédit retenu restitué")
            }
            TakenFor::GrantVoid => self.say("Granted credit taken back", "Crédit offert repris"),
        }
    }

    /// What was given back: the number of its credit note, or words for it.
    #[must_use]
    pub fn given_back(self, given_back: &GivenBack) -> String {
        let account = &given_back.to_account;
        match (given_back.amount.is_negative(), given_back.note.is_empty(), account.is_empty()) {
            (true, ..) => format!(
                "{} {account}",
                self.say(
                    "Sent back by the bank: account ending in",
                    "Renvoyé par la banque : compte finissant par"
                )
            ),
            (false, false, _) => given_back.note.clone(),
            (false, true, false) => {
                format!(
                    "{} {account}",
                    self.say(
                        "Transferred to the account ending in",
                        "Viré sur le compte finissant par"
                    )
                )
            }
            (false, true, true) => self.say("Payment taken off", "Paiement désaffecté").to_owned(),
        }
    }

    /// Which condition of prepayment does not hold any more, as the end of a sentence.
    #[must_use]
    pub fn prepayment_condition(self, condition: &str) -> &'static str {
        match condition {
            "PROVIDER_NOT_CONNECTED" => self.say(
                "no payment provider is connected",
                "aucun prestataire de paiement n’est connecté",
            ),
            "PROVIDER_NOT_DEFAULT" => self.say(
                "the connected payment provider is not the default one",
                "le prestataire de paiement connecté n’est pas celui par défaut",
            ),
            "INVOICES_HIDDEN" => self.say(
                "customers do not see their invoices",
                "les clients ne voient pas leurs factures",
            ),
            "NO_METHOD_CHOSEN" => self.say(
                "no kind of payment method is offered",
                "aucun moyen de paiement n’est proposé",
            ),
            _ => self.say(
                "the settings of the wallet are not complete",
                "les réglages du portefeuille sont incomplets",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wording::Language;

    #[test]
    fn every_code_becomes_words_and_what_a_person_wrote_stays() {
        let codes = [
            "card_declined",
            "stolen_card",
            "no_such_card",
            "never_heard_of",
            "",
            "DECLINED",
            "revocation_of_authorization",
        ];
        for language in Language::ALL {
            for code in codes {
                let words = language.failure(code);
                assert!(
                    words.len() > 15 && !words.contains('_') && !words.contains("stolen"),
                    "{code}: {words}"
                );
            }
            for code in ["TRANSFER_FEES", "TRANSFER_TAKEN_BACK", "NOT_TRANSFERRED"] {
                assert!(!language.note_reason(code).contains('_'));
            }
            for code in [
                "PROVIDER_NOT_CONNECTED",
                "PROVIDER_NOT_DEFAULT",
                "INVOICES_HIDDEN",
                "NO_METHOD_CHOSEN",
                "OTHER",
            ] {
                assert!(!language.prepayment_condition(code).contains('_'));
            }
            assert_eq!(language.note_reason("Goodwill"), "Goodwill");
        }
        assert_ne!(
            Language::French.failure("card_declined"),
            Language::English.failure("card_declined")
        );
    }
}
