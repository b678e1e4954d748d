//! The stories of the demo, whole, as a person starts them.

use std::process::Command;

#[test]
fn the_demo_plays_its_stories_and_all_is_as_told() {
    let played = Command::new(env!("CARGO_BIN_EXE_payterms-under-test")).arg("demo").output().unwrap();
    let said = String::from_utf8(played.stdout).unwrap();
    assert!(played.status.success(), "{said}\n{}", String::from_utf8_lossy(&played.stderr));
    for mark in ["\nS4 ", "\nS5 ", "All as told"] {
        assert!(said.contains(mark), "{mark:?} in {said}");
    }
}
