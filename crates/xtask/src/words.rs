//! Names that a stranger cannot understand: public items may not be called by words that say
//! nothing of what they are.

use std::{fs, path::Path};

/// Words that no public name may hold, and what to say instead.
const VAGUE: [(&str, &str); 13] = [
    ("told", "event, message"),
    ("tell", "publish"),
    ("hearer", "subscriber"),
    ("teller", "stream id"),
    ("asked", "request, command"),
    ("known", "cached, seen"),
    ("own", "the noun itself"),
    ("kept", "cached, stored"),
    ("alone", "single call"),
    ("hot", "batch"),
    ("moving", "pending transition"),
    ("judge", "evaluate"),
    ("leave", "enqueue"),
];
/// What a public name follows.
const ITEMS: [&str; 8] =
    ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static ", "mod "];

/// Notes each public name that holds a vague word.
pub fn check(root: &Path, files: &[std::path::PathBuf], wrong: &mut Vec<String>) {
    // Names of tests are sentences.
    for file in files.iter().filter(|file| !file.starts_with(root.join("tests"))) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        for (line, name) in
            text.lines().enumerate().filter_map(|(line, text)| Some((line, public_name(text)?)))
        {
            for (vague, better) in
                VAGUE.iter().filter(|(vague, _)| words(name).iter().any(|word| word == vague))
            {
                wrong.push(format!(
                    "{shown}:{}: {name}: not {vague}; say {better}",
                    line.saturating_add(1)
                ));
            }
        }
    }
}

/// The name of the public item that begins on a line.
fn public_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub")?;
    let rest = match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')')?.1,
        None => rest,
    };
    let rest = rest.strip_prefix(' ')?;
    let rest = rest
        .trim_start_matches("async ")
        .trim_start_matches("const fn ")
        .trim_start_matches("unsafe ");
    let name = ITEMS
        .iter()
        .find_map(|item| rest.strip_prefix(item))
        .or_else(|| line.contains("const fn ").then_some(rest))?;
    name.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .filter(|name| !name.is_empty())
}

/// The words of a name, in lower case: `RequestStamp` and `request_stamp` are both two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::{public_name, words};

    #[test]
    fn public_names_are_found_whatever_stands_before_them() {
        assert_eq!(
            public_name("    pub(crate) async fn hold_credit(&self) {"),
            Some("hold_credit")
        );
        assert_eq!(public_name("pub struct HotCommitter;"), Some("HotCommitter"));
        assert_eq!(public_name("pub const fn zero() -> Self {"), Some("zero"));
        assert_eq!(public_name("pub amount: Money,"), None);
        assert_eq!(public_name("fn own() {}"), None);
    }

    #[test]
    fn a_name_falls_into_its_words() {
        assert_eq!(words("HotCommitter"), ["hot", "committer"]);
        assert_eq!(words("is_known_to"), ["is", "known", "to"]);
        assert_eq!(words("UNKNOWN"), ["u", "n", "k", "n", "o", "w", "n"]);
    }
}
