//! fwupd and our plugin in it.

use crescendo_device::doctor::Verdict;
use link::Ran;

use crate::machine::{LIBRARIES, Machine};

const FILE: &str = "libfu_plugin_crescendo.so";

fn with(version: &str, libusb: u32) -> Machine {
    let machine = Machine::well();
    machine.file(format!("{LIBRARIES}/fwupd-{version}/libfwupdplugin.so"), "");
    machine.link(format!("{LIBRARIES}/libusb-1.0.so.0"), format!("{LIBRARIES}/libusb-1.0.so.0.{libusb}.0"));
    machine
}

fn plug(machine: &Machine, version: &str, knows: &str) {
    let plugin = format!("{LIBRARIES}/fwupd-{version}/{FILE}");
    machine.file(plugin, format!("\x7fELF crescendo-fwupd knows fwupd {knows}; and more"));
}

fn listed(flags: &str) -> String {
    format!(
        "{{\n  \"Plugins\" : [\n    {{\n      \"Name\" : \"acpi\",\n      \"Flags\" : [\n        \"disabled\"\n      ]\n    }},\n    \
         {{\n      \"Name\" : \"crescendo\",\n      \"Flags\" : [{flags}]\n    }},\n    {{\n      \"Name\" : \"x\",\n      \
         \"Flags\" : [\n        \"disabled\"\n      ]\n    }}\n  ]\n}}"
    )
}

#[test]
fn without_fwupd_there_is_nothing_to_look_at() {
    let machine = Machine::well();
    machine.finds("fwupd", Verdict::Skipped, "crescendo firmware update", "");
    assert!(machine.findings("fwupd-plugin").is_empty());
}

#[test]
fn a_fwupd_that_sees_no_usb_devices() {
    let blind = [("2.0.20", 3), ("2.1.4", 3), ("2.0.9", 3)];
    for (version, libusb) in blind {
        with(version, libusb).finds(
            "fwupd",
            Verdict::Problem,
            "sees no USB device",
            "crescendo firmware update",
        );
    }
    for (version, libusb) in [("2.0.20", 4), ("2.0.21", 3), ("2.1.5", 3), ("1.9.34", 3), ("2.2.0", 3)] {
        with(version, libusb).finds("fwupd", Verdict::Ok, version, "");
    }
}

#[test]
fn a_plugin_that_loads() {
    let machine = with("2.0.20", 5);
    machine.finds("fwupd-plugin", Verdict::Warning, "not installed", "./dev install");
    assert!(!machine.has_run("fwupdtool"), "nothing to try");
    plug(&machine, "2.0.20", "2.0.20 2.0.21");
    machine.finds("fwupd-plugin", Verdict::Ok, "not tried", "");
    machine.says("fwupdtool", &listed("\"modular\", \"ready\""));
    machine.finds("fwupd-plugin", Verdict::Ok, "fwupd 2.0.20 loads the plugin", "");
    machine.finds("fwupd-quirk", Verdict::Problem, "missing", "./dev install");
    machine.file("/var/lib/fwupd/quirks.d/crescendo.quirk", "");
    machine.finds("fwupd-quirk", Verdict::Ok, "/var/lib/fwupd", "");
    machine.file("/usr/share/fwupd/quirks.d/crescendo.quirk", "");
    machine.finds("fwupd-quirk", Verdict::Warning, "more than once", "rm /var/lib/fwupd");
}

#[test]
fn one_that_does_not() {
    let machine = with("2.0.20", 5);
    plug(&machine, "2.0.20", "2.0.20");
    let err = "FuPlugin: crescendo: a class has another size\n".to_owned();
    let ran = Ran { status: Some(0), out: listed("\"disabled\""), err, ..Ran::default() };
    machine.runs("fwupdtool", Ok(ran));
    machine.finds("fwupd-plugin", Verdict::Problem, "a class has another size", "--verbose");
    plug(&machine, "2.0.20", "2.0.19");
    machine.finds("fwupd-plugin", Verdict::Problem, "it knows 2.0.19 alone", "docs/fleets.md");
    machine.file(format!("{LIBRARIES}/fwupd-2.0.20/{FILE}"), "something");
    machine.finds("fwupd-plugin", Verdict::Problem, "not whole", "./dev install");
}

#[test]
fn two_in_one_place_and_one_that_an_update_of_fwupd_left_behind() {
    let machine = with("2.0.20", 5);
    plug(&machine, "2.0.20", "2.0.20");
    machine.file(format!("{LIBRARIES}/fwupd-2.0.20/libfu_plugin_crescendo_old.so"), "");
    machine.finds("fwupd-plugin", Verdict::Problem, "more than once", "libfu_plugin_crescendo_old.so");
    let machine = with("2.0.21", 5);
    plug(&machine, "2.0.20", "2.0.20");
    let findings = machine.findings("fwupd-plugin");
    assert!(findings[0].what.contains("fwupd 2.0.20 is gone"), "{findings:#?}");
    assert!(
        findings[0].remedy.as_ref().unwrap().contains(&format!("sudo rm {LIBRARIES}/fwupd-2.0.20/{FILE}"))
    );
    assert_eq!(findings[1].verdict, Verdict::Warning, "and the new one has none");
}
