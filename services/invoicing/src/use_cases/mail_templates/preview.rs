//! Tries a template.

use crate::{commands::mail_templates::TemplateText, templates};
use payterms_chassis::AppError;
use payterms_proto::invoicing::v1 as pb;

/// Tries a template.
///
/// # Errors
/// `TEMPLATE_INVALID`.
pub fn preview_mail_template(
    TemplateText { template: named, subject, text }: &TemplateText,
) -> Result<pb::PreviewMailTemplateResponse, AppError> {
    let (subject, text) =
        templates::render(subject, text, &templates::samples(named.kind, named.language))?;
    Ok(pb::PreviewMailTemplateResponse { subject, text })
}
