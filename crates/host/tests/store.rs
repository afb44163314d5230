//! The store of files: who may read what, what is refused, and how much is kept.

mod stage;

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime},
};

use crescendo_host::store;

use crate::stage::{Stage, alone, home, is_root, mode, put, set_mode};

const MIB: usize = 1024 * 1024;

#[test]
fn nothing_is_made_before_something_is_kept() {
    alone("nothing_is_made_before_something_is_kept", |stage| {
        let store = store();
        assert_eq!(store.load("a"), None);
        assert!(store.entries().is_empty());
        assert_eq!(store.generation(), 0);
        assert!(!stage.folder().exists());
        put(&store, "a", b"1");
        assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]));
        assert_eq!(crescendo_host::store().load("a").as_deref(), Some(&b"1"[..]), "another process");
        assert_eq!(store.generation(), 0, "nothing was ever removed");
    });
}

#[test]
fn nobody_else_can_read_it_or_write_to_it() {
    alone("nobody_else_can_read_it_or_write_to_it", |stage| {
        let store = store();
        put(&store, "a", b"1");
        store.remove("b");
        assert_eq!(mode(&stage.folder()), 0o700);
        for name in stage.names() {
            assert_eq!(mode(&stage.file(&name)), 0o600, "{name}");
        }
        assert_eq!(stage.names(), [".lock", ".removed", "a"]);
    });
}

#[test]
fn a_change_sees_what_is_kept_and_may_leave_it() {
    alone("a_change_sees_what_is_kept_and_may_leave_it", |_| {
        let store = store();
        put(&store, "a", b"1");
        store.update("a", &mut |old| old.map(|old| [old, b"2".to_vec()].concat()));
        store.update("a", &mut |old| {
            assert_eq!(old.as_deref(), Some(&b"12"[..]));
            None
        });
        assert_eq!(store.load("a").as_deref(), Some(&b"12"[..]));
        let [entry] = &store.entries()[..] else { panic!("one is kept") };
        assert_eq!((&entry.key[..], entry.length), ("a", 2));
        assert!(entry.idle.unwrap() < Duration::from_secs(60));
    });
}

