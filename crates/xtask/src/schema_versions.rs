//! The versions of the schemas in the manifests: the name of each migration Job, and the value of
//! the chart that it is made of. Both follow `SCHEMA_VERSION` of the service, so that nobody
//! maintains them by hand.

use std::{fs, path::Path};

/// The chart's values, which name the schema of each service.
const VALUES: &str = "k8s/chart/values.yaml";

/// Writes the versions into the manifests.
///
/// # Errors
/// A sentence that names the file.
pub fn write(root: &Path) -> Result<(), String> {
    for (file, fresh) in pages(root)? {
        fs::write(root.join(&file), fresh).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Notes each manifest that has another version than the service waits for.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    let pages = match pages(root) {
        Ok(pages) => pages,
        Err(text) => return wrong.push(text),
    };
    for (file, fresh) in pages {
        if fs::read_to_string(root.join(&file)).unwrap_or_default() != fresh {
            wrong.push(format!("{file} has an old version of a schema: run `cargo run -p payterms-xtask -- readmes`"));
        }
    }
}

/// The manifests with the versions as they should be.
fn pages(root: &Path) -> Result<Vec<(String, String)>, String> {
    let read = |file: &str| {
        fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
    };
    let mut values = read(VALUES)?;
    let mut pages = Vec::new();
    for service in payterms_migrations::SERVICES {
        let source = format!("services/{service}/src/lib.rs");
        let version = read(&source)?
            .split("SCHEMA_VERSION: &'static str = \"")
            .nth(1)
            .and_then(|rest| Some(rest.split('"').next()?.to_owned()));
        let version = version.ok_or_else(|| format!("{source} has no SCHEMA_VERSION"))?;
        let file = format!("k8s/base/{service}/migrate.yaml");
        let job = format!("  name: migrate-{}", version.replace('_', "-"));
        pages.push((
            file.clone(),
            with_line(&read(&file)?, &format!("  name: migrate-{service}-"), &job),
        ));
        values = with_line(
            &values,
            &format!("    schema: {service}_"),
            &format!("    schema: {version}"),
        );
    }
    pages.push((VALUES.to_owned(), values));
    Ok(pages)
}

/// A text whose line that begins so is another one.
fn with_line(text: &str, beginning: &str, line: &str) -> String {
    text.lines()
        .map(|old| format!("{}\n", if old.starts_with(beginning) { line } else { old }))
        .collect::<Vec<_>>()
        .concat()
}

#[cfg(test)]
mod tests {
    use super::with_line;

    #[test]
    fn only_the_line_of_the_service_changes() {
        let text = "a:\n    schema: a_0001_x\nb:\n    schema: b_0001_y\n";
        assert_eq!(
            with_line(text, "    schema: b_", "    schema: b_0002_z"),
            "a:\n    schema: a_0001_x\nb:\n    schema: b_0002_z\n"
        );
    }
}
