//! The virtual USB key on a real kernel, with Debian 12 around it: tests/guest/update.sh does it and looks at what it
//! can; what needs a closer look is judged here.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use crescendo_tests::{Guest, Root, Run, fixture};
use serde_json::Value;

const SERIAL: &str = "00112233445566778899AABBCCDDEEFF";
const OTHER: &str = "FFEEDDCCBBAA99887766554433221100";

/// One boot for all of it: that is the dear part.
#[test]
#[ignore = "slow lane: boots a guest"]
fn firmware_is_updated_through_hidraw_and_the_card_signs_through_ccid() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging");
    let mut guest = Guest::new(Root::Host, "update.sh");
    for file in [packaging.join("70-crescendo.rules"), fixture("9a.der"), fixture("9a-new-key.der")] {
        guest = guest.give(file.file_name().unwrap().to_str().unwrap(), fs::read(&file).unwrap());
    }
    let run = guest.run(&[]).succeed();

    let product = ["1209", "0001", "Crescendo project (virtual)", "Virtual Crescendo Key", "0100", SERIAL];
    assert_eq!(run.text("usb").lines().collect::<Vec<_>>(), product);
    for serial in [SERIAL, OTHER] {
        seen(&run.text("hid.txt"), "1209:0001 f1d0:0001", serial);
    }
    seen(&run.text("hid.update"), "1209:0002 ffc0:0001", SERIAL);
    seen(&run.text("hid.update"), "1209:0001 f1d0:0001", OTHER);
    assert_eq!(run.text("fido2.list").lines().count(), 2, "{}", run.text("fido2.list"));
    for listed in ["ssh.before", "ssh.after"] {
        assert_eq!(run.text(listed).lines().count(), 4, "{}", run.text(listed));
    }

    for listed in ["devices.before", "devices.after"] {
        card_and_key_are_one_device(&run.text(listed));
    }

    steps_of_an_update(&run);
    let resumed = steps(&run.text("resumed.json"));
    assert!(resumed.iter().all(|step| step["step"] != "press-button"), "{resumed:?}");
    assert!(first_written(&resumed) > 0, "{resumed:?}");
    assert!(first_written(&steps(&run.text("finished.json"))) > 0);
    assert!(run.text("pulled.json").contains("the key still has its old firmware; plug it in again"));
    assert!(run.text("stopped-early").contains("the key still has its old firmware"));
    assert!(run.text("stopped").contains("run the update again to finish"));
    only_asked_what_it_is(&run.text("other.log"));
}

/// PC/SC and hidraw tell the same place on the bus. The other key has no card in it, and so no such place.
fn card_and_key_are_one_device(listed: &str) {
    let listed: Value = serde_json::from_str(listed).unwrap();
    let devices = listed["devices"].as_array().unwrap();
    let keys: Vec<_> = devices.iter().filter(|device| device["key"]["usb"] == "1209:0001").collect();
    assert_eq!(keys.len(), 2, "{listed:#}");
    let state = |device: &Value| device["state"].as_str().map(str::to_owned);
    let joined: Vec<_> = keys.iter().filter(|key| state(key).as_deref() == Some("recognised")).collect();
    assert_eq!(joined.len(), 1, "{listed:#}");
    assert!(joined[0]["reader"].as_str().unwrap().starts_with("Virtual Crescendo Key"), "{listed:#}");
}

fn seen(listed: &str, what: &str, serial: &str) {
    let lines = listed.lines().filter(|line| line.contains(what) && line.ends_with(serial));
    assert_eq!(lines.count(), 1, "{what} {serial}: {listed}");
}

/// The kernel saw the key leave and come back twice, and the command told every step.
fn steps_of_an_update(run: &Run) {
    let enumerated = run.text("enumerated");
    let products: Vec<_> = enumerated.lines().filter_map(|line| line.split("idProduct=").nth(1)).collect();
    assert_eq!(products, ["0002", "0001"]);
    let mut told = steps(&run.text("update.json"));
    told.dedup_by_key(|step| step["step"].clone());
    let names: Vec<_> = told.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = [
        "finding",
        "press-button",
        "entering-update-mode",
        "writing",
        "checking",
        "restarting",
        "confirming",
    ];
    assert_eq!(names, expected);
}

fn steps(lines: &str) -> Vec<Value> {
    let objects = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects.map(|mut object| object["progress"].take()).filter(|step| !step.is_null()).collect()
}

fn first_written(steps: &[Value]) -> u64 {
    steps.iter().find_map(|step| step["written"].as_u64()).unwrap()
}

/// INIT, CBOR (GetInfo, and what libfido2 asks) and INFO; nothing that changes anything, and one stay on the bus.
fn only_asked_what_it_is(log: &str) {
    let commands = log.lines().filter_map(|line| line.split("CTAPHID ").nth(1)?.get(..2));
    let mut commands: Vec<_> = commands.collect();
    commands.sort_unstable();
    commands.dedup();
    assert_eq!(commands, ["06", "10", "60"], "{log}");
    assert_eq!(log.matches("on the bus").count(), 1, "{log}");
}
