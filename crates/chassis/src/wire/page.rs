//! Page tokens: opaque, signed, and valid only for one list of one tenant.

use crate::wire::{call::Grant, error::AppError, fields::Fields, names};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use payterms_kernel::{Reason, Refusal, Violation};
use sha2::Sha256;

/// A requested page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// Method and parent of the list; a token is only valid for the same list.
    pub list: String,
    /// The number of items.
    pub size: u32,
    /// The token of the page; empty for the first one.
    pub token: String,
}

impl Page {
    /// Checks the fields of a list's request.
    #[must_use]
    pub fn parse(fields: &mut Fields, parent: &str, size: i32, token: &str) -> Self {
        let scope = fields.scope();
        // A member's list of all is the own customer's: a token of the tenant's list is none of it.
        let text = scope
            .caller
            .customer
            .filter(|_| scope.grant == Grant::OwnCustomer)
            .map(|id| id.to_string())
            .unwrap_or_default();
        let list = names::with_lower_uuids(&format!("{} {text} {parent}", scope.method));
        Self {
            list,
            size: fields.page_size(size),
            token: fields.token("page_token", token, 0, 1_000),
        }
    }

    /// How many items to read: one more than the page holds, which shows whether there is another
    /// page.
    #[must_use]
    pub fn reads(&self) -> u64 {
        u64::from(self.size).saturating_add(1)
    }
}

/// Signs and reads page tokens.
#[derive(Debug, Clone)]
pub struct PageSigner {
    key: Vec<u8>,
}

impl PageSigner {
    /// A signer with this key.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self { key: key.to_vec() }
    }

    /// Removes the additional item that [`Page::reads`] asked for, and returns the token of the
    /// next page.
    pub fn cut<T>(&self, page: &Page, items: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> String {
        let size = page.size as usize;
        if items.len() <= size {
            return String::new();
        }
        items.truncate(size);
        items.last().map(|last| self.sign(&page.list, &cursor(last))).unwrap_or_default()
    }

    /// The parsed cursor of a page; `None` for the first page.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID` if the token is not of this list.
    pub fn cursor<T: std::str::FromStr>(&self, page: &Page) -> Result<Option<T>, AppError> {
        Ok(self.read(&page.list, &page.token)?.and_then(|cursor| cursor.parse().ok()))
    }

    /// The token of the page after `cursor` in the list `list` (method and parent).
    #[must_use]
    pub fn sign(&self, list: &str, cursor: &str) -> String {
        let mut bytes = self
            .mac(list, cursor)
            .map(|mac| mac.finalize().into_bytes().to_vec())
            .unwrap_or_default();
        bytes.extend_from_slice(cursor.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor of a token; `None` for the first page.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID` if the token is not of this list.
    pub fn read(&self, list: &str, token: &str) -> Result<Option<String>, AppError> {
        if token.is_empty() {
            return Ok(None);
        }
        self.open(list, token).map(Some).ok_or_else(|| {
            let description = "Start again without a token.".to_owned();
            Refusal::invalid(vec![Violation {
                field: "page_token".into(),
                reason: Reason::PAGE_TOKEN_INVALID,
                description,
            }])
            .into()
        })
    }

    fn open(&self, list: &str, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signature, cursor) = bytes.split_at_checked(32)?;
        let cursor = std::str::from_utf8(cursor).ok()?;
        self.mac(list, cursor)?.verify_slice(signature).ok()?;
        Some(cursor.to_owned())
    }

    fn mac(&self, list: &str, cursor: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(list.as_bytes());
        mac.update(&[0]);
        mac.update(cursor.as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::PageSigner;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let signer = PageSigner::new(b"key");
        let token = signer.sign("a", "42");
        assert_eq!(signer.read("a", &token).unwrap(), Some("42".into()));
        assert_eq!(signer.read("a", "").unwrap(), None);
        for (list, token) in [("b", token.as_str()), ("a", "x"), ("a", "AAAA"), ("a", &token[1..])]
        {
            assert!(signer.read(list, token).is_err());
        }
        assert!(PageSigner::new(b"other").read("a", &token).is_err());
    }
}
