//! The store of files between processes: races, processes that hang or die, full disks, other environments, forks.

mod stage;

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    os::unix::process::CommandExt,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use crescendo_host::store;
use fork::{Fork, fork, waitpid};

use crate::stage::{NOBODY, Stage, alone, home, is_root, put, with_parts};

/// Contents of different lengths that show by themselves whether they are whole.
fn content(number: u8) -> Vec<u8> {
    vec![number; 1000 * (1 + usize::from(number) % 50)]
}

fn is_whole(content: &[u8]) -> bool {
    content.first().is_some_and(|&first| content == self::content(first))
}

#[test]
fn eight_processes_at_once_see_whole_contents_only() {
    const NAME: &str = "eight_processes_at_once_see_whole_contents_only";
    with_parts(NAME, |stage, part| match part {
        None => {
            let mut parts: Vec<_> =
                (0..8).map(|number| stage.part(&number.to_string()).spawn().unwrap()).collect();
            for part in &mut parts {
                assert!(part.wait().unwrap().success());
            }
            let names = stage.names();
            assert!(!names.iter().any(|name| name.starts_with(".new")), "{names:?}");
        }
        Some(part) => race(part.parse().unwrap()),
    });
}

fn race(part: u8) {
    let store = store();
    let (mut turns, mut found) = (0, 0);
    for round in 0..300_u32 {
        let key = ["a", "b", "c"][round as usize % 3];
        store.update(key, &mut |old| {
            assert!(old.is_none_or(|old| is_whole(&old)));
            turns += 1;
            Some(content(part.wrapping_mul(31).wrapping_add(round as u8)))
        });
        if let Some(content) = store.load(key) {
            assert!(is_whole(&content), "{} bytes", content.len());
            found += 1;
        }
        if round % 50 == u32::from(part) {
            store.remove(key);
        }
    }
    assert!(turns > 100 && found > 100, "{turns} turns, {found} contents in 300 rounds");
}

/// What is counted in turns is right in the end: each turn sees the one before it.
#[test]
fn writers_take_turns() {
    with_parts("writers_take_turns", |stage, part| {
        let number = |content: Option<Vec<u8>>| content.map_or(0, |bytes| bytes.len());
        match part {
            None => {
                let parts: Vec<_> = (0..4).map(|_| stage.part("count").spawn().unwrap()).collect();
                for mut part in parts {
                    assert!(part.wait().unwrap().success());
                }
                let counted: usize = (fs::read_dir(&stage.home).unwrap())
                    .filter_map(|file| {
                        file.unwrap().file_name().to_str()?.strip_prefix("turns-")?.parse().ok()
                    })
                    .map(|process: u32| fs::read(stage.home.join(format!("turns-{process}"))).unwrap().len())
                    .sum();
                assert!(counted > 200);
                assert_eq!(number(store().load("a")), counted);
            }
            Some(_) => {
                let (store, mut turns) = (store(), Vec::new());
                for _ in 0..200 {
                    store.update("a", &mut |old| {
                        turns.push(b'.');
                        Some(vec![b'.'; number(old) + 1])
                    });
                }
                fs::write(stage.home.join(format!("turns-{}", std::process::id())), turns).unwrap();
            }
        }
    });
}

