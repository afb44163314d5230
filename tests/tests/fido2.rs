//! The FIDO application of the virtual card over PC/SC, read by Yubico's FIDO library for Python and by our command.
//! (Debian's own libfido2 and `fido2-token` are built without PC/SC.)

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

use crescendo_tests::{Done, Files, Lab};
use serde_json::Value;

/// Runs the script in the Python of all tests.
fn ask(lab: &Lab) -> Done {
    let strangers = Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/python");
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let made = Command::new(strangers.join("venv.sh")).arg(&python).status().unwrap();
    assert!(made.success(), "no virtual environment");
    lab.program(python.join("bin/python")).arg(strangers.join("with_fido2.py")).succeed()
}

#[test]
fn a_stranger_reads_what_the_card_s_authenticator_is() {
    for (options, aaguid) in [
        (&[][..], "7991798a-a7f3-487f-98c0-3faf7a458a04"),
        (&["--contactless"], "7991798a-a7f3-487f-98c0-3faf7a458a04"),
        (&["--profile", "piv", "--extended", "--fido"], "63726573-6365-6e64-6f2d-73696d2d3032"),
    ] {
        let lab = Lab::start(options);
        let done = ask(&lab);
        done.says("versions FIDO_2_0 FIDO_2_1").says(&format!("aaguid {aaguid}")).says("firmware 262400");
        done.says("'clientPin': False").says("longest 1200 vendor []");
        done.says("chained True").says("without NFCCTAP_GETRESPONSE True").says("refused INVALID_COMMAND");
    }
}

#[test]
fn a_stranger_passes_over_a_card_without_the_application() {
    let lab = Lab::start(&["--no-fido"]);
    assert_eq!(ask(&lab).out, "end\n");
}

#[test]
fn the_command_shows_what_the_stranger_reads() {
    let lab = Lab::start(&[]);
    let info = || lab.program(&Files::get().command).args(&["firmware", "info"]);
    let shown: Value = serde_json::from_str(&info().arg("--json").succeed().out).unwrap();
    let [card] = &shown["cards"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!(card["reader"], "Virtual PCD 00 00");
    assert_eq!(card["problem"], Value::Null);
    let versions = card["fido"].as_array().unwrap().iter().map(|version| version.as_str().unwrap());
    let stranger = ask(&lab);
    stranger.says(&format!("versions {}", versions.collect::<Vec<_>>().join(" ")));
    stranger.says(&format!("aaguid {}", card["aaguid"].as_str().unwrap()));
    stranger.says(&format!("firmware {}", card["fido_firmware"]));
    info().succeed().says("as a card").says("Firmware update not supported by this program");
}
