//! The programs of the suite, each with its command line, for pages and checks that list settings.

use clap::Command;
use payterms_chassis::boot;

/// Every program by its name.
#[must_use]
pub fn programs() -> Vec<(&'static str, Command)> {
    vec![
        ("payterms-wallet", boot::command::<payterms_wallet::Wallet>()),
        ("payterms-invoicing", boot::command::<payterms_invoicing::Invoicing>()),
        ("payterms-credit", boot::command::<payterms_credit::Credit>()),
        ("payterms-plans", boot::command::<payterms_plans::Plans>()),
        ("payterms-gateway", payterms_gateway::command()),
        ("payterms-migrate", payterms_migrations::command::command()),
        ("payterms", crate::command::command()),
    ]
}

#[cfg(test)]
mod tests {
    use super::programs;

    #[test]
    fn each_says_its_own_name_and_the_version() {
        for (name, command) in programs() {
            assert_eq!(command.render_version(), format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        }
    }
}
