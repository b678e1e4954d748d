//! Tries a template.

use crate::{commands::mail_templates::TemplateText, templates};
use payterms_chassis::AppError;
use payterms_proto::invoicing::v1 as pb;

/// Tries a template.
///
/// # Errors
/// `TEMPLATE_INVALID`.
pub fn preview_mail_template((which, subject, text): &TemplateText) -> Result<pb::PreviewMailTemplateResponse, AppError> {
    let (subject, text) = templates::render((subject, text), &templates::samples(which.0, which.1))?;
    Ok(pb::PreviewMailTemplateResponse { subject, text })
}
