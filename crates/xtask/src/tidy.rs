//! The rules of the tree that no compiler holds: dependency direction, file length, module
//! headers, no inexact column, reasons of the closed list, names that say nothing.

use prost_reflect::DescriptorPool;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The longest file.
const MOST_LINES: usize = 400;
/// What a crate of the suite may depend on within the suite; a folder's first match counts.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("crates/kernel", &[]),
    ("crates/bank-files", &["kernel"]),
    ("crates/fonts", &[]),
    ("proto", &[]),
    ("migrations", &["kernel", "chassis"]),
    ("crates/chassis", &["kernel", "proto", "bank-files", "fonts"]),
    ("crates/simulator", &["chassis"]),
    ("services/wallet/domain", &["kernel"]),
    ("services/invoicing/domain", &["kernel"]),
    ("services/credit/domain", &["kernel", "bank-files"]),
    ("services/credit", &["kernel", "chassis", "proto", "bank-files", "credit-domain"]),
    ("services/plans/domain", &["kernel"]),
    ("services/plans", &["kernel", "chassis", "proto", "plans-domain"]),
    ("services/wallet", &["kernel", "chassis", "proto", "wallet-domain"]),
    (
        "services/invoicing",
        &["kernel", "chassis", "proto", "bank-files", "fonts", "invoicing-domain"],
    ),
    ("gateway", &["kernel", "chassis", "proto"]),
];
/// File names that tell no story.
const EMPTY_NAMES: [&str; 4] = ["utils.rs", "common.rs", "helpers.rs", "misc.rs"];

/// Checks everything and tells all that is wrong.
///
/// # Errors
/// A line for each rule that is broken.
pub fn check(root: &Path) -> Result<(), String> {
    let mut wrong = Vec::new();
    let files = rust_files(root);
    for file in &files {
        let text = fs::read_to_string(file).unwrap_or_default();
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        let lines = text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{shown}: {lines} lines; {MOST_LINES} are the most"));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{shown}: no `//!` header that says what lives here"));
        }
        if EMPTY_NAMES.iter().any(|name| shown.ends_with(&format!("/{name}"))) {
            wrong.push(format!("{shown}: the name says nothing"));
        }
    }
    directions(root, &mut wrong);
    crate::rooms::check(root, &mut wrong);
    crate::words::check(root, &files, &mut wrong);
    columns(root, &mut wrong);
    reasons(root, &files, &mut wrong);
    crate::configuration::check(root, &mut wrong);
    crate::neighbours::check(root, &mut wrong);
    crate::schema_versions::check(root, &mut wrong);
    crate::citations::check(root, &mut wrong);
    crate::recipes::check(root, &mut wrong);
    crate::movements::check(root, &mut wrong);
    crate::languages::check(&mut wrong);
    crate::field_words::check(&mut wrong);
    wrong.extend(crate::states::check(root).err());
    wrong.extend(crate::readmes::check(root).err());
    wrong.extend(crate::events::check(root).err());
    wrong.extend(crate::reference::check(root).err());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// All Rust files below a folder, in order.
pub fn rust_files(root: &Path) -> Vec<PathBuf> {
    files_ending(root, &["rs"])
}

/// All files below a folder whose names end so, in order; not what is built or hidden.
pub fn files_ending(root: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && name != "target" && name != "data" && !name.starts_with('.') {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ending| endings.iter().any(|one| ending == *one))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn directions(root: &Path, wrong: &mut Vec<String>) {
    for (folder, allowed) in DIRECTIONS {
        let text = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap_or_default();
        let Ok(manifest) = text.parse::<toml::Table>() else {
            wrong.push(format!("{folder}/Cargo.toml cannot be read"));
            continue;
        };
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for name in dependencies.into_iter().flat_map(toml::Table::keys) {
            if let Some(text) = name.strip_prefix("payterms-")
                && !allowed.contains(&text)
            {
                wrong.push(format!("{folder} may not depend on {name}"));
            }
        }
    }
}

fn columns(root: &Path, wrong: &mut Vec<String>) {
    for file in rust_files(&root.join("migrations/src")) {
        let text = fs::read_to_string(&file).unwrap_or_default().to_lowercase();
        for inexact in [" numeric", " decimal", " real", " double", " float", " money "] {
            if text.contains(&format!("{inexact} not null"))
                || text.contains(&format!("{inexact},"))
            {
                wrong.push(format!("{}: a column of{inexact}", file.display()));
            }
        }
    }
}

/// Every reason of the contract is in the code. One that the contract does not have does not compile.
fn reasons(root: &Path, files: &[PathBuf], wrong: &mut Vec<String>) {
    let Ok(pool) = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET) else { return };
    let Some(reasons) = pool.get_enum_by_name("payterms.common.v1.ErrorReason") else { return };
    let known: BTreeSet<_> = reasons
        .values()
        .skip(1)
        .map(|value| value.name().trim_start_matches("ERROR_REASON_").to_owned())
        .collect();
    let answering = |file: &&PathBuf| {
        !file.starts_with(root.join("tests")) && !file.starts_with(root.join("crates/xtask"))
    };
    let answering: Vec<_> = files.iter().filter(answering).collect();
    for file in answering.iter().filter(|file| {
        !file.ends_with("tests.rs") && !file.to_string_lossy().ends_with("_tests.rs")
    }) {
        crate::refusals::check(root, file, wrong);
    }
    let code: String = answering.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    crate::errors::check(&code, wrong);
    let given: BTreeSet<_> = code.split("Reason::").skip(1).filter_map(first_word).collect();
    for reason in known.iter().filter(|reason| !given.contains(reason.as_str())) {
        wrong.push(format!("error_reason.proto: {reason} is never given"));
    }
}

fn first_word(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        if let Err(wrong) = super::check(&crate::root()) {
            panic!("{wrong}");
        }
    }
}
