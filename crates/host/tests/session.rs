//! Pairing codes of a login session: where they are kept, who may read them, and what is refused.

mod stage;

use std::{
    env, fs,
    os::unix::{
        fs::{chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use crescendo_host::codes;
use fork::{Fork, fork, waitpid};
use link::PairingCodes;
use tempfile::TempDir;

use crate::stage::{NOBODY, Stage, home, is_root, mode, set_mode, with_parts};

const CARD: &str = "C4000C4E5CE44D018A11000000000003";
const OTHER: &str = "C4000C4E5CE44D018A11000000000004";
const RUNTIME: &str = "XDG_RUNTIME_DIR";

/// Runs `body` in a process whose runtime directory is new, and in memory as it should be.
fn in_session(name: &'static str, body: impl FnOnce(&Arc<dyn PairingCodes>, &Path)) {
    with_parts(name, |stage, part| match part {
        None => {
            let runtime = runtime();
            let status = stage.part("session").env(RUNTIME, runtime.path()).status().unwrap();
            assert!(status.success(), "{status}");
        }
        Some(_) => body(&codes(), &env::var_os(RUNTIME).map(PathBuf::from).unwrap()),
    });
}

/// A folder in memory, as the system makes it for whoever logs in.
fn runtime() -> TempDir {
    let runtime = TempDir::new_in("/dev/shm").unwrap();
    set_mode(runtime.path(), 0o700);
    runtime
}

/// What a process says that keeps a code where `runtime` is its runtime directory.
fn refusal(stage: &Stage, runtime: Option<&Path>) -> String {
    let mut part = stage.part("refused");
    match runtime {
        Some(runtime) => part.env(RUNTIME, runtime),
        None => part.env_remove(RUNTIME),
    };
    let output = part.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("refused: ")).map(str::to_owned).unwrap_or(said)
}

fn say_refusal() {
    match codes().save(CARD, b"27182818") {
        Ok(()) => panic!("it was kept"),
        Err(error) => println!("\nrefused: {error}"),
    }
    assert_eq!(kept(&codes(), CARD), None);
    assert!(!codes().remove(CARD));
}

fn kept(codes: &Arc<dyn PairingCodes>, card: &str) -> Option<[u8; 8]> {
    let mut found = None;
    codes.load(card, &mut |code| found = Some(*code));
    found
}

fn folder(runtime: &Path) -> PathBuf {
    runtime.join("crescendo/pairing")
}

#[test]
fn kept_replaced_and_forgotten_by_all_programs() {
    in_session("kept_replaced_and_forgotten_by_all_programs", |codes, runtime| {
        assert_eq!(kept(codes, CARD), None);
        assert!(!codes.remove(CARD));
        assert!(!runtime.join("crescendo").exists(), "nothing is made before something is kept");
        codes.save(CARD, b"27182818").unwrap();
        codes.save(OTHER, b"00000000").unwrap();
        let another = crescendo_host::codes();
        assert_eq!(kept(&another, CARD), Some(*b"27182818"));
        another.save(CARD, b"31415926").unwrap();
        assert_eq!(kept(codes, CARD), Some(*b"31415926"));
        assert!(codes.remove(CARD) && !codes.remove(CARD));
        assert_eq!((kept(&another, CARD), kept(&another, OTHER)), (None, Some(*b"00000000")));
    });
}

#[test]
fn nobody_else_can_read_it() {
    in_session("nobody_else_can_read_it", |codes, runtime| {
        codes.save(CARD, b"27182818").unwrap();
        assert_eq!(mode(&runtime.join("crescendo")), 0o700);
        assert_eq!(mode(&folder(runtime)), 0o700);
        let names: Vec<_> = fs::read_dir(folder(runtime)).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(names, [folder(runtime).join(CARD)], "one file for a card, and no other");
        assert_eq!(mode(&names[0]), 0o600);
    });
}

#[test]
fn eight_digits_or_nothing() {
    in_session("eight_digits_or_nothing", |codes, runtime| {
        codes.save(CARD, b"27182818").unwrap();
        let file = folder(runtime).join(CARD);
        for damaged in [&b""[..], b"2718281", b"271828182", b"27182818\n", b"2718281x", b"\x32718281\0"] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(kept(codes, CARD), None, "{damaged:?}");
        }
        assert!(codes.save(CARD, b"2718281x").is_err());
        codes.save(CARD, b"27182818").unwrap();
        set_mode(&file, 0o644);
        assert_eq!(kept(codes, CARD), None, "a file that others may read");
        codes.save(CARD, b"27182818").unwrap();
        assert_eq!(mode(&file), 0o600);
    });
}

#[test]
fn names_of_cards_lead_nowhere_else() {
    in_session("names_of_cards_lead_nowhere_else", |codes, runtime| {
        codes.save(CARD, b"27182818").unwrap();
        for card in ["", ".", "../pairing", &format!("../{}", &CARD[3..]), &format!("{CARD}0"), &CARD[1..]] {
            assert!(codes.save(card, b"27182818").is_err(), "{card}");
            assert_eq!(kept(codes, card), None);
            assert!(!codes.remove(card));
        }
        assert_eq!(fs::read_dir(folder(runtime)).unwrap().count(), 1);
    });
}

#[test]
fn no_link_is_followed() {
    in_session("no_link_is_followed", |codes, runtime| {
        codes.save(CARD, b"27182818").unwrap();
        let aside = runtime.join("aside");
        fs::rename(folder(runtime).join(CARD), &aside).unwrap();
        symlink(&aside, folder(runtime).join(CARD)).unwrap();
        assert_eq!(kept(codes, CARD), None);
        codes.save(CARD, b"31415926").unwrap();
        assert_eq!(fs::read(&aside).unwrap(), b"27182818", "the link was replaced, not followed");

        let moved = runtime.join("moved");
        for place in [folder(runtime), runtime.join("crescendo")] {
            fs::rename(&place, &moved).unwrap();
            symlink(&moved, &place).unwrap();
            assert_eq!(kept(codes, CARD), None);
            let error = codes.save(CARD, b"27182818").unwrap_err().to_string();
            assert!(error.ends_with(&format!("{} is not a folder", place.display())), "{error}");
            fs::remove_file(&place).unwrap();
            fs::rename(&moved, &place).unwrap();
        }
        assert_eq!(kept(codes, CARD), Some(*b"31415926"));
    });
}

#[test]
fn folders_that_others_may_enter_are_not_used() {
    in_session("folders_that_others_may_enter_are_not_used", |codes, runtime| {
        codes.save(CARD, b"27182818").unwrap();
        for place in [folder(runtime), runtime.join("crescendo"), runtime.to_owned()] {
            for open in [0o710, 0o701, 0o770] {
                set_mode(&place, open);
                assert_eq!(kept(codes, CARD), None, "{} {open:o}", place.display());
                let error = codes.save(CARD, b"27182818").unwrap_err().to_string();
                assert!(error.ends_with(&format!("{} is open to other users", place.display())), "{error}");
            }
            set_mode(&place, 0o700);
        }
        assert_eq!(kept(codes, CARD), Some(*b"27182818"));
    });
}

#[test]
fn a_forked_child_has_the_codes_too() {
    in_session("a_forked_child_has_the_codes_too", |codes, _| {
        codes.save(CARD, b"27182818").unwrap();
        match fork().unwrap() {
            Fork::Parent(child) => waitpid(child).map(drop).unwrap(),
            Fork::Child => {
                let good = kept(codes, CARD) == Some(*b"27182818") && codes.save(OTHER, b"11111111").is_ok();
                std::process::exit(i32::from(!good));
            }
        }
        assert_eq!(kept(codes, OTHER), Some(*b"11111111"));
    });
}

#[test]
fn without_a_place_in_memory_nothing_is_kept_and_it_says_why() {
    with_parts("without_a_place_in_memory_nothing_is_kept_and_it_says_why", |stage, part| {
        if part.is_some() {
            return say_refusal();
        }
        const NO_PLACE: &str = "there is no place for pairing codes that ends with the login session: ";
        let says = |runtime: &Path, why: &str| {
            let folder = runtime.display();
            assert_eq!(refusal(stage, Some(runtime)), format!("{NO_PLACE}{folder} {why}"));
        };
        // A folder of each process, its own and closed to others, and in no file system for files.
        says(Path::new("/proc/self/fd"), "is not in memory (tmpfs)");
        says(&stage.home.join("nowhere"), "is not there");
        says(Path::new("run"), "is not a whole path");
        let file = stage.home.join("file");
        fs::write(&file, b"").unwrap();
        says(&file, "is not a folder");
        let unset = refusal(stage, None);
        let start = format!("{NO_PLACE}XDG_RUNTIME_DIR is not set, and /run/user/");
        assert!(unset.starts_with(&start), "{unset}");
    });
}

/// Only root can give a folder away.
#[test]
fn somebody_else_s_folder_is_not_used() {
    const NAME: &str = "somebody_else_s_folder_is_not_used";
    if env::var_os("CRESCENDO_TEST_HOME").is_some() {
        return with_parts(NAME, |_, _| say_refusal());
    }
    if !is_root() {
        return;
    }
    let (home, runtime) = (home(), runtime());
    let said = refusal(&Stage::at(home.path(), NAME), Some(runtime.path()));
    // To those who may not even look at it, that is what it says.
    assert!(said.contains("cannot be used: Permission denied"), "{said}");
    set_mode(runtime.path(), 0o755);
    let said = refusal(&Stage::at(home.path(), NAME), Some(runtime.path()));
    assert!(said.ends_with("belongs to somebody else"), "{said}");
    set_mode(runtime.path(), 0o700);
    chown(runtime.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    fs::create_dir(runtime.path().join("crescendo")).unwrap();
    set_mode(&runtime.path().join("crescendo"), 0o755);
    let said = refusal(&Stage::at(home.path(), NAME), Some(runtime.path()));
    assert!(said.ends_with("crescendo belongs to somebody else"), "{said}");
}

/// A copy of this program with the set-user-ID bit, started by somebody else, who says where codes and anchors are.
#[test]
fn a_program_with_rights_of_its_own_keeps_no_code_and_believes_no_environment() {
    const NAME: &str = "a_program_with_rights_of_its_own_keeps_no_code_and_believes_no_environment";
    if env::var_os("CRESCENDO_TEST_HOME").is_some() {
        return with_parts(NAME, |_, _| {
            let said = codes().save(CARD, b"27182818").map_err(|error| error.to_string());
            println!("\nsaid: {said:?}, first use: {}", crescendo_host::messaging().first_use);
        });
    }
    if !is_root() {
        return;
    }
    let (home, runtime) = (home(), runtime());
    chown(runtime.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let copy = home.path().join("copy");
    fs::copy(env::current_exe().unwrap(), &copy).unwrap();
    chown(&copy, Some(NOBODY), Some(NOBODY)).unwrap();
    set_mode(&copy, 0o4755);
    set_mode(home.path(), 0o711);
    let stage = Stage::at(home.path(), NAME);
    let run = |user: u32| {
        let mut process = Command::new(&copy);
        process.args(stage.arguments()).envs(stage.environment()).uid(user).gid(NOBODY);
        let output = process.env(RUNTIME, runtime.path()).env("CRESCENDO_VCI_TRUST", "first-use").output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        said.lines().find_map(|line| line.strip_prefix("said: ")).unwrap_or(&said).to_owned()
    };
    let nothing =
        r#"Err("a program that runs with rights of its own keeps no pairing codes"), first use: false"#;
    assert_eq!(run(1), nothing);
    assert_eq!(fs::read_dir(runtime.path()).unwrap().count(), 0);
    assert_eq!(run(NOBODY), "Ok(()), first use: true", "its owner's own");
}
