//! Texts that documents print: their letters must be in the fonts (docs/domain/invoicing.md#scripts).

use crate::documents::paper::unprintable;
use payterms_chassis::Fields;

/// Refuses a text with characters that documents cannot print, and names them.
pub fn must_be_printable(fields: &mut Fields, field: &str, text: &str) {
    let missing: String = unprintable(text).chars().take(20).collect();
    if !missing.is_empty() {
        let sentence = format!("Documents cannot print {missing:?} yet. Write it in Latin, Greek or Cyrillic letters.");
        fields.wrong(field, "SCRIPT_UNSUPPORTED", &sentence);
    }
}

/// A text that documents print, of so many characters.
pub fn printed(fields: &mut Fields, field: &str, text: &str, least: usize, most: usize) -> String {
    let kept = fields.text(field, text, least, most);
    must_be_printable(fields, field, text);
    kept
}
