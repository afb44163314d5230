//! `./dev install`: what it puts in place works, and `--uninstall` leaves nothing.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crescendo_tests::Lab;

/// `root` is where a package is made; nothing for the machine itself.
fn install(root: &Path, prefix: &Path, more: &[&str]) -> String {
    let dev = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("dev");
    let mut command = Command::new(dev);
    command.env("DESTDIR", root).args(["install", "--prefix"]).arg(prefix).args(more);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// All files below a folder, without it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

/// All files below a folder but the pages of man(1) and what shells complete, which are below this one of it.
fn files_without_help(folder: &Path, share: &str) -> Vec<String> {
    let (help, rest): (Vec<_>, Vec<_>) = files(folder).into_iter().partition(|file| {
        let within = file.strip_prefix(share).and_then(|file| file.strip_prefix('/'));
        within.is_some_and(|file| !file.starts_with("fwupd/") && !file.starts_with("p11-kit/"))
    });
    let completions = ["bash-completion/completions/crescendo", "fish/vendor_completions.d/crescendo.fish"];
    let others = ["man/man1/crescendo.1", "man/man1/crescendo-cert.1", "zsh/site-functions/_crescendo"];
    for file in completions.iter().chain(&others) {
        assert!(help.contains(&format!("{share}/{file}")), "{file}: {help:?}");
    }
    rest
}

/// The folder of this machine's fwupd.
fn fwupd() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib/x86_64-linux-gnu").unwrap().map(|entry| entry.unwrap().path());
    let mut folders = libraries.filter(|path| path.join("libfwupdplugin.so").exists());
    folders.next().expect("fwupd is installed")
}

#[test]
#[ignore = "slow lane: builds what is shipped"]
fn it_is_installed_and_taken_away_again() {
    let lab = Lab::start(&[]);
    let prefix = lab.path("prefix");
    let said = install(Path::new(""), &prefix, &[]);
    assert!(said.contains("an administrator copies"), "{said}");
    let module = prefix.join("lib/pkcs11/libcrescendo_pkcs11.so");
    lab.program("pkcs11-tool").arg("--module").arg(&module).arg("-L").succeed().says("Crescendo Test Holder");
    let command = prefix.join("bin/crescendo");
    lab.program(&command).succeed().says("Crescendo C4000-KEY");
    // Nobody has told it where the module is.
    lab.program(&command).arg("doctor").run().says(&format!("{} (version", module.display()));
    let registered = fs::read_to_string(prefix.join("share/p11-kit/modules/crescendo.module")).unwrap();
    assert!(registered.contains(&format!("module: {}", module.display())), "{registered}");
    let version = fwupd().file_name().unwrap().to_str().unwrap().to_owned();
    let expected = [
        "bin/crescendo".to_owned(),
        format!("lib/{version}/libfu_plugin_crescendo.so"),
        "lib/pkcs11/libcrescendo_pkcs11.so".to_owned(),
        "lib/udev/rules.d/70-crescendo.rules".to_owned(),
        "share/fwupd/quirks.d/crescendo.quirk".to_owned(),
        "share/p11-kit/modules/crescendo.module".to_owned(),
    ];
    assert_eq!(files_without_help(&prefix, "share"), expected);

    install(Path::new(""), &prefix, &["--uninstall"]);
    assert!(files(&prefix).is_empty(), "{:?}", files(&prefix));
    let left: Vec<_> = ["lib/pkcs11", "lib/udev", "share"].map(|it| prefix.join(it)).into();
    assert!(left.iter().all(|path| !path.exists()), "{left:?}");
}

#[test]
#[ignore = "slow lane: builds what is shipped"]
fn in_the_system_each_file_is_where_it_is_looked_for() {
    let root = tempfile::tempdir().unwrap();
    let system = Path::new("/usr/local");
    // What an update of fwupd has left behind.
    let gone = root.path().join("usr/lib/x86_64-linux-gnu/fwupd-0.0.1");
    fs::create_dir_all(&gone).unwrap();
    fs::write(gone.join("libfu_plugin_crescendo.so"), "").unwrap();
    let said = install(root.path(), system, &[]);
    assert!(!said.contains("administrator"), "{said}");
    assert!(!gone.exists(), "{said}");
    let plugin = fwupd().join("libfu_plugin_crescendo.so");
    let mut expected = [
        "etc/pkcs11/modules/crescendo.module",
        "usr/local/bin/crescendo",
        "usr/local/lib/pkcs11/libcrescendo_pkcs11.so",
        "usr/local/lib/udev/rules.d/70-crescendo.rules",
        "var/lib/fwupd/quirks.d/crescendo.quirk",
        plugin.to_str().unwrap().trim_start_matches('/'),
    ];
    expected.sort_unstable();
    assert_eq!(files_without_help(root.path(), "usr/local/share"), expected);
    let registration = root.path().join("etc/pkcs11/modules/crescendo.module");
    let registered = fs::read_to_string(registration).unwrap();
    assert!(registered.contains("module: /usr/local/lib/pkcs11/libcrescendo_pkcs11.so"), "{registered}");

    install(root.path(), system, &["--uninstall"]);
    assert!(files(root.path()).is_empty(), "{:?}", files(root.path()));
}
