//! Every branch of every template of ours reads well: no words run together, no blank twice,
//! nothing left unfilled, no codes.

use super::{Variables, ours, render, samples};
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What stands for the value of a variable.
const FILLED: char = '¤';

/// What the tags of a template ask: variables that may be empty, fields of entries likewise, the
/// names that entries of lists have, and words that variables are compared with.
#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    fields: BTreeSet<String>,
    entries: BTreeMap<String, String>,
    compared: BTreeSet<(String, String)>,
}

fn tags(source: &str) -> impl Iterator<Item = &str> {
    source.split("{%").skip(1).filter_map(|rest| rest.split("%}").next())
}

fn asked(source: &str) -> Asked {
    let mut asked = Asked::default();
    for tag in tags(source).map(str::trim).filter_map(|tag| tag.strip_prefix("for ")) {
        let (entry, list) = tag.split_once(" in ").unwrap();
        asked.entries.insert(list.to_owned(), entry.to_owned());
    }
    for tag in
        tags(source).map(str::trim).filter(|tag| tag.starts_with("if ") || tag.starts_with("elif "))
    {
        let words: Vec<_> = tag
            .split_whitespace()
            .skip(1)
            .filter(|word| !matches!(*word, "not" | "and" | "or"))
            .collect();
        for (place, word) in words.iter().enumerate() {
            if place > 0 && words[place - 1] == "==" || *word == "==" || word.starts_with("loop.") {
                continue;
            }
            if words.get(place + 1) == Some(&"==") {
                asked
                    .compared
                    .insert(((*word).to_owned(), words[place + 2].trim_matches('"').to_owned()));
            } else if word.contains('.') {
                asked.fields.insert((*word).to_owned());
            } else {
                asked.names.insert((*word).to_owned());
            }
        }
    }
    asked
}

/// Values that can be told apart from words; of a list one entry with all its fields, and one
/// without those that may be empty.
fn filled(name: &str, value: &Value, asked: &Asked) -> Value {
    let this_text = asked.entries.get(name).map(String::as_str).unwrap_or_default();
    match value {
        Value::String(_) => json!(FILLED.to_string()),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let entry = |empty: bool| {
                let fields = items[0].as_object().unwrap().iter().map(|(name, value)| {
                    let may_be_empty = asked.fields.contains(&format!("{this_text}.{name}"));
                    let shown =
                        if empty && may_be_empty { json!("") } else { filled(name, value, asked) };
                    (
                        name.clone(),
                        if value.is_number() { json!(if empty { 1 } else { 2 }) } else { shown },
                    )
                });
                Value::Object(fields.collect())
            };
            json!([entry(false), entry(true), entry(false)])
        }
        Value::Array(_) => json!([FILLED.to_string(), FILLED.to_string()]),
        other => other.clone(),
    }
}

/// Every combination of what may be empty, with each word that a variable is compared with.
fn combinations(kind: MailKind, language: Language, asked: &Asked) -> Vec<Variables> {
    let full: Variables = samples(kind, language)
        .iter()
        .map(|(name, value)| (name.clone(), filled(name, value, asked)))
        .collect();
    let names: Vec<_> = asked.names.iter().collect();
    assert!(names.len() <= 10, "{kind:?}: {names:?}");
    let mut all = Vec::new();
    for chosen in 0..(1_usize << names.len()) {
        let mut variables = full.clone();
        for (place, name) in names.iter().enumerate() {
            assert!(full.contains_key(*name), "{kind:?} has no sample of {name}");
            if chosen >> place & 1 == 0 {
                let empty = if full[*name].is_array() { json!([]) } else { json!("") };
                variables.insert((*name).clone(), empty);
            }
        }
        for (name, word) in &asked.compared {
            if full.contains_key(name) {
                let mut with = variables.clone();
                with.insert(name.clone(), json!(word));
                all.push(with);
            }
        }
        all.push(variables);
    }
    all
}

fn words(text: &str) -> BTreeSet<String> {
    let parts = text
        .split(|character: char| !character.is_alphabetic() && character != '’')
        .filter(|text| !text.is_empty());
    parts.map(str::to_owned).collect()
}

/// The words of a template, its tags apart.
fn own_words(source: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        plain.push_str(&rest[..at]);
        plain.push(' ');
        rest = rest[at..].find('}').map_or("", |end| rest[at + end..].trim_start_matches('}'));
    }
    plain.push_str(rest);
    words(&plain)
}

fn faults(text: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut found: Vec<String> =
        words(text).difference(known).map(|word| format!("words run together: {word:?}")).collect();
    let letters: Vec<char> = text.chars().collect();
    for (place, character) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map_or(' ', |place| letters[place]);
        let after = letters.get(place + 1).copied().unwrap_or(' ');
        let around = || {
            letters[place.saturating_sub(12)..(place + 12).min(letters.len())]
                .iter()
                .collect::<String>()
        };
        let glued = match character {
            &FILLED => {
                !before.is_whitespace() && !"(“".contains(before)
                    || !after.is_whitespace() && !".,:;!?)”".contains(after)
            }
            '.' | ',' | ';' | ':' | '!' | '?' => !after.is_whitespace() && !")”".contains(after),
            ' ' => before == ' ' || before == '\n' || after == '\n',
            '_' | '{' | '}' => true,
            _ => false,
        };
        if glued {
            found.push(format!("at {:?}", around()));
        }
    }
    if text.contains("\n\n\n") || text.starts_with('\n') {
        found.push("empty lines".to_owned());
    }
    found
}

#[test]
fn no_branch_of_a_template_runs_words_together() {
    let (mut wrong, mut rendered) = (BTreeSet::new(), 0);
    for kind in MailKind::ALL {
        for language in Language::ALL {
            let template = ours(kind, language);
            let asked = asked(&format!("{} {}", template.0, template.1));
            let known = own_words(&format!("{}\n{}", template.0, template.1));
            for variables in combinations(kind, language, &asked) {
                let (subject, text) = render(template.0, template.1, &variables).unwrap();
                rendered += 1;
                for fault in faults(&subject, &known).into_iter().chain(faults(&text, &known)) {
                    wrong.insert(format!("{kind:?} {}: {fault}", language.code()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rendered > 400, "{rendered} branches were rendered");
}

#[test]
fn what_runs_together_is_found() {
    let known = words("paid See the invoice due");
    for bad in [
        "paid.See",
        "paidSee",
        "due ¤the",
        "due¤",
        "due  the",
        "the\n\n\ninvoice",
        "the card_declined",
        "due {{ the }}",
        "due \nthe",
    ] {
        assert!(!faults(bad, &known).is_empty(), "{bad:?}");
    }
    assert_eq!(faults("the invoice (¤): due ¤, paid.\n\nSee ¤", &known), Vec::<String>::new());
}
