//! References to templates of mails, and their texts.

use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;

/// A kind of mail in a language.
pub type TemplateRef = (MailKind, Language);

/// A template that is given: which, subject and text.
pub type TemplateText = (TemplateRef, String, String);
