//! Who has signed cards: kept apart from the cache, and not lost with it.

mod stage;

use std::{fs, sync::Arc};

use crescendo_host::{signers, store};
use link::Store;

use crate::stage::{mode, put, set_mode, with_parts};

/// Runs `body` in a process that has these variables set to folders in its home.
fn with(name: &'static str, set: &[(&str, &str)], body: impl FnOnce(&stage::Stage)) {
    with_parts(name, |stage, part| match part {
        None => {
            let mut part = stage.part("again");
            for (variable, folder) in set {
                part.env(variable, if *folder == "off" { "off".into() } else { stage.home.join(folder) });
            }
            assert!(part.env_remove("STATE_DIRECTORY").status().unwrap().success());
        }
        Some(_) => body(stage),
    });
}

#[test]
fn a_place_of_their_own_that_is_made_when_needed() {
    let set = [("HOME", ""), ("CRESCENDO_CACHE", "off")];
    with("a_place_of_their_own_that_is_made_when_needed", &set, |stage| {
        let signers = signers();
        assert_eq!(signers.load("a"), None);
        let folder = stage.home.join(".local/state/crescendo/signers");
        assert!(!stage.home.join(".local").exists());
        put(&signers, "a", b"1");
        assert_eq!(
            crescendo_host::signers().load("a").as_deref(),
            Some(&b"1"[..]),
            "though the cache is off"
        );
        assert_eq!((mode(&folder), mode(&folder.join("a"))), (0o700, 0o600));
        assert_eq!(store().load("a"), None);
    });
}

#[test]
fn clearing_the_cache_leaves_them() {
    with("clearing_the_cache_leaves_them", &[("XDG_STATE_HOME", "state")], |stage| {
        let (signers, store) = (signers(), store());
        put(&signers, "a", b"1");
        put(&store, "a", b"2");
        let generation = signers.generation();
        store.entries().iter().for_each(|entry| store.remove(&entry.key));
        assert_eq!((signers.load("a").as_deref(), store.load("a")), (Some(&b"1"[..]), None));
        assert_eq!(signers.generation(), generation);
        signers.remove("a");
        assert_eq!(signers.load("a"), None, "a person who means it");
        assert_ne!(signers.generation(), generation);
        assert!(stage.home.join("state/crescendo/signers").is_dir());
    });
}

#[test]
fn none_goes_to_make_room_for_another() {
    with("none_goes_to_make_room_for_another", &[("XDG_STATE_HOME", "state")], |_| {
        let signers = signers();
        for card in 0..1030 {
            put(&signers, &card.to_string(), b"record");
        }
        assert_eq!(signers.entries().len(), 1024);
        assert!(signers.load("0").is_some() && signers.load("1029").is_none());
        put(&signers, "0", b"another");
        assert_eq!(signers.load("0").as_deref(), Some(&b"another"[..]), "what is known may change");
        signers.remove("1");
        put(&signers, "1029", b"record");
        assert!(signers.load("1029").is_some());
    });
}

#[test]
fn without_a_place_nothing_is_kept_and_nobody_is_told_otherwise() {
    let set = [("XDG_STATE_HOME", "a/b/c/d/e")];
    with("without_a_place_nothing_is_kept_and_nobody_is_told_otherwise", &set, |stage| {
        let nothing: Arc<dyn Store> = signers();
        put(&nothing, "a", b"1");
        assert_eq!((nothing.load("a"), nothing.entries().len(), nothing.generation()), (None, 0, 0));
        assert!(!stage.home.join("a").exists());
    });
}

#[test]
fn a_folder_that_others_may_write_to_is_not_believed() {
    with("a_folder_that_others_may_write_to_is_not_believed", &[("XDG_STATE_HOME", "state")], |stage| {
        let signers = signers();
        put(&signers, "a", b"1");
        let folder = stage.home.join("state/crescendo/signers");
        set_mode(&folder, 0o777);
        assert_eq!(signers.load("a"), None);
        assert_eq!(crescendo_host::signers().load("a"), None);
        set_mode(&folder, 0o700);
        assert!(fs::metadata(folder.join("a")).is_ok());
    });
}
