//! Citations of the documentation: each cited page of `docs/` exists, and so does the cited anchor.
//! An anchor is a heading or `<a id="…"></a>`; code and tests cite `docs/<page>.md#<anchor>`, pages
//! also link relative to themselves.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

/// What is searched for citations; binary files and generated trees have other endings.
const ENDINGS: [&str; 8] = ["rs", "md", "proto", "toml", "sql", "py", "yaml", "yml"];

/// The anchors of each page, by the page's path from the root.
type Pages = BTreeMap<PathBuf, Vec<String>>;

/// Notes each citation whose page or anchor does not exist, each anchor that a page has twice, and
/// each decision that is not listed.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    let files = crate::tidy::files_ending(root, &ENDINGS);
    let texts: Vec<_> = files
        .iter()
        .map(|file| {
            (
                file.strip_prefix(root).unwrap_or(file).to_path_buf(),
                fs::read_to_string(file).unwrap_or_default(),
            )
        })
        .collect();
    let pages: Pages = texts
        .iter()
        .filter(|(file, _)| is_page(file))
        .map(|(file, text)| (file.clone(), anchors(text)))
        .collect();
    for (page, anchors) in pages.iter().filter(|(page, _)| page.starts_with("docs")) {
        for (position, anchor) in anchors
            .iter()
            .enumerate()
            .filter(|(position, anchor)| anchors.iter().take(*position).any(|a| a == *anchor))
        {
            wrong
                .push(format!("{}: anchor {position}, {anchor:?}, is there twice", page.display()));
        }
    }
    let decisions = fs::read_to_string(root.join("docs/adr/README.md")).unwrap_or_default();
    let listed = |page: &Path| {
        page.file_name()
            .is_some_and(|name| decisions.contains(&format!("({})", name.to_string_lossy())))
    };
    for page in pages.keys().filter(|page| {
        page.starts_with("docs/adr") && !page.ends_with("README.md") && !listed(page)
    }) {
        wrong.push(format!("{}: docs/adr/README.md does not list it", page.display()));
    }
    if !numbers(&decisions).is_sorted() {
        wrong.push(
            "docs/adr/README.md: the decisions are not in the order of their numbers".to_owned(),
        );
    }
    // The examples of this file cite what does not exist.
    for (file, text) in texts.iter().filter(|(file, _)| !file.ends_with("xtask/src/citations.rs")) {
        let mut cited: Vec<_> =
            from_root(text).into_iter().map(|citation| (PathBuf::new(), citation)).collect();
        if is_page(file) {
            let folder = file.parent().unwrap_or(Path::new(""));
            cited.extend(links(text).into_iter().map(|link| (folder.to_path_buf(), link)));
        }
        for (folder, citation) in cited {
            if let Some(problem) = problem(&pages, file, &folder, citation) {
                wrong.push(format!("{}: {citation}: {problem}", file.display()));
            }
        }
    }
}

/// The numbers of a list's items, in their order.
fn numbers(list: &str) -> Vec<u32> {
    list.lines().filter_map(|line| line.split_once(". [")?.0.parse().ok()).collect()
}

/// What is wrong with a citation, if anything is.
fn problem(pages: &Pages, file: &Path, folder: &Path, citation: &str) -> Option<&'static str> {
    let (path, anchor) = citation.split_once('#').unwrap_or((citation, ""));
    let page = if path.is_empty() { file.to_path_buf() } else { joined(folder, path) };
    match pages.get(&page) {
        None => Some("no such page"),
        Some(anchors) if !anchor.is_empty() && !anchors.iter().any(|there| there == anchor) => {
            Some("the page has no such anchor")
        }
        Some(_) => None,
    }
}

fn is_page(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "md")
}

/// A path from a folder, without `..`.
fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut joined = folder.to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                joined.pop();
            }
            Component::Normal(name) => joined.push(name),
            _ => {}
        }
    }
    joined
}

/// Citations of the form `docs/<page>.md#<anchor>` that are not the tail of a longer path.
fn from_root(text: &str) -> Vec<&str> {
    let part_of_a_path = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    text.match_indices("docs/")
        .filter(|(start, _)| {
            !text.get(..*start).is_some_and(|before| before.ends_with(part_of_a_path))
        })
        .filter_map(|(start, _)| {
            let rest = text.get(start..)?;
            let end = rest
                .find(|letter: char| !part_of_a_path(letter) && letter != '#')
                .unwrap_or(rest.len());
            Some(rest.get(..end)?.trim_end_matches(['.', '#']))
        })
        .filter(|citation| citation.contains(".md"))
        .collect()
}

/// Targets of the Markdown links of a page that lead to pages of the repository.
fn links(text: &str) -> Vec<&str> {
    text.match_indices("](")
        .filter_map(|(start, mark)| text.get(start.saturating_add(mark.len())..)?.split(')').next())
        .filter(|link| !link.contains("://") && (link.contains(".md") || link.starts_with('#')))
        .collect()
}

/// The anchors of a page: its headings as GitHub names them, and its `<a id>` marks.
fn anchors(text: &str) -> Vec<String> {
    let (mut found, mut in_code) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        if let Some(heading) = line.strip_prefix('#') {
            found.push(slug(heading.trim_start_matches('#').trim()));
        }
        found.extend(
            line.split("<a id=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(str::to_owned),
        );
    }
    found
}

/// The anchor of a heading.
fn slug(heading: &str) -> String {
    let letters =
        heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    letters
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Pages, anchors, from_root, joined, links, problem};
    use std::path::{Path, PathBuf};

    #[test]
    fn citations_are_found_in_sentences() {
        let text = "see docs/domain/plans.md#answers. And (docs/a.md, docs/b.md#c), not ../docs/d.md or https://x/docs/e.md or docs/adr.";
        assert_eq!(from_root(text), ["docs/domain/plans.md#answers", "docs/a.md", "docs/b.md#c"]);
        assert_eq!(
            links("[a](../b.md#c), [d](https://e/f.md), [g](h.rs), [i](#j)"),
            ["../b.md#c", "#j"]
        );
        assert_eq!(
            joined(Path::new("docs/adr"), "../domain/plans.md"),
            PathBuf::from("docs/domain/plans.md")
        );
    }

    #[test]
    fn anchors_are_headings_and_marks() {
        let page = "# Who sees `what`?\n```sh\n# no heading\n```\n- <a id=\"first-rule\"></a>**A rule.**\n";
        assert_eq!(anchors(page), ["who-sees-what", "first-rule"]);
    }

    #[test]
    fn a_citation_needs_its_page_and_its_anchor() {
        let pages: Pages = [(PathBuf::from("docs/a.md"), vec!["b".to_owned()])].into();
        let found = |citation| problem(&pages, Path::new("docs/a.md"), Path::new(""), citation);
        assert_eq!(found("docs/a.md#b"), None);
        assert_eq!(found("docs/a.md#c"), Some("the page has no such anchor"));
        assert_eq!(found("docs/c.md"), Some("no such page"));
        assert_eq!(found("#b"), None);
    }
}
