//! The rooms of a crate, the modules right under its `src`, stand on each other without a cycle:
//! each needs only those before it in a fixed order. What a room needs of another is read from the
//! paths in its code: `crate::room::…`, also within braces.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The rooms of a service in their order: data, rows, ports, what use cases get, the contract's
/// messages, other services, the use cases, and what calls these.
const OF_SERVICE: &[&str] = &[
    "documents",
    "templates",
    "commands",
    "bank_files",
    "store",
    "bank_data",
    "holder_name",
    "mailer",
    "provider",
    "tax_register",
    "app",
    "messages",
    "peers",
    "use_cases",
    "api",
    "jobs",
    "consume",
    "snapshots",
];
/// The rooms of the chassis in their order.
const OF_CHASSIS: &[&str] = &[
    "key_file",
    "kill",
    "seal",
    "signals",
    "ttl_cache",
    "variables",
    "telemetry",
    "wire",
    "production",
    "net",
    "config",
    "db",
    "flow",
    "bus",
    "edge",
    "webhooks",
];

/// Crates whose rooms are held apart: the order of the rooms, and those that stand above all others
/// and may need any of them.
const CRATES: [(&str, &[&str], &[&str]); 5] = [
    ("crates/chassis", OF_CHASSIS, &["boot", "lib"]),
    ("services/wallet", OF_SERVICE, &["lib"]),
    ("services/invoicing", OF_SERVICE, &["lib"]),
    ("services/credit", OF_SERVICE, &["lib"]),
    ("services/plans", OF_SERVICE, &["lib"]),
];

/// Which rooms each room needs.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// Notes each room that needs one after it, and each cycle of rooms.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    for (folder, order, above) in CRATES {
        let source = root.join(folder).join("src");
        let mut needs = Needs::new();
        for file in crate::tidy::rust_files(&source) {
            let room = room_of(&source, &file);
            if above.contains(&room.as_str()) || room == "main" {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap_or_default();
            needs
                .entry(room.clone())
                .or_default()
                .extend(needed(&text).into_iter().filter(|needed| *needed != room));
        }
        wrong.extend(
            out_of_order(order, &needs)
                .into_iter()
                .map(|problem| format!("{folder}/src: {problem}")),
        );
        if let Some(cycle) = cycle(&needs) {
            wrong.push(format!("{folder}/src: {} need each other in a circle", cycle.join(" → ")));
        }
        for (room, _) in needs.iter().filter(|(_, needed)| needed.contains("lib")) {
            wrong.push(format!(
                "{folder}/src/{room}: takes something from lib.rs, which only wires"
            ));
        }
    }
}

/// What is not as the order says. A name that is no room is a re-export of one.
fn out_of_order(order: &[&str], needs: &Needs) -> Vec<String> {
    let place = |room: &str| order.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for (room, needed) in needs {
        let Some(at) = place(room) else {
            wrong.push(format!(
                "the room {room} has no place in the order of crates/xtask/src/rooms.rs"
            ));
            continue;
        };
        let later = needed.iter().filter(|needed| place(needed).is_some_and(|place| place > at));
        wrong.extend(
            later.map(|later| {
                format!("{room} needs {later}, which is after it in the order of rooms")
            }),
        );
    }
    wrong
}

/// The module right under `src` that a file belongs to.
fn room_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).ok().and_then(|path| path.components().next());
    let name =
        first.map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    name.trim_end_matches(".rs").to_owned()
}

/// The rooms that a file names. What is named right under the crate comes from `lib`.
fn needed(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, mark) in code.match_indices("crate::") {
        let (before, rest) = code.split_at(at);
        let inside_a_name =
            before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let rest = rest.trim_start_matches(mark).trim_start();
        if inside_a_name {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(list) => found.extend(heads(list)),
            None => found.extend(head(rest)),
        }
    }
    found
}

/// The first name of each item of a list that ends with its closing brace.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut item, mut found) = (0_usize, String::new(), Vec::new());
    for letter in list.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => found.extend(head(&std::mem::take(&mut item))),
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => item.push(letter),
        }
    }
    found.extend(head(&item));
    found
}

fn head(path: &str) -> Option<String> {
    let name: String = path
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect();
    let first = name.chars().next()?;
    Some(if first.is_uppercase() { "lib".to_owned() } else { name })
}

/// Rooms that need each other in a circle, if there are any.
fn cycle(needs: &Needs) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    needs.keys().find_map(|room| visit(needs, room, &mut Vec::new(), &mut done))
}

fn visit<'a>(
    needs: &'a Needs,
    room: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(at) = way.iter().position(|passed| *passed == room) {
        return Some(way.iter().skip(at).chain([&room]).map(|room| (*room).to_owned()).collect());
    }
    if !done.insert(room) {
        return None;
    }
    way.push(room);
    let found =
        needs.get(room).into_iter().flatten().find_map(|next| visit(needs, next, way, done));
    way.pop();
    found
}

#[cfg(test)]
mod tests {
    use super::{Needs, cycle, needed, out_of_order};
    use std::collections::BTreeSet;

    #[test]
    fn rooms_are_read_from_paths_and_lists() {
        let text = "use crate::{App, db::{Db, sql}, wire::call};\n// crate::edge\nfn f() { crate::flow::hold() }";
        assert_eq!(needed(text), ["db", "flow", "lib", "wire"].map(str::to_owned).into());
    }

    fn needs(pairs: &[(&str, &str)]) -> Needs {
        let mut all = Needs::new();
        for (from, to) in pairs {
            all.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        all
    }

    #[test]
    fn a_room_needs_only_those_before_it() {
        let order = ["wire", "db", "flow"];
        assert_eq!(
            out_of_order(&order, &needs(&[("flow", "db"), ("flow", "wire"), ("db", "sql")])),
            Vec::<String>::new()
        );
        let wrong = out_of_order(&order, &needs(&[("db", "flow"), ("shed", "wire")]));
        assert!(
            wrong[0].starts_with("db needs flow") && wrong[1].starts_with("the room shed"),
            "{wrong:?}"
        );
    }

    #[test]
    fn a_circle_is_found_and_its_absence() {
        assert_eq!(cycle(&needs(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
        let found: BTreeSet<_> =
            cycle(&needs(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap().into_iter().collect();
        assert_eq!(found, ["b", "c"].map(str::to_owned).into());
    }
}