#[test]
fn nobody_waits_for_a_process_that_hangs_and_its_death_frees_the_lock() {
    const NAME: &str = "nobody_waits_for_a_process_that_hangs_and_its_death_frees_the_lock";
    with_parts(NAME, |stage, part| {
        if let Some(part) = part {
            return store().update("a", &mut |_| {
                stage.ready(part);
                sleep(Duration::from_secs(60));
                None
            });
        }
        let store = store();
        put(&store, "a", b"1");
        let mut hanging = stage.start("hang");
        let begun = Instant::now();
        store.update("a", &mut |_| panic!("it is not our turn"));
        assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]));
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        hanging.kill().unwrap();
        hanging.wait().unwrap();
        put(&store, "a", b"2");
        assert_eq!(store.load("a").as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn what_is_removed_stays_removed_though_a_writer_was_in_between() {
    const NAME: &str = "what_is_removed_stays_removed_though_a_writer_was_in_between";
    with_parts(NAME, |stage, part| {
        if let Some(part) = part {
            return store().update("a", &mut |old| {
                stage.ready(part);
                sleep(Duration::from_secs(3));
                old
            });
        }
        let store = store();
        put(&store, "a", b"old");
        let before = store.generation();
        let mut writer = stage.start("write");
        let begun = Instant::now();
        store.remove("a");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_ne!(store.generation(), before);
        assert_eq!(store.load("a"), None);
        assert!(writer.wait().unwrap().success());
        assert_eq!(store.load("a"), None, "the writer has noticed");
    });
}

/// A full disk, as far as a process can tell: its files may have 1 block (512 or 1024 bytes).
#[test]
fn a_full_disk_leaves_what_is_there() {
    with_parts("a_full_disk_leaves_what_is_there", |stage, part| {
        if part.is_some() {
            let store = store();
            put(&store, "a", &content(49));
            put(&store, "b", &content(49));
            return put(&store, "c", b"fits");
        }
        put(&store(), "a", &content(5));
        let mut limited = Command::new("sh");
        limited.args(["-c", r#"trap '' XFSZ; ulimit -f 1; exec "$0" "$@""#]).arg(env::current_exe().unwrap());
        let status = limited.args(stage.arguments()).env("CRESCENDO_TEST_PART", "limited").status().unwrap();
        assert!(status.success());
        assert_eq!(store().load("a"), Some(content(5)));
        assert_eq!(stage.names(), [".lock", "a", "c"]);
    });
}

/// A disk that really is full, where the test may mount one.
#[test]
fn a_disk_that_fills_up() {
    const NAME: &str = "a_disk_that_fills_up";
    if env::var_os("CRESCENDO_TEST_HOME").is_some() {
        return alone(NAME, |stage| {
            let store = store();
            put(&store, "a", &content(7));
            fs::write(stage.home.join("filler"), vec![0; 4 << 20]).unwrap_err();
            put(&store, "a", &content(49));
            put(&store, "b", &content(49));
            assert_eq!(store.load("a"), Some(content(7)));
            let before = store.generation();
            store.remove("a");
            assert_ne!(store.generation(), before);
            assert_ne!(crescendo_host::store().generation(), 0, "other processes are told");
            assert_eq!(stage.names(), [".lock", ".removed"]);
        });
    }
    if !is_root() {
        return;
    }
    let home = home();
    let stage = Stage::at(home.path(), NAME);
    let script = r#"mount -t tmpfs -o size=256k,uid=65534,gid=65534 none "$CRESCENDO_TEST_HOME" || exit 77
        exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$@""#;
    let mut mounted = Command::new("unshare");
    mounted.args(["--mount", "sh", "-c", script]).arg(env::current_exe().unwrap());
    let status = mounted.args(stage.arguments()).envs(stage.environment()).status().unwrap();
    assert!(matches!(status.code(), Some(0 | 77)), "{status}");
}

#[test]
fn it_can_be_turned_off() {
    with_parts("it_can_be_turned_off", |stage, part| {
        if part.is_some() {
            let store = store();
            put(&store, "a", b"1");
            return assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]), "in memory");
        }
        assert!(stage.part("off").env("CRESCENDO_CACHE", "OFF").status().unwrap().success());
        assert!(!stage.folder().exists());
    });
}

