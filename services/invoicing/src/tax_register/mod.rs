//! The port to a register of tax numbers, and its adapter.

pub mod vies;

use payterms_invoicing_domain::tax_number_form::Spelled;

/// What a register said of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Whether it is a valid number, with the consultation number where the question had a number
    /// of its own.
    Found {
        /// Whether it is.
        valid: bool,
        /// What proves question and answer; may be empty.
        consultation: String,
    },
    /// It did not answer, with its code or ours: nothing is known.
    Silent(String),
}

/// A register of tax numbers. Asking again changes nothing.
#[tonic::async_trait]
pub trait TaxRegister: std::fmt::Debug + Send + Sync + 'static {
    /// Asks for a number, in the name of the one who asks where it has one.
    async fn ask(&self, number: &Spelled, requester: Option<&Spelled>) -> Answer;
}
