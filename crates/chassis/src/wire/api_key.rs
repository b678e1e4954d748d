//! How an API key's secret is written: a prefix that names the suite and the kind of tenant, 43
//! random letters and digits, which is 256 bits, and six of a checksum. So programs that look for
//! leaked secrets find one for certain, and the gateway asks nobody about a text that is none.

use rand::{Rng, distr::Alphanumeric};
use sha2::{Digest, Sha256};

/// What a secret of a tenant begins with, and one of a sandbox tenant.
const PREFIXES: [&str; 2] = ["ptk_live_", "ptk_test_"];
/// Random characters, each of 62: 256 bits.
const RANDOM: usize = 43;
/// Characters of the checksum: a CRC-32.
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A secret's SHA-256, by which it is known everywhere but at its owner's and the gateway.
pub type SecretHash = [u8; 32];

/// Whether a text is to be a secret of a key, and no token of an identity provider.
#[must_use]
pub fn is_api_key(text: &str) -> bool {
    text.starts_with("ptk_")
}

/// A new secret.
#[must_use]
pub fn make(is_sandbox: bool) -> String {
    let random: String =
        rand::rng().sample_iter(Alphanumeric).take(RANDOM).map(char::from).collect();
    let [live, test] = PREFIXES;
    let text = format!("{}{random}", if is_sandbox { test } else { live });
    let checksum = checksum(&text);
    text + &checksum
}

/// The hash of a secret; none where the text is no secret that [`make`] could have made.
#[must_use]
pub fn hash_of(text: &str) -> Option<SecretHash> {
    let rest = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let is_whole =
        rest.len() == RANDOM + CHECKSUM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (checked, stated) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
    (is_whole && checksum(checked) == stated).then(|| Sha256::digest(text).into())
}

/// The last characters of a secret, by which people know it again.
#[must_use]
pub fn last_four(secret: &str) -> String {
    secret.get(secret.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

/// Whether a method, `payterms.wallet.v1.PostingService/PostDebit`, is among patterns: names of
/// methods, or with `*` at the end the beginning of some. None are all.
#[must_use]
pub fn may_call(patterns: &[String], method: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| is_of_pattern(pattern, method))
}

/// Whether a method is among those of a pattern.
#[must_use]
pub fn is_of_pattern(pattern: &str, method: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == method, |beginning| method.starts_with(beginning))
}

fn checksum(text: &str) -> String {
    let mut rest = usize::try_from(crc32fast::hash(text.as_bytes())).unwrap_or_default();
    let mut digits = [DIGITS[0]; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get(rest % DIGITS.len()).copied().unwrap_or_default();
        rest /= DIGITS.len();
    }
    digits.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{checksum, hash_of, is_api_key, last_four, make, may_call};

    #[test]
    fn a_secret_is_known_by_its_form() {
        for (sandbox, prefix) in [(false, "ptk_live_"), (true, "ptk_test_")] {
            let secret = make(sandbox);
            assert!(
                secret.starts_with(prefix) && secret.len() == 58 && is_api_key(&secret),
                "{secret}"
            );
            assert!(hash_of(&secret).is_some() && hash_of(&secret) != hash_of(&make(sandbox)));
            assert_eq!(last_four(&secret), secret[54..]);
            // One character other than it was, in every place.
            for place in 0..secret.len() {
                let mut wrong = secret.clone().into_bytes();
                wrong[place] = if wrong[place] == b'x' { b'y' } else { b'x' };
                assert_eq!(hash_of(&String::from_utf8(wrong).unwrap()), None, "{place}");
            }
        }
        for wrong in [
            "",
            "ptk_",
            "ptk_live_",
            "ptk_live_é",
            &format!("ptk_prod_{}", &make(false)[9..]),
            &make(true)[1..],
            &(make(true) + "0"),
        ] {
            assert_eq!(hash_of(wrong), None, "{wrong}");
        }
        // The checksum is that of others' CRC-32 (0xCBF43926), so that scanners can check it too.
        assert_eq!(checksum("123456789"), "3jZRME");
    }

    #[test]
    fn patterns_name_methods() {
        let may = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            may_call(&patterns, "payterms.wallet.v1.PostingService/PostDebit")
        };
        for patterns in [
            &[][..],
            &["payterms.wallet.v1.PostingService/PostDebit"],
            &["a/B", "payterms.wallet.v1.PostingService/*"],
            &["payterms.wallet.*"],
        ] {
            assert!(may(patterns), "{patterns:?}");
        }
        for patterns in [
            &["payterms.wallet.v1.PostingService/PostDebits"][..],
            &["payterms.wallet.v1.PostingService"],
            &["payterms.credit.*"],
        ] {
            assert!(!may(patterns), "{patterns:?}");
        }
    }
}