#[test]
fn places_by_the_environment() {
    with_parts("places_by_the_environment", |stage, part| {
        if part.is_some() {
            return put(&store(), "a", b"1");
        }
        let home = stage.home.to_str().unwrap();
        let service = format!("{home}/service");
        fs::create_dir(&service).unwrap();
        for (set, place) in [
            (&[("HOME", home)][..], Some(".cache/crescendo/a")),
            (&[("XDG_CACHE_HOME", "relative"), ("HOME", home)], Some(".cache/crescendo/a")),
            (&[("CACHE_DIRECTORY", &service)], Some("service/crescendo/a")),
            (&[("HOME", "/nonexistent"), ("STATE_DIRECTORY", &service)], Some("service/crescendo/a")),
            (&[("HOME", "/nonexistent")], None),
            (&[], None),
        ] {
            let mut process = stage.part("put");
            process.env_remove("XDG_CACHE_HOME").envs(set.iter().copied());
            assert!(process.status().unwrap().success());
            let found = [".cache/crescendo/a", "service/crescendo/a"];
            let found = found.into_iter().find(|file| fs::remove_file(stage.home.join(file)).is_ok());
            assert_eq!(found, place, "{set:?}");
        }
    });
}

/// `sudo` may keep the home of whoever calls it. As root, of course.
#[test]
fn root_leaves_nothing_in_somebody_else_s_home() {
    const NAME: &str = "root_leaves_nothing_in_somebody_else_s_home";
    if env::var_os("CRESCENDO_TEST_HOME").is_some() {
        return alone(NAME, |_| put(&store(), "a", b"1"));
    }
    if !is_root() {
        return;
    }
    let home = home();
    let stage = Stage::at(home.path(), NAME);
    assert!(stage.again().uid(0).gid(0).status().unwrap().success());
    assert!(!stage.folder().exists());
}

/// A copy of this program with the set-user-ID bit, started by somebody else.
#[test]
fn a_program_with_rights_of_its_own_reads_no_environment() {
    const NAME: &str = "a_program_with_rights_of_its_own_reads_no_environment";
    if env::var_os("CRESCENDO_TEST_HOME").is_some() {
        return alone(NAME, |_| {
            let store = store();
            put(&store, "a", b"1");
            assert_eq!(store.load("a").as_deref(), Some(&b"1"[..]), "in memory");
        });
    }
    if !is_root() {
        return;
    }
    let home = home();
    let stage = Stage::at(home.path(), NAME);
    let copy = home.path().join("copy");
    fs::copy(env::current_exe().unwrap(), &copy).unwrap();
    chown(&copy, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let run = |uid: u32| {
        let mut process = Command::new(&copy);
        process.args(stage.arguments()).envs(stage.environment()).uid(uid).gid(NOBODY);
        assert!(process.status().unwrap().success());
    };
    fs::create_dir(stage.folder()).unwrap();
    chown(stage.folder(), Some(NOBODY), Some(NOBODY)).unwrap();
    run(1);
    assert_eq!(stage.names(), [""; 0]);
    run(NOBODY);
    assert_eq!(stage.names(), [".lock", "a"], "its owner's own");
}

/// Children are made while another thread writes, and live on with whatever it had open.
#[test]
fn forked_children_hold_nothing_and_can_do_everything() {
    alone("forked_children_hold_nothing_and_can_do_everything", |_| {
        let store = store();
        put(&store, "a", &content(1));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let store = &store;
            let writer = scope.spawn(|| {
                let mut missed = 0;
                for round in (0..=255_u8).cycle().take_while(|_| !done.load(Ordering::Relaxed)) {
                    let mut called = false;
                    store.update("a", &mut |_| {
                        called = true;
                        Some(content(round))
                    });
                    missed += u32::from(!called);
                }
                missed
            });
            let mut children = Vec::new();
            for _ in 0..40 {
                match fork().unwrap() {
                    Fork::Parent(child) => children.push(child),
                    Fork::Child => {
                        let whole = store.load("a").is_some_and(|content| is_whole(&content));
                        put(store, "b", &content(2));
                        sleep(Duration::from_millis(300));
                        std::process::exit(i32::from(!whole));
                    }
                }
            }
            for child in children {
                assert_eq!(waitpid(child).unwrap(), 0);
            }
            done.store(true, Ordering::Relaxed);
            assert!(writer.join().unwrap() < 20, "children keep the lock");
        });
        assert_eq!(store.load("b"), Some(content(2)));
    });
}
