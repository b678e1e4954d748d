//! The applicant's legal name, of which credit keeps a hash: enough to see that a transfer comes
//! from the applicant.

use payterms_credit_domain::bank::key_words;
use payterms_kernel::TenantId;
use sha2::{Digest, Sha256};

/// Letters that a name must have to be looked for: a shorter one is part of too many others.
const LEAST_LETTERS: usize = 3;

fn hash(tenant: &TenantId, words: &[String]) -> String {
    hex::encode(
        Sha256::digest(format!("{tenant}/{}", words.join(" "))).get(..12).unwrap_or_default(),
    )
}

/// What a legal name is compared by: how many words distinguish it, and their hash.
#[must_use]
pub fn name_key(tenant: &TenantId, legal_name: &str) -> String {
    let words = key_words(legal_name);
    if words.concat().chars().count() < LEAST_LETTERS {
        return String::new();
    }
    format!("{}:{}", words.len(), hash(tenant, &words))
}

/// Whether a party is the one whose name the key is of, whatever stands before and after it.
#[must_use]
pub fn is_holder(tenant: &TenantId, key: &str, party: &str) -> bool {
    let Some((count, expected)) = key.split_once(':') else { return false };
    let Ok(count) = count.parse::<usize>() else { return false };
    count > 0 && key_words(party).windows(count).any(|words| hash(tenant, words) == expected)
}

#[cfg(test)]
mod tests {
    use super::{is_holder, name_key};

    #[test]
    fn a_name_is_found_however_a_bank_writes_it_and_is_not_kept() {
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let key = name_key(&acme, "Wonka Sweets, Inc.");
        for party in ["WONKA SWEETS INC", "wonka sweets", "ACH TRANSFER WONKA SWEETS 0042"] {
            assert!(is_holder(&acme, &key, party), "{party}");
        }
        for party in ["Wonka", "Sweets Wonka", "Globex", ""] {
            assert!(!is_holder(&acme, &key, party), "{party}");
        }
        assert!(
            !key.to_lowercase().contains("wonka") && key != name_key(&globex, "Wonka Sweets, Inc.")
        );
        assert!(!is_holder(&acme, &name_key(&acme, "A"), "A") && !is_holder(&acme, "", ""));
    }
}
