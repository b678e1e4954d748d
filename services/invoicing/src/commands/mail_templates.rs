//! References to templates of mails, and their texts.

use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;

/// A kind of mail in a language.
#[derive(Debug, Clone, Copy)]
pub struct TemplateRef {
    /// The kind.
    pub kind: MailKind,
    /// The language.
    pub language: Language,
}

/// The text of a template.
#[derive(Debug, Clone)]
pub struct TemplateText {
    /// Which template.
    pub template: TemplateRef,
    /// The subject of its mails.
    pub subject: String,
    /// The text of its mails.
    pub text: String,
}
