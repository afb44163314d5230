//! Eight programs list one card at a time over one cache, while it is cleared, damaged and made unwritable, and while the
//! card is changed: none is ever wrong, none hangs, and each shows what the card has as of the last minute.

#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use crescendo_tests::{Files, Lab, Program};
use serde_json::Value;

const AT_ONCE: usize = 8;

fn crescendo(lab: &Lab) -> Program {
    lab.program(&Files::get().command)
}

/// The certificates a new program shows, as fingerprints by key.
fn listing(lab: &Lab) -> Vec<(String, String)> {
    let done = crescendo(lab).args(&["cert", "list", "--json"]).succeed();
    let shown: Value = serde_json::from_str(&done.out).unwrap();
    let text = |entry: &Value, field: &str| {
        entry[field].as_str().expect("a certificate that can be read").to_owned()
    };
    let entries = shown["certificates"].as_array().unwrap().iter();
    entries.map(|entry| (text(entry, "key"), text(entry, "sha256"))).collect()
}

/// What so many programs at once show; meanwhile something is done to their cache.
fn race(lab: &Lab, meanwhile: impl Fn(&Path) + Sync) -> Vec<Vec<(String, String)>> {
    let folder = lab.path("home/cache/crescendo");
    thread::scope(|scope| {
        let programs: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| listing(lab))).collect();
        meanwhile(&folder);
        programs.into_iter().map(|program| program.join().unwrap()).collect()
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

#[test]
fn whatever_happens_to_the_cache_eight_programs_show_what_the_card_has() {
    let lab = Lab::start(&["--profile", "piv"]);
    let there = listing(&lab);
    assert_eq!(there.len(), 4);
    let happenings: [&(dyn Fn(&Path) + Sync); 6] = [
        &|_| (),
        &|_| drop(crescendo(&lab).args(&["cache", "clear", "--all"]).succeed()),
        &|folder| drop(fs::remove_dir_all(folder)),
        &|folder| files(folder).iter().for_each(|file| drop(fs::write(file, b"nonsense"))),
        &|folder| {
            for file in files(folder) {
                let content = fs::read(&file).unwrap_or_default();
                let _ = fs::write(&file, &content[..content.len() / 2]);
            }
        },
        &|folder| drop(fs::set_permissions(folder, fs::Permissions::from_mode(0o500))),
    ];
    for (number, happening) in happenings.into_iter().enumerate() {
        for shown in race(&lab, happening) {
            assert_eq!(shown, there, "happening {number}");
        }
    }
    let _ = fs::set_permissions(lab.path("home/cache/crescendo"), fs::Permissions::from_mode(0o700));
    assert_eq!(listing(&lab), there);
}

#[test]
fn a_change_is_shown_by_all_after_an_insertion() {
    let mut lab = Lab::start(&["--profile", "piv"]);
    let before = listing(&lab);
    for replacement in ["same-key", "new-key"] {
        lab.card(&format!("replace 9E {replacement}"));
        lab.pull();
        lab.insert();
        let shown = race(&lab, |_| ());
        assert_ne!(shown[0], before);
        assert!(shown.iter().all(|each| *each == shown[0]), "{shown:?}");
    }
}