#[test]
fn what_is_removed_is_gone_and_everybody_is_told() {
    alone("what_is_removed_is_gone_and_everybody_is_told", |_| {
        let (store, other) = (store(), crescendo_host::store());
        put(&store, "a", b"1");
        let mut seen = vec![other.generation()];
        for _ in 0..300 {
            store.remove("a");
            assert_eq!(other.load("a"), None);
            seen.push(other.generation());
        }
        // In so many, inodes are used again, and some fall into one tick of a coarse clock.
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 301, "each removal shows");
        put(&store, "a", b"2");
        assert_eq!(other.load("a").as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn keys_lead_nowhere_else() {
    alone("keys_lead_nowhere_else", |stage| {
        let outside = stage.home.join("outside");
        fs::write(&outside, b"mine").unwrap();
        let store = store();
        put(&store, "a", b"1");
        for key in ["../outside", "", ".lock", ".removed", "a/../a", "a\0"] {
            put(&store, key, b"changed");
            assert_eq!(store.load(key), None, "{key:?}");
            store.remove(key);
        }
        assert_eq!(fs::read(outside).unwrap(), b"mine");
        assert_eq!(stage.names(), [".lock", "a"]);
    });
}

#[test]
fn a_link_in_place_of_a_file_is_not_followed() {
    alone("a_link_in_place_of_a_file_is_not_followed", |stage| {
        let store = store();
        put(&store, "a", b"1");
        let outside = stage.home.join("outside");
        fs::write(&outside, b"mine").unwrap();
        fs::remove_file(stage.file("a")).unwrap();
        symlink(&outside, stage.file("a")).unwrap();
        assert_eq!(store.load("a"), None);
        assert!(store.entries().is_empty());
        put(&store, "a", b"2");
        assert_eq!(store.load("a").as_deref(), Some(&b"2"[..]));
        store.remove("a");

        fs::remove_file(stage.file(".lock")).unwrap();
        symlink(&outside, stage.file(".lock")).unwrap();
        store.update("a", &mut |_| panic!("nobody has the lock"));
        assert_eq!(fs::read(outside).unwrap(), b"mine");
    });
}

#[test]
fn what_is_no_file_holds_nobody_up() {
    alone("what_is_no_file_holds_nobody_up", |stage| {
        let store = store();
        put(&store, "a", b"1");
        fs::remove_file(stage.file("a")).unwrap();
        fs::create_dir(stage.file("a")).unwrap();
        assert_eq!(store.load("a"), None);
        put(&store, "a", b"2");
        assert_eq!(store.load("a"), None);
        assert_eq!(stage.names(), [".lock", "a"], "no unfinished file stays behind");

        let made = std::process::Command::new("mkfifo").arg(stage.file("b")).status().unwrap();
        assert!(made.success());
        assert_eq!(store.load("b"), None);
        put(&store, "b", b"2");
        assert_eq!(store.load("b").as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn a_folder_others_can_write_to_is_not_used() {
    alone("a_folder_others_can_write_to_is_not_used", |stage| {
        for open in [0o777, 0o770, 0o702] {
            fs::create_dir_all(stage.folder()).unwrap();
            fs::write(stage.file("a"), b"planted").unwrap();
            set_mode(&stage.folder(), open);
            let store = store();
            assert_eq!(store.load("a"), None, "{open:o}");
            put(&store, "b", b"1");
            assert_eq!(store.load("b").as_deref(), Some(&b"1"[..]), "in memory");
            assert_eq!(stage.names(), ["a"]);
            set_mode(&stage.folder(), 0o700);
        }
    });
}

#[test]
fn a_folder_that_others_can_write_to_later_is_left_alone() {
    alone("a_folder_that_others_can_write_to_later_is_left_alone", |stage| {
        let store = store();
        put(&store, "a", b"1");
        set_mode(&stage.folder(), 0o777);
        assert_eq!(store.load("a"), None);
        store.update("a", &mut |_| panic!("nothing is kept there"));
        set_mode(&stage.folder(), 0o755);
        assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]));
    });
}

#[test]
fn a_link_of_one_s_own_to_a_folder_of_one_s_own_is_followed() {
    alone("a_link_of_one_s_own_to_a_folder_of_one_s_own_is_followed", |stage| {
        let elsewhere = stage.home.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, stage.folder()).unwrap();
        put(&store(), "a", b"1");
        assert!(elsewhere.join("a").exists());
        fs::remove_file(stage.folder()).unwrap();
        // Somebody else's, and one nobody can look into.
        for theirs in ["/", "/tmp", "/nowhere"] {
            symlink(theirs, stage.folder()).unwrap();
            let store = store();
            put(&store, "a", b"2");
            assert!(!Path::new(theirs).join("a").exists());
            assert_eq!(store.load("a").as_deref(), Some(&b"2"[..]), "in memory");
            fs::remove_file(stage.folder()).unwrap();
        }
    });
}

/// As root, because only root can give files away.
#[test]
fn what_belongs_to_somebody_else_is_not_used() {
    const NAME: &str = "what_belongs_to_somebody_else_is_not_used";
    if std::env::var_os("CRESCENDO_TEST_HOME").is_some() {
        return alone(NAME, |stage| {
            assert_eq!(store().load("a"), None);
            put(&store(), "b", b"1");
            assert_eq!(stage.names(), ["a"], "a folder of somebody else");
        });
    }
    if !is_root() {
        return;
    }
    let home = home();
    let stage = Stage::at(home.path(), NAME);
    fs::create_dir(stage.folder()).unwrap();
    fs::write(stage.file("a"), b"planted").unwrap();
    set_mode(&stage.folder(), 0o755);
    assert!(stage.again().status().unwrap().success());
    assert!(home.path().join("ran").exists());
}

#[test]
fn a_file_too_long_is_neither_kept_nor_read() {
    alone("a_file_too_long_is_neither_kept_nor_read", |stage| {
        let store = store();
        put(&store, "a", &vec![7; MIB]);
        assert_eq!(store.load("a").map(|content| content.len()), Some(MIB));
        put(&store, "a", &vec![8; MIB + 1]);
        assert_eq!(store.load("a").map(|content| content[0]), Some(7), "the old one stays");
        File::create(stage.file("b")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(store.load("b"), None);
        put(&store, "b", b"1");
        assert_eq!(store.load("b").as_deref(), Some(&b"1"[..]));
    });
}

#[test]
fn damaged_files_are_read_as_they_are() {
    alone("damaged_files_are_read_as_they_are", |stage| {
        let store = store();
        put(&store, "a", b"whole");
        for content in [&b""[..], b"who", b"\xFF\0garbage"] {
            fs::write(stage.file("a"), content).unwrap();
            assert_eq!(store.load("a").as_deref(), Some(content));
        }
        put(&store, "a", b"whole");
        assert_eq!(store.load("a").as_deref(), Some(&b"whole"[..]));
    });
}

#[test]
fn the_files_not_used_for_longest_go_first() {
    alone("the_files_not_used_for_longest_go_first", |stage| {
        let store = store();
        for number in 0..64 {
            put(&store, &format!("card-{number}"), b"1");
            used(stage, &format!("card-{number}"), (number + 2) * 3600);
        }
        // The two oldest are used again.
        for number in [63, 62] {
            assert!(store.load(&format!("card-{number}")).is_some());
        }
        for number in 100..110 {
            put(&store, &format!("card-{number}"), b"1");
        }
        assert_eq!(store.entries().len(), 64);
        let is_kept = |number: u32| store.load(&format!("card-{number}")).is_some();
        assert!(is_kept(63) && is_kept(62) && is_kept(0) && is_kept(51) && is_kept(109));
        assert!((52..62).all(|number| !is_kept(number)));
    });
}

#[test]
fn all_files_together_have_a_limit() {
    alone("all_files_together_have_a_limit", |stage| {
        let store = store();
        for number in 0..20 {
            put(&store, &number.to_string(), &vec![0; MIB]);
            used(stage, &number.to_string(), 7200 - number);
        }
        let entries = store.entries();
        let bytes: u64 = entries.iter().map(|entry| entry.length).sum();
        assert_eq!((entries.len(), bytes), (16, 16 * MIB as u64));
        assert!(entries.iter().all(|entry| entry.key.parse::<u32>().unwrap() >= 4), "{entries:?}");
    });
}

#[test]
fn the_last_use_is_written_down_once_an_hour() {
    alone("the_last_use_is_written_down_once_an_hour", |stage| {
        let store = store();
        put(&store, "a", b"1");
        let modified = || fs::metadata(stage.file("a")).unwrap().modified().unwrap();
        used(stage, "a", 3000);
        let before = modified();
        store.load("a");
        assert_eq!(modified(), before);
        used(stage, "a", 4000);
        let before = modified();
        store.update("a", &mut |_| None);
        assert_eq!(modified(), before, "somebody looked, and did not use it");
        store.load("a");
        assert!(modified() > before);
        // A clock that was wrong for a day.
        File::options()
            .write(true)
            .open(stage.file("a"))
            .unwrap()
            .set_modified(SystemTime::now() + Duration::from_secs(86400))
            .unwrap();
        store.load("a");
        assert!(modified() <= SystemTime::now());
    });
}

#[test]
fn what_was_never_finished_is_cleared_away() {
    alone("what_was_never_finished_is_cleared_away", |stage| {
        let store = store();
        put(&store, "a", b"1");
        for (name, age) in [(".new-1-1", 3600), (".new-2-2", 5)] {
            fs::write(stage.file(name), b"half").unwrap();
            used(stage, name, age);
        }
        put(&store, "a", b"2");
        assert_eq!(stage.names(), [".lock", ".new-2-2", "a"]);
        assert_eq!(store.entries().len(), 1);
    });
}

#[test]
fn a_folder_that_can_only_be_read_is_read() {
    alone("a_folder_that_can_only_be_read_is_read", |stage| {
        put(&store(), "a", b"1");
        set_mode(&stage.folder(), 0o500);
        let store = store();
        put(&store, "a", b"2");
        put(&store, "b", b"2");
        assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]));
        let before = store.generation();
        store.remove("a");
        assert_ne!(store.generation(), before, "this process at least knows");
        assert_eq!(stage.names(), [".lock", "a"]);
        set_mode(&stage.folder(), 0o700);
    });
}

#[test]
fn a_home_that_can_only_be_read_is_no_place() {
    alone("a_home_that_can_only_be_read_is_no_place", |stage| {
        set_mode(&stage.home, 0o500);
        let store = store();
        put(&store, "a", b"1");
        assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]), "in memory");
        set_mode(&stage.home, 0o700);
        assert!(!stage.folder().exists());
    });
}

#[test]
fn a_folder_that_vanishes_is_made_again() {
    alone("a_folder_that_vanishes_is_made_again", |stage| {
        let store = store();
        for round in 0..3 {
            put(&store, "a", b"1");
            assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]), "{round}");
            fs::remove_dir_all(stage.folder()).unwrap();
            assert_eq!(store.load("a"), None);
        }
        store.remove("a");
        assert_ne!(store.generation(), 0);
    });
}

#[test]
fn nothing_stays_open() {
    alone("nothing_stays_open", |_| {
        let store = store();
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        for _ in 0..20 {
            put(&store, "a", b"1");
            store.update("a", &mut |_| None);
            put(&store, "../a", b"1");
            assert_eq!((store.load("a").is_some(), store.load("b")), (true, None));
            assert_eq!(store.entries().len(), 1);
            store.remove("a");
            store.generation();
        }
        assert_eq!(open(), before);
    });
}

/// How long ago a file was last used.
fn used(stage: &Stage, name: &str, seconds: u64) {
    let file = File::options().write(true).open(stage.file(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}
