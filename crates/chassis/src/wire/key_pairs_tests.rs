//! Key pairs as they are made and replaced, and what outlives a key.

use super::{KeyPair, key_set};
use crate::key_derived::DerivedSecret;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    time::Duration,
};

#[test]
fn a_key_is_replaced_while_both_count() {
    let folder = tempfile::tempdir().unwrap();
    let pair = KeyPair::new(folder.path(), "callers").unwrap();
    let first = pair.make().unwrap();
    assert!(
        first.signs.starts_with("callers-") && first.count == [first.signs.clone()],
        "{first:?}"
    );
    assert!(pair.make().unwrap_err().contains("replace its key with rotate"));
    assert!(pair.switch().unwrap_err().contains("there is no next key"));
    let both = pair.rotate().unwrap();
    assert_eq!((&both.signs, both.count.len()), (&first.signs, 2));
    assert!(pair.rotate().unwrap_err().contains("go on with switch"));
    assert!(pair.retire(Duration::ZERO).unwrap_err().contains("go on with switch"));
    let switched = pair.switch().unwrap();
    assert_eq!((Some(switched.signs.clone()), &switched.count), (both.next, &both.count));
    let set = key_set(folder.path(), &["callers"]).unwrap();
    assert!(set.contains(&first.signs) && set.contains(&switched.signs), "{set}");
    assert!(pair.rotate().unwrap_err().contains("end it with retire first"));
    assert!(pair.retire(Duration::from_hours(24)).unwrap_err().contains("may count for"));
    assert_eq!(pair.retire(Duration::ZERO).unwrap().count, [switched.signs]);
    for name in fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
    {
        assert!(["callers.key", "callers.pub"].contains(&name.as_str()), "{name} is left");
    }
    let mode = fs::metadata(folder.path().join("callers.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_derives_from_a_key_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = |name| {
        [DerivedSecret::PageTokens, DerivedSecret::EventCursors]
            .map(|what| what.read(folder.path(), name).unwrap())
    };
    let pair = KeyPair::new(folder.path(), "gateway").unwrap();
    pair.make().unwrap();
    let (first, private) =
        (secrets("gateway"), fs::read_to_string(folder.path().join("gateway.key")).unwrap());
    assert_ne!(first[0], first[1]);
    for _ in 0..2 {
        pair.rotate().unwrap();
        assert_eq!(secrets("gateway"), first);
        let (before, switched) = (pair.ids().unwrap(), pair.switch().unwrap());
        assert_eq!((before.next, secrets("gateway")), (Some(switched.signs), first));
        pair.retire(Duration::ZERO).unwrap();
    }
    let now = fs::read_to_string(folder.path().join("gateway.key")).unwrap();
    assert!(
        private.lines().all(|line| line.starts_with("-----") || !now.contains(line)),
        "nothing else of the first key is left"
    );
    let mode = fs::metadata(folder.path().join("gateway.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = KeyPair::new(folder.path(), "wallet").unwrap();
    other.make().unwrap();
    assert!(secrets("wallet").iter().all(|secret| !first.contains(secret)));
    fs::write(folder.path().join("wallet.key"), now.replacen("tokens: ", "tokens: !", 1)).unwrap();
    assert!(
        DerivedSecret::PageTokens.read(folder.path(), "wallet").unwrap_err().contains("malformed")
    );
}

#[test]
fn the_next_key_belongs_to_whom_the_present_one_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let pair = KeyPair::new(folder.path(), "wallet").unwrap();
    pair.make().unwrap();
    let key = folder.path().join("wallet.key");
    // Only root can give a file away.
    let owner = if chown(&key, Some(65_534), None).is_ok() {
        65_534
    } else {
        fs::metadata(&key).unwrap().uid()
    };
    pair.rotate().unwrap();
    pair.switch().unwrap();
    assert_eq!(fs::metadata(&key).unwrap().uid(), owner);
}

#[test]
fn a_name_leads_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["", "../gateway", "a/b", "A", "a.b"] {
        assert!(KeyPair::new(folder.path(), bad).is_err(), "{bad}");
    }
}
