//! Debian 13's fwupd in a guest: its daemon, a remote of our own, keys in a real kernel.
//!
//! The recording that fwupd_replay.rs plays comes from here: `CRESCENDO_RECORD=1` keeps a new one
//! (fwupd-plugin/data/recordings).

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;

use crescendo_tests::{Fwupd, Guest, MODEL, Root, data};
use serde_json::Value;

#[test]
#[ignore = "slow lane: boots a guest"]
fn a_fleet_updates_its_keys() {
    let fwupd = Fwupd::new();
    // The size of a real one's first blocks: enough to be unplugged in the middle.
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "2.0.0", 2, 20_000));
    let newer = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, RECORDED_SIZE));
    let served = fwupd.remote("served", "http://127.0.0.1", &cabinet);
    let disk = fwupd.remote("disk", "file:///srv/disk", &newer);
    let run = Guest::new(Root::Trixie, "fwupd.sh")
        .give("served.tar", tar(&served))
        .give("disk.tar", tar(&disk))
        .give("newer.cab", fs::read(&newer).unwrap())
        .give("crescendo.quirk", fs::read(data("crescendo.quirk")).unwrap())
        .give("busybox", fs::read("/bin/busybox").unwrap())
        .run(&[])
        .succeed();
    offers_to_both(&run.text("updates.json"));
    let unplugged = run.text("unplugged.log");
    assert!(unplugged.contains("the key still has its old firmware"), "{unplugged}");
    assert!(!run.text("daemon-1.log").contains("FuPluginCrescendo"), "nothing to warn of");
    let recording = fwupd.path("update.zip");
    fs::write(&recording, run.file("update.zip")).unwrap();
    let replayed = fwupd.replay(&recording, &newer);
    assert_eq!(replayed.status, Some(0), "{replayed}");
    if std::env::var_os("CRESCENDO_RECORD").is_some() {
        fs::copy(recording, data("recordings/update.zip")).unwrap();
    }
}

/// As in fwupd_replay.rs.
const RECORDED_SIZE: u32 = 9_000;

/// `fwupdmgr get-updates`: both keys, by the metadata of the remote.
fn offers_to_both(updates: &str) {
    let updates: Value = serde_json::from_str(updates).unwrap();
    let devices = updates["Devices"].as_array().unwrap();
    let serials: Vec<_> = devices.iter().filter_map(|device| device["Serial"].as_str()).collect();
    assert_eq!(serials.len(), 2, "{updates}");
    for device in devices {
        let release = &device["Releases"][0];
        assert_eq!((&device["Version"], &release["Version"]), (&"1.0.0.0".into(), &"2.0.0.0".into()));
        let flags = release["Flags"].as_array().unwrap();
        assert!(flags.contains(&"trusted-metadata".into()), "{release}");
    }
}

fn tar(folder: &Path) -> Vec<u8> {
    let tar = Command::new("tar").arg("-C").arg(folder).args(["-c", "."]).output().unwrap();
    assert!(tar.status.success());
    tar.stdout
}
