//! `./dev install`: what it puts in place works, and `--uninstall` leaves nothing.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crescendo_tests::Lab;
use crescendo_tests::abi::current;
use crescendo_tests::c::{SANITIZED, include};

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

/// The library for C, with its links and all that belongs to it.
fn library() -> Vec<String> {
    let soname = format!("libcrescendo.so.{}", interface());
    let mut files: Vec<_> = [
        "include/crescendo.h",
        "include/crescendo.hpp",
        "lib/cmake/Crescendo/CrescendoConfig.cmake",
        "lib/cmake/Crescendo/CrescendoConfigVersion.cmake",
        "lib/libcrescendo.a",
        "lib/libcrescendo.so",
        "lib/pkgconfig/crescendo.pc",
    ]
    .map(String::from)
    .into();
    files.push(format!("lib/{soname}"));
    files.push(format!("lib/{soname}.{}", env!("CARGO_PKG_VERSION")));
    files
}

/// The number of the binary interface.
fn interface() -> u32 {
    current(&include().join("crescendo.h")).unwrap().version
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
    let mut expected = vec![
        "bin/crescendo".to_owned(),
        format!("lib/{version}/libfu_plugin_crescendo.so"),
        "lib/pkcs11/libcrescendo_pkcs11.so".to_owned(),
        "lib/udev/rules.d/70-crescendo.rules".to_owned(),
        "share/fwupd/quirks.d/crescendo.quirk".to_owned(),
        "share/p11-kit/modules/crescendo.module".to_owned(),
    ];
    expected.extend(library());
    expected.sort_unstable();
    assert_eq!(files_without_help(&prefix, "share"), expected);

    install(Path::new(""), &prefix, &["--uninstall"]);
    assert!(files(&prefix).is_empty(), "{:?}", files(&prefix));
    let left: Vec<_> =
        ["lib/pkcs11", "lib/pkgconfig", "lib/cmake", "lib/udev", "share"].map(|it| prefix.join(it)).into();
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
    let mut expected = vec![
        "etc/pkcs11/modules/crescendo.module",
        "usr/local/bin/crescendo",
        "usr/local/lib/pkcs11/libcrescendo_pkcs11.so",
        "usr/local/lib/udev/rules.d/70-crescendo.rules",
        "var/lib/fwupd/quirks.d/crescendo.quirk",
        plugin.to_str().unwrap().trim_start_matches('/'),
    ];
    let library: Vec<_> = library().into_iter().map(|file| format!("usr/local/{file}")).collect();
    expected.extend(library.iter().map(String::as_str));
    expected.sort_unstable();
    assert_eq!(files_without_help(root.path(), "usr/local/share"), expected);
    let registration = root.path().join("etc/pkcs11/modules/crescendo.module");
    let registered = fs::read_to_string(registration).unwrap();
    assert!(registered.contains("module: /usr/local/lib/pkcs11/libcrescendo_pkcs11.so"), "{registered}");

    install(root.path(), system, &["--uninstall"]);
    assert!(files(root.path()).is_empty(), "{:?}", files(root.path()));
}

#[test]
#[ignore = "slow lane: builds what is shipped"]
fn programs_in_c_find_the_library_with_pkg_config_and_with_cmake() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    // What was installed before with the same soname goes; what has another one stays, with the programs that need it.
    let (old, other) = ("lib/libcrescendo.so.1.0.0.1", "lib/libcrescendo.so.0");
    fs::create_dir_all(first.join("lib")).unwrap();
    fs::write(first.join(old), "").unwrap();
    fs::write(first.join(other), "").unwrap();
    install(Path::new(""), &first, &[]);
    assert!(!first.join(old).exists() && first.join(other).exists());
    // Nothing in there knows where it was put.
    let prefix = folder.path().join("moved");
    fs::rename(&first, &prefix).unwrap();
    let consumer = format!("{}/strangers/consumer", env!("CARGO_MANIFEST_DIR"));
    let source = format!("{consumer}/main.c");
    let program = folder.path().join("program");

    let pkg_config = |options: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(options).arg("crescendo");
        let flags = said(&mut command);
        flags.split_whitespace().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let mut gcc = Command::new("gcc");
    said(gcc.arg("-o").arg(&program).arg(&source).args(pkg_config(&["--cflags", "--libs"])));
    assert_eq!(run(&program, Some(&prefix)), greeting());
    assert!(needed(&program).contains("libcrescendo.so"));

    let mut flags = pkg_config(&["--static", "--cflags", "--libs"]);
    let library = flags.iter_mut().find(|flag| *flag == "-lcrescendo").unwrap();
    *library = "-l:libcrescendo.a".into();
    let mut gcc = Command::new("gcc");
    said(gcc.args(SANITIZED).arg("-o").arg(&program).arg(&source).args(flags));
    assert_eq!(run(&program, None), greeting());
    assert!(!needed(&program).contains("libcrescendo.so"));

    let built = folder.path().join("built");
    let place = format!("-DCMAKE_PREFIX_PATH={}", prefix.display());
    said(Command::new("cmake").args(["-S", &consumer, &place, "-B"]).arg(&built));
    said(Command::new("cmake").arg("--build").arg(&built));
    for (name, is_shared) in [("shared", true), ("inside", false), ("plusplus", true)] {
        // CMake tells a program where its libraries are, as long as it lies where it was built.
        assert_eq!(run(&built.join(name), None), greeting());
        assert_eq!(needed(&built.join(name)).contains("libcrescendo.so"), is_shared, "{name}");
    }
}

fn greeting() -> String {
    let number = interface();
    format!("crescendo {}, interface {number} of {number}\n", env!("CARGO_PKG_VERSION"))
}

fn run(program: &Path, prefix: Option<&Path>) -> String {
    let mut command = Command::new(program);
    if let Some(prefix) = prefix {
        command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    }
    said(&mut command)
}

fn needed(program: &Path) -> String {
    said(Command::new("objdump").arg("-p").arg(program))
}

#[track_caller]
fn said(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
