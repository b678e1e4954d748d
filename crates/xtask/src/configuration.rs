//! docs/configuration.md: every setting of every program, from the command lines themselves; and
//! what must agree with it: the variables that programs know, and those that the manifests of
//! Kubernetes set.

use clap::{Arg, Command};
use payterms_chassis::variables::{VARIABLES, of_program as variables};
use payterms_suite::programs::programs;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const FILE: &str = "docs/configuration.md";
const INTRO: &str = "# Configuration

A setting is a flag, a variable of the environment, or a key in the TOML file of `--config` (`database_connections = 8` for
`--database-connections`); flags win over the environment, and that over the file. A process reads its settings before it binds a port
and names all that is wrong at once. A variable that begins with `PAYTERMS_` and is none of these is refused, with the name that it
resembles; in Kubernetes `enableServiceLinks: false` keeps those away that are made of the names of Services. Programs may share one
environment: each takes what is its own. The suite in one process (`payterms` without a command) has the work of all of them, so it does
not start with a variable that it would pass over, and names each.

Secrets come by file: keys, secrets and credentials always, and addresses with passwords by the settings that end in `_FILE`.
Keys and certificates are read again when their file changes; addresses are read once, at the start.

Without `PAYTERMS_MODE=development` a process is for production: it names what is for development among its settings, keys and
database, and does not start ([deploying](deploying.md)).

This page is made from the command lines by `cargo run -p payterms-xtask -- readmes`.

";

/// One setting, as a line of the page, without the programs that have it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Setting {
    variable: String,
    flag: String,
    default: String,
    meaning: String,
}

/// Writes the page.
///
/// # Errors
/// A sentence that names the file.
pub fn write(root: &Path) -> Result<(), String> {
    fs::write(root.join(FILE), page()).map_err(|error| format!("{FILE}: {error}"))
}

/// Notes a page that is stale, a variable that programs do not know, and one in a manifest that its
/// program does not have.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    if fs::read_to_string(root.join(FILE)).unwrap_or_default() != page() {
        wrong.push(format!("{FILE} is stale: run `cargo run -p payterms-xtask -- readmes`"));
    }
    let read: BTreeSet<_> = programs().iter().flat_map(|(_, command)| variables(command)).collect();
    let known: BTreeSet<_> = VARIABLES.map(str::to_owned).into();
    if read != known {
        let differ: Vec<_> = read.symmetric_difference(&known).collect();
        wrong.push(format!(
            "crates/chassis/src/variables.rs and the command lines differ in {differ:?}"
        ));
    }
    let manifests = |program: &str| -> Vec<String> {
        match program.trim_start_matches("payterms-") {
            "migrate" => payterms_migrations::SERVICES
                .map(|service| format!("k8s/base/{service}/migrate.yaml"))
                .to_vec(),
            // The suite in one process is for one machine.
            "payterms" => Vec::new(),
            name => vec![format!("k8s/base/{name}/deployment.yaml")],
        }
    };
    for (program, command) in programs() {
        let texts = variables(&command);
        for file in manifests(program) {
            let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
            let mut set = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("- name: "))
                .filter(|name| name.starts_with("PAYTERMS_"))
                .peekable();
            if set.peek().is_none() {
                wrong.push(format!("{file}: it sets nothing, and {program} needs its files named"));
            }
            wrong.extend(
                set.filter(|name| !texts.contains(*name))
                    .map(|name| format!("{file}: {program} has no {name}")),
            );
        }
    }
}

fn page() -> String {
    let mut settings: BTreeMap<Setting, Vec<&str>> = BTreeMap::new();
    let mut order = programs();
    let mut programs_of = |program: &'static str, command: &Command, before: &str| {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let of_setting = settings.entry(setting(command, argument, before)).or_default();
            // Several commands of one program may have it.
            if of_setting.last() != Some(&program) {
                of_setting.push(program);
            }
        }
    };
    for (program, command) in &mut order {
        programs_of(program, command, "");
        for subcommand in command.get_subcommands() {
            let before = format!("{} ", subcommand.get_name());
            programs_of(program, subcommand, &before);
            for inner in subcommand.get_subcommands() {
                programs_of(program, inner, &format!("{before}{} ", inner.get_name()));
            }
        }
    }
    let rows = |with_variable: bool| -> String {
        let shown =
            settings.iter().filter(|(setting, _)| setting.variable.is_empty() != with_variable);
        shown.map(|(setting, programs)| row(setting, programs)).collect()
    };
    let (head, rule) =
        ("| variable | flag | default | meaning | programs |\n", "|---|---|---|---|---|\n");
    let (flag_head, flag_rule) =
        ("| flag | default | meaning | programs |\n", "|---|---|---|---|\n");
    format!(
        "{INTRO}{head}{rule}{}\n## Only on the command line\n\n{flag_head}{flag_rule}{}",
        rows(true),
        rows(false)
    )
}

fn row(setting: &Setting, programs: &[&str]) -> String {
    let programs: Vec<_> = programs.iter().map(|program| format!("`{program}`")).collect();
    let variable = if setting.variable.is_empty() {
        String::new()
    } else {
        format!("| `{}` ", setting.variable)
    };
    format!(
        "{variable}| `{}` | {} | {} | {} |\n",
        setting.flag,
        setting.default,
        setting.meaning,
        programs.join(", ")
    )
}

fn setting(command: &Command, argument: &Arg, before: &str) -> Setting {
    let text = |value: Option<&std::ffi::OsStr>| {
        value.and_then(|value| value.to_str()).unwrap_or_default().to_owned()
    };
    let flag = match argument.get_long() {
        // What comes by a variable, too, is the same in every command.
        Some(long) if argument.get_env().is_some() => format!("--{long}"),
        Some(long) => format!("{before}--{long}"),
        None => format!("{before}{}", argument.get_id().as_str().to_uppercase()),
    };
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", text(Some(value))))
        .collect();
    let groups = command.get_groups().filter(|group| group.is_required_set());
    let one_of =
        groups.flat_map(clap::ArgGroup::get_args).filter(|id| *id == argument.get_id()).count();
    let default = match (defaults.is_empty(), argument.is_required_set(), one_of) {
        (false, ..) => defaults.join(", "),
        (true, true, _) => "required".to_owned(),
        (true, false, 0) => "none".to_owned(),
        (true, false, _) => "required: it, or the file of it".to_owned(),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let meaning = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    Setting { variable: text(argument.get_env()), flag, default, meaning }
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn the_page_has_every_program_and_what_each_must_be_given() {
        let page = page();
        let line = |name: &str| {
            page.lines().find(|line| line.starts_with(&format!("| `{name}` "))).unwrap().to_owned()
        };
        assert!(line("PAYTERMS_DATABASE_URL").contains("required"), "{page}");
        assert!(
            line("PAYTERMS_OWNER_DATABASE_URL_FILE").ends_with("| `payterms-migrate` |"),
            "{page}"
        );
        assert!(line("PAYTERMS_ISSUER").ends_with("| `payterms-gateway`, `payterms` |"), "{page}");
        assert!(page.contains("| `token --role` | required |"), "{page}");
    }
}
