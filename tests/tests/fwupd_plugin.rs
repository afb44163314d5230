//! The plugin as a file, and as fwupd takes it or does not: another version, a missing function, a class of another size,
//! the plugin installed twice. Each time it does nothing and the log says why, and fwupd goes on.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;

use crescendo_tests::{Done, Files, Fwupd};
use serde_json::Value;

/// What `fwupdtool get-plugins` says of ours: name and flags of each; and how many there are in all.
fn plugins(done: &Done) -> (Vec<(String, Vec<String>)>, usize) {
    let list: Value = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"));
    let list = list["Plugins"].as_array().unwrap();
    let flags = |plugin: &Value| {
        let flags = plugin["Flags"].as_array().into_iter().flatten();
        flags.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let named = |plugin: &Value| Some((plugin["Name"].as_str()?.to_owned(), flags(plugin)));
    let ours = list.iter().filter_map(named).filter(|(name, _)| name.starts_with("crescendo"));
    (ours.collect(), list.len())
}

fn get_plugins(fwupd: &Fwupd) -> Done {
    fwupd.program("fwupdtool").args(&["get-plugins", "--json"]).succeed()
}

/// What our plugin wrote into fwupd's log.
fn sentence(done: &Done) -> &str {
    let lines: Vec<_> = done.err.lines().filter(|line| line.contains("FuPluginCrescendo")).collect();
    assert_eq!(lines.len(), 1, "{done}");
    lines[0]
}

/// fwupd as tests/strangers/fwupd.c makes it.
fn get_plugins_of_another(fwupd: &Fwupd, how: (&str, &str)) -> Done {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/fwupd.c");
    let library = fwupd.path("another.so");
    let compiled =
        Command::new("gcc").args(["-Wall", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(compiled.unwrap().success());
    let tool = fwupd.program("fwupdtool").args(&["get-plugins", "--json"]);
    tool.env("LD_PRELOAD", library).env(how.0, how.1).succeed()
}

#[test]
fn a_known_fwupd_takes_it_without_a_word() {
    let fwupd = Fwupd::new();
    let done = get_plugins(&fwupd);
    let (ours, _) = plugins(&done);
    assert_eq!(ours, [("crescendo".to_owned(), vec!["modular".to_owned(), "ready".to_owned()])], "{done}");
    assert!(!done.err.contains("FuPluginCrescendo"), "{done}");
}

#[test]
fn another_version_is_refused() {
    let fwupd = Fwupd::new();
    let all = plugins(&get_plugins(&fwupd)).1;
    for version in ["2.0.21", "2.0.2", "3.0.0", ""] {
        let done = get_plugins_of_another(&fwupd, ("FAKE_VERSION", version));
        let said = sentence(&done);
        assert!(said.contains(&format!("fwupd {version} is not known to it")), "{said}");
        assert!(said.contains("crescendo-fwupd knows fwupd 2.0.20; see docs/fleets.md"), "{said}");
        assert_eq!(plugins(&done).1, all, "fwupd goes on");
    }
}

#[test]
fn a_missing_function_is_refused_whichever_it_is() {
    let fwupd = Fwupd::new();
    for name in ["fwupd_error_quark", "fu_hidraw_device_set_report", "fu_progress_set_status", "g_type_query"]
    {
        let done = get_plugins_of_another(&fwupd, ("FAKE_HIDDEN", name));
        assert!(sentence(&done).contains(&format!("this fwupd 2.0.20 has no {name}:")), "{done}");
        assert_eq!(plugins(&done).0.len(), 1);
    }
    let done = get_plugins_of_another(&fwupd, ("FAKE_HIDDEN", "fwupd_version_string"));
    assert!(sentence(&done).contains("this is no fwupd"), "{done}");
}

#[test]
fn a_class_of_another_size_is_refused() {
    let fwupd = Fwupd::new();
    for (class, sizes) in [("FuHidrawDevice", "496 and 488"), ("FuPlugin", "504 and 480")] {
        let done = get_plugins_of_another(&fwupd, ("FAKE_GROWN", class));
        let said = sentence(&done);
        assert!(said.contains(&format!("have {sizes} bytes, and not 496 and 480")), "{said}");
        assert_eq!(plugins(&done).0[0].1, ["disabled", "modular"], "{done}");
    }
}

#[test]
fn of_two_the_second_one_is_off() {
    let copy = |fwupd: &Fwupd| fwupd.install("plugins/libfu_plugin_crescendo_old.so");
    let link = |fwupd: &Fwupd| {
        let there = fwupd.path("plugins/libfu_plugin_crescendo.so");
        fs::hard_link(there, fwupd.path("plugins/libfu_plugin_crescendo_too.so")).unwrap();
    };
    for install_again in [copy as fn(&Fwupd), link] {
        let fwupd = Fwupd::new();
        install_again(&fwupd);
        let done = get_plugins(&fwupd);
        assert!(sentence(&done).contains("installed twice"), "{done}");
        let (ours, _) = plugins(&done);
        let mut states: Vec<_> = ours.iter().map(|(_, flags)| flags[0] == "disabled").collect();
        states.sort_unstable();
        assert_eq!(states, [false, true], "{done}");
    }
}

#[test]
fn in_two_folders_the_second_one_is_off() {
    let fwupd = Fwupd::new();
    fs::create_dir(fwupd.path("more")).unwrap();
    fwupd.install("more/libfu_plugin_crescendo.so");
    let folders = format!("{},{}", fwupd.path("plugins").display(), fwupd.path("more").display());
    let tool = fwupd.program("fwupdtool").args(&["get-plugins", "--json"]);
    let done = tool.env("FWUPD_LIBDIR_PKG", folders).succeed();
    assert!(sentence(&done).contains("installed twice"), "{done}");
}

#[test]
fn it_needs_the_c_library_and_nothing_of_fwupd() {
    let headers = objdump(&["-p"]);
    let needed = headers.lines().filter_map(|line| line.trim().strip_prefix("NEEDED")).map(str::trim);
    for library in needed {
        let known = ["libc.so", "libm.so", "libgcc_s.so", "ld-linux"];
        assert!(known.iter().any(|known| library.starts_with(known)), "{library}");
    }
    assert!(headers.contains("1_FLAGS") || headers.contains("FLAGS_1"), "{headers}");
}

#[test]
fn it_exports_one_function() {
    let symbols =
        Command::new("nm").args(["--dynamic", "--defined-only"]).arg(&Files::get().plugin).output().unwrap();
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let names: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(names, ["fu_plugin_init_vfuncs"]);
}

/// As it ships: optimised.
#[test]
#[ignore = "slow lane: needs the release"]
fn the_release_has_less_than_a_megabyte_and_a_half() {
    let size = fs::metadata(&Files::get().plugin).unwrap().len();
    assert!(size < 1_500_000, "{size}");
}

#[test]
fn unsafe_code_is_in_one_module() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fwupd-plugin/src");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("glib.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
            assert_eq!(words.filter(|word| *word == "unsafe").count(), 0, "{}", path.display());
        }
    }
}

fn objdump(options: &[&str]) -> String {
    let output = Command::new("objdump").args(options).arg(&Files::get().plugin).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
