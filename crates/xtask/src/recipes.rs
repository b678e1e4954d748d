//! Recipes and walks in Markdown cite files and what is in them, each in a list item of the form
//! ``- `path/to/file.rs`: `identifier`, `identifier` ``. Here it is checked that each file is there
//! and contains its identifiers, so that a recipe cannot describe code that has changed.

use std::{fs, path::Path};

/// A citation: a file, and what is in it.
#[derive(Debug, PartialEq, Eq)]
struct Citation<'a> {
    path: &'a str,
    identifiers: Vec<&'a str>,
}

/// Notes each citation whose file or identifier does not exist.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    for page in crate::tidy::files_ending(root, &["md"]) {
        let text = fs::read_to_string(&page).unwrap_or_default();
        let shown = page.strip_prefix(root).unwrap_or(&page).display().to_string();
        for (number, citation) in
            (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, citation(line)?)))
        {
            let Ok(cited) = fs::read_to_string(root.join(citation.path)) else {
                wrong.push(format!("{shown}:{number}: there is no file {}", citation.path));
                continue;
            };
            for identifier in
                citation.identifiers.iter().filter(|identifier| !cited.contains(**identifier))
            {
                wrong.push(format!(
                    "{shown}:{number}: {} does not contain {identifier:?}",
                    citation.path
                ));
            }
        }
    }
}

/// The citation that a line is, if it is one.
fn citation(line: &str) -> Option<Citation<'_>> {
    let (path, rest) = line.strip_prefix("- `")?.split_once("`: ")?;
    let identifiers = rest.split('`').skip(1).step_by(2).collect();
    (path.contains('.') && !path.contains(' ')).then_some(Citation { path, identifiers })
}

#[cfg(test)]
mod tests {
    use super::{Citation, citation};

    #[test]
    fn a_list_item_with_a_path_is_a_citation() {
        let expected = Citation { path: "a/b.rs", identifiers: vec!["fn c", "d"] };
        assert_eq!(citation("- `a/b.rs`: `fn c`, `d`"), Some(expected));
        assert_eq!(citation("- `db.read` gives a connection."), None);
        assert_eq!(citation("`a/b.rs`: `fn c`"), None);
    }
}
