//! Readers on USB that pcscd's driver does not know.

use std::process::Command;

use crescendo_device::doctor::Verdict;
use sim::{Personality, SimCard};

use crate::machine::Machine;

const LIST: &str = "/etc/libccid_Info.plist";
const BUNDLE: &str = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist";

/// As libccid ships it, with these ids.
fn list(ids: &[(&str, &str)]) -> String {
    let array = |name: &str, entries: Vec<&str>| {
        let entries: String = entries.iter().map(|entry| format!("\t\t<string>{entry}</string>\n")).collect();
        format!("\t<key>{name}</key>\n\t<array>\n{entries}\t</array>\n\n")
    };
    let [vendors, products, names] = [
        array("ifdVendorID", ids.iter().map(|id| id.0).collect()),
        array("ifdProductID", ids.iter().map(|id| id.1).collect()),
        array("ifdFriendlyName", ids.iter().map(|_| "A reader").collect()),
    ];
    format!(
        "<plist version=\"1.0\">\n<dict>\n\t<key>ifdProductString</key>\n\t<string>x</string>\n{vendors}{products}{names}</dict>\n"
    )
}

/// A Debian whose libccid knows two readers.
fn machine() -> Machine {
    let machine = Machine::well();
    machine.link(BUNDLE, LIST);
    machine.file(LIST, list(&[("0x076B", "0x3021"), ("0x09C3", "0x0014")]));
    machine
}

/// A device with a FIDO interface and one of this class.
fn plug(machine: &Machine, place: &str, ids: [&str; 2], product: &str, class: &str) {
    let file = |name: &str, value: &str| machine.file(format!("/sys/bus/usb/devices/{place}{name}"), value);
    file("/idVendor", &format!("{}\n", ids[0]));
    file("/idProduct", &format!("{}\n", ids[1]));
    file("/product", product);
    file(":1.0/bInterfaceClass", "03\n");
    file(":1.1/bInterfaceClass", class);
}

fn remedy(machine: &Machine) -> String {
    machine.finding("driver").remedy.unwrap()
}

#[test]
fn a_key_whose_ids_are_not_in_the_list_is_a_problem_and_explains_why_there_is_no_reader() {
    let machine = machine();
    plug(&machine, "1-2", ["1209", "0001"], "Virtual Crescendo Key\n", "0b\n");
    machine.finds(
        "driver",
        Verdict::Problem,
        "Virtual Crescendo Key (1209:0001) is a card reader",
        "<string>0x1209</string>",
    );
    assert!(machine.findings("reader").is_empty(), "to plug in a key would be no help");
    assert!(remedy(&machine).ends_with(&format!("{LIST}  # and start pcscd again")), "{}", remedy(&machine));
    machine.file("/run/systemd/system/x", "");
    assert!(remedy(&machine).ends_with(" && sudo systemctl restart pcscd"), "{}", remedy(&machine));
    machine.readers.stop();
    machine.finds("driver", Verdict::Problem, "no reader", "sed -i.before");
}

#[test]
fn what_the_remedy_does_is_that_the_reader_is_known() {
    let machine = machine();
    plug(&machine, "1-2", ["1209", "0001"], "It's a \"Key\" & <more> | `id` $HOME \\n\n", "0b\n");
    let folder = std::env::temp_dir().join(format!("crescendo-driver-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("Info.plist");
    std::fs::write(&file, list(&[("0x076B", "0x3021"), ("0x09C3", "0x0014")])).unwrap();
    let command = remedy(&machine).replace("sudo ", "").replace(LIST, &file.display().to_string());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    let after = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(after.contains("<array>\n<string>Its a Key  more  id HOME n</string>"), "{after}");
    machine.file(LIST, after);
    machine.finds("driver", Verdict::Ok, "1209:0001", "");
}

#[test]
fn one_that_is_known_is_told_and_no_other_device_is() {
    let machine = machine();
    assert!(machine.findings("driver").is_empty(), "nothing is connected");
    plug(&machine, "1-1", ["09c3", "0014"], "Crescendo\n", "0b\n");
    plug(&machine, "1-1.4", ["09c3", "0015"], "A hub between them\n", "09\n");
    machine.finds("driver", Verdict::Ok, "takes what is connected: 09c3:0014", "");
    // The vendor of one and the product of another are neither.
    plug(&machine, "1-2", ["09c3", "3021"], "\n", "0b\n");
    let findings = machine.findings("driver");
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(findings[0].what.starts_with("USB reader (09c3:3021)"), "{findings:#?}");
}

#[test]
fn one_that_another_driver_knows_or_that_has_a_reader_all_the_same_is_fine() {
    let machine = machine();
    plug(&machine, "1-2", ["1209", "0001"], "Virtual Crescendo Key\n", "0b\n");
    machine.file("/usr/lib/pcsc/drivers/other.bundle/Contents/Info.plist", list(&[("1209", "1")]));
    machine.finds("driver", Verdict::Ok, "1209:0001", "");
    machine.remove("/usr/lib/pcsc/drivers/other.bundle");
    machine.finds("driver", Verdict::Problem, "1209:0001", "");
    machine.readers.put("Virtual Crescendo Key (0011) 00 00", &SimCard::new(Personality::key_v3()));
    machine.finds("driver", Verdict::Ok, "1209:0001", "");
}

#[test]
fn a_list_that_somebody_has_changed_is_not_changed_blindly() {
    let machine = machine();
    plug(&machine, "1-2", ["1209", "0001"], "Virtual Crescendo Key\n", "0b\n");
    let shipped = list(&[("0x076B", "0x3021")]);
    for (from, to) in [
        ("<key>ifdVendorID</key>\n\t<array>", "<key>ifdVendorID</key><array>"),
        ("\t\t<string>0x3021</string>\n", ""),
        ("<key>ifdFriendlyName</key>", "<key>Name</key>"),
        ("<dict>", "<dict><key>ifdProductID</key>"),
    ] {
        machine.file(LIST, shipped.replace(from, to));
        machine.finds("driver", Verdict::Problem, "1209:0001", "sudo editor /etc/libccid_Info.plist");
    }
    machine.file(LIST, "");
    machine.finds("driver", Verdict::Problem, "1209:0001", "sudo editor");
    machine.file(LIST, [0xFF; 100]);
    machine.finds("driver", Verdict::Problem, "1209:0001", "sudo editor");
}

#[test]
fn two_of_a_kind_are_one_finding_and_two_kinds_are_two() {
    let machine = machine();
    plug(&machine, "1-2", ["1209", "0001"], "Key\n", "0b\n");
    plug(&machine, "1-3", ["1209", "0001"], "Key\n", "0b\n");
    machine.finds("driver", Verdict::Problem, "1209:0001", "sed");
    plug(&machine, "2-1", ["1209", "0003"], "Other\n", "0b\n");
    plug(&machine, "2-2", ["12", "zz"], "Broken\n", "0b\n");
    assert_eq!(machine.findings("driver").len(), 2);
}
