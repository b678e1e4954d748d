//! The switch of prepayment: its conditions, and with which methods customers may buy credit
//! (docs/domain/wallet.md#prepayment).

use crate::{method::MethodKind, settings::WalletSettings};
use payterms_kernel::{Condition, Reason, Refusal, Violation};

impl WalletSettings {
    /// The conditions of prepayment that do not hold, all of them.
    #[must_use]
    pub fn broken_conditions(&self) -> Vec<Condition> {
        let checks = [
            (self.invoices_hidden, "INVOICES_HIDDEN", "Let customers see their invoices."),
            (self.provider.is_empty(), "PROVIDER_NOT_CONNECTED", "Connect a payment provider."),
            (
                !self.provider_default,
                "PROVIDER_NOT_DEFAULT",
                "Make the connected provider the default one.",
            ),
            (
                self.methods.iter().all(|kind| *kind == MethodKind::BankTransfer),
                "NO_METHOD_CHOSEN",
                "Choose cards or bank debit.",
            ),
        ];
        let broken = checks.into_iter().filter(|(broken, ..)| *broken);
        broken
            .map(|(_, name, description)| Condition {
                name,
                subject: "walletSettings".into(),
                description: description.into(),
            })
            .collect()
    }

    /// Turns prepayment on for some of the chosen methods; one chosen method needs no list.
    ///
    /// # Errors
    /// `PREPAYMENT_CONDITIONS` with every condition; `METHOD_NOT_OFFERED` for one not chosen.
    pub fn turn_on(&mut self, offered: Vec<MethodKind>) -> Result<(), Refusal> {
        let broken = self.broken_conditions();
        if !broken.is_empty() {
            let names: Vec<_> = broken.iter().map(|condition| condition.name).collect();
            let message = format!("Prepayment cannot be turned on: {}.", names.join(", "));
            return Err(Refusal::precondition(Reason::PREPAYMENT_CONDITIONS, message)
                .with_conditions(broken));
        }
        let offered = if offered.is_empty() && self.methods.len() == 1 {
            self.methods.clone()
        } else {
            offered
        };
        if offered.is_empty() {
            let chosen = self.methods.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            let description = format!("Name some of the chosen methods: {chosen}.");
            return Err(Refusal::invalid(vec![Violation {
                field: "methods".into(),
                reason: Reason::FIELD_REQUIRED,
                description,
            }]));
        }
        if offered.iter().any(|kind| !self.methods.contains(kind)) {
            return Err(Refusal::precondition(
                Reason::METHOD_NOT_OFFERED,
                "Offer only methods that the tenant has chosen.",
            ));
        }
        self.prepayment = true;
        self.prepayment_methods = offered;
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Turns prepayment off.
    pub fn turn_off(&mut self) {
        self.prepayment = false;
        self.prepayment_methods.clear();
        self.version = self.version.saturating_add(1);
    }

    /// After any change: turns prepayment off if a condition no longer holds, and returns the name
    /// of the condition.
    pub fn turn_off_if_broken(&mut self) -> Option<&'static str> {
        self.prepayment_methods.retain(|kind| self.methods.contains(kind));
        let broken = self.broken_conditions().first().map(|condition| condition.name);
        let broken = broken
            .or(self.prepayment_methods.is_empty().then_some("NO_METHOD_CHOSEN"))
            .filter(|_| self.prepayment);
        if broken.is_some() {
            self.turn_off();
        }
        broken
    }

    /// Refuses while customers may not buy credit with a kind of method.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`, `METHOD_NOT_OFFERED`.
    pub fn must_sell_by(&self, kind: MethodKind) -> Result<(), Refusal> {
        if !self.prepayment {
            return Err(Refusal::precondition(
                Reason::FEATURE_DISABLED,
                "The tenant has not turned prepayment on.",
            ));
        }
        if !self.prepayment_methods.contains(&kind) {
            return Err(Refusal::precondition(
                Reason::METHOD_NOT_OFFERED,
                "The tenant does not offer this kind of method for prepayment.",
            ));
        }
        Ok(())
    }

    /// Refuses while customers may not buy credit with any kind of saved method.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`, `METHOD_NOT_OFFERED`.
    pub fn must_sell_by_saved(&self) -> Result<(), Refusal> {
        self.must_sell_by(MethodKind::Card).or_else(|_| self.must_sell_by(MethodKind::BankDebit))
    }
}

#[cfg(test)]
mod tests {
    use crate::{MethodKind, WalletSettings, settings::tests::connected};
    use payterms_kernel::Reason;

    #[test]
    fn all_broken_conditions_come_in_one_answer() {
        let mut settings = WalletSettings { invoices_hidden: true, ..WalletSettings::fresh() };
        let refused = settings.turn_on(vec![]).unwrap_err();
        let names: Vec<_> = refused.conditions.iter().map(|condition| condition.name).collect();
        assert_eq!(
            names,
            [
                "INVOICES_HIDDEN",
                "PROVIDER_NOT_CONNECTED",
                "PROVIDER_NOT_DEFAULT",
                "NO_METHOD_CHOSEN"
            ]
        );
    }

    #[test]
    fn one_of_two_chosen_methods_is_named() {
        let mut settings = WalletSettings {
            methods: vec![MethodKind::Card, MethodKind::BankDebit],
            ..connected()
        };
        let refused = settings.turn_on(vec![]).unwrap_err();
        assert_eq!(
            refused.violations[0].description,
            "Name some of the chosen methods: CARD, BANK_DEBIT."
        );
    }

    #[test]
    fn a_condition_that_breaks_later_turns_it_off() {
        let mut settings = connected();
        settings.turn_on(vec![]).unwrap();
        assert_eq!(settings.turn_off_if_broken(), None);
        settings.invoices_hidden = true;
        assert_eq!(settings.turn_off_if_broken(), Some("INVOICES_HIDDEN"));
        assert!(!settings.prepayment);
        assert_eq!(
            settings.must_sell_by(MethodKind::Card).unwrap_err().reason,
            Reason::FEATURE_DISABLED
        );
    }
}
