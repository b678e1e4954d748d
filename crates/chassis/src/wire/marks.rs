//! A tenant's own ids and labels in requests.

use crate::wire::fields::Fields;
use payterms_kernel::Reason;
use payterms_kernel::marks::{self, MOST_ID, MOST_LABELS, MOST_VALUE, Marks};
use std::collections::BTreeMap;

impl Fields {
    /// A tenant's own id of a resource; empty for none.
    pub fn external_id(&mut self, field: &str, text: &str) -> Option<String> {
        self.reference(field, text, 0, MOST_ID);
        self.trimmed_line(field, text);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Labels; each that is wrong is named.
    pub fn labels(
        &mut self,
        field: &str,
        labels: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        if labels.len() > MOST_LABELS {
            self.wrong(
                field,
                Reason::TOO_MANY_ITEMS,
                format!("Write at most {MOST_LABELS} labels."),
            );
            return BTreeMap::new();
        }
        for (key, value) in labels {
            if marks::is_key(key) {
                let at = format!("{field}.{key}");
                self.text(&at, value, 0, MOST_VALUE);
                self.trimmed_line(&at, value);
            } else {
                // Another letter than ASCII's is shown by its number, so that keys which look alike
                // are told apart.
                let shown = key.chars().take(63).collect::<String>();
                self.wrong(
                    &format!("{field}[\"{}\"]", shown.escape_default()),
                    Reason::FIELD_INVALID_CHARS,
                    format!("{}.", marks::KEY_RULE),
                );
            }
        }
        labels.clone()
    }

    /// Own id and labels of a resource that is created, at `place`, such as `customer.`.
    pub fn marks(
        &mut self,
        place: &str,
        external_id: &str,
        labels: &BTreeMap<String, String>,
    ) -> Marks {
        Marks {
            external_id: self.external_id(&format!("{place}external_id"), external_id),
            labels: self.labels(&format!("{place}labels"), labels),
        }
    }

    fn trimmed_line(&mut self, field: &str, text: &str) {
        if !marks::is_trimmed_line(text) {
            self.wrong(
                field,
                Reason::FIELD_INVALID_CHARS,
                "Write one line without blanks at its ends.",
            );
        }
    }
}
