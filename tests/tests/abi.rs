//! The binary interface of libcrescendo is a promise: `ffi/abi/` holds it, and these hold the header and the library to it.

#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crescendo_tests::abi::{Abi, Growth, changes, current, exported};
use crescendo_tests::c::{Linked, SANITIZED, STRICT_C, include, try_compile};
use crescendo_tests::{Files, Lab, PIN};

/// What a program of the first version says with any library that serves it.
const SAID: &[&str] = &[
    "\ncontext: 0, -1 tries, -\ncancel: 0, -1 tries, -\nlist: 0, -1 tries, -\n",
    "state 3, id 47900503708900123456, serial 8A11000000000001, label Crescendo Test Holder, reader Virtual PCD 00 00\n",
    "19 bytes of atr, pin 2, 6 tries, contactless 0, vci 0, key 0, problem -\n",
    "wait: 0, -1 tries, -\nchanged: 0\nkeys: 0, ",
    "remembered: C4000C4E-5CE4-4D01-8A11-000000000001, Crescendo Test Holder, some bytes\n",
    "findings: pcscd, crescendo\n",
    "nobody: 23, -1 tries, ",
    "candidate: Crescendo C4000-KEY\nopen: 0, ",
    "guid C4000C4E-5CE4-4D01-8A11-000000000001, expiry 2045-12-31, 4 keys, first 9a, PIV\n",
    "pin: 2, 6 tries, 6 to 8, puk 3, help desk 3\n",
    "pairing: 1, next 2, vci 0, kept 0\n",
    "personalize: 6, ",
    "would be lost: Crescendo C4000-KEY ",
    "administration key: 1\n",
    "wrong: 30, 5 tries, ",
    "asked: kind 1 of Crescendo C4000-KEY, 5 tries, at most 8\nright: 0, -1 tries, -\n",
    "9a, CN=Crescendo Test Holder,OU=Office of Virtual Smart Cards,O=Crescendo Test Agency,C=US, of CN=",
    ", RSA-2048, valid, der\nexport: 0, ",
    "-----BEGIN CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE REQU\n",
    "to be confirmed: The certificate of 9A ",
    "delete: 18, ",
    "code: 56, ",
    "personalize: 80, ",
    "org.crescendo.reference-key 2.0.0+0, 1 signers\n",
    "size: 15, -1 tries, ",
    "let go: 0, -1 tries, -\ncancel: 0, -1 tries, -\ncancelled: 18, -1 tries, it was cancelled\nasked: 2 times\n",
];

/// A file of the promise.
fn promise(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("ffi/abi").join(name)
}

fn header() -> PathBuf {
    include().join("crescendo.h")
}

fn recorded() -> Option<Abi> {
    fs::read_to_string(promise("crescendo.abi")).ok().map(|text| Abi::read(&text).unwrap())
}

/// The header that the interface of this number began with.
fn first_header(version: u32) -> PathBuf {
    promise(&format!("v{version}/crescendo.h"))
}

/// What may be is recorded when CRESCENDO_BLESS=1 says so; what may not be never is.
#[test]
fn what_programs_rely_on_is_as_it_was_promised() {
    let now = current(&header()).unwrap();
    let before = recorded().unwrap_or(Abi { version: now.version, ..Abi::default() });
    let found = changes(&before, &now).into_iter();
    let broken: Vec<_> = found.filter(|change| !change.is_compatible).map(|it| it.what).collect();
    assert!(
        broken.is_empty(),
        "programs that were built break, unless CRESCENDO_ABI_VERSION grows (ffi/abi/README.md): {broken:#?}"
    );
    if env::var_os("CRESCENDO_BLESS").is_some_and(|it| it == "1") {
        fs::write(promise("crescendo.abi"), now.to_string()).unwrap();
        let first = first_header(now.version);
        if !first.exists() {
            fs::create_dir_all(first.parent().unwrap()).unwrap();
            fs::copy(header(), first).unwrap();
        }
    }
    let before = recorded().expect("CRESCENDO_BLESS=1 records it for the first time");
    assert_eq!(changes(&before, &now), [], "CRESCENDO_BLESS=1 records what is new");
    assert!(before == now, "CRESCENDO_BLESS=1 records what has grown");
}

/// Nothing that the header does not tell of, nothing less, and each under the version of the interface.
#[test]
fn the_library_exports_what_the_header_declares() {
    let now = current(&header()).unwrap();
    let version = format!("CRESCENDO_{}", now.version);
    let expected = now.functions.keys().map(|name| (name.clone(), version.clone())).collect();
    assert_eq!(exported(&Files::get().library).unwrap(), expected);
}

/// It is linked with nothing but the symbols of that time, as the library had them.
#[test]
fn a_program_of_the_first_version_runs_with_the_library_of_today() {
    let version = current(&header()).unwrap().version;
    let first = current(&first_header(version)).unwrap();
    let lab = Lab::start(&[]);
    let folder = promise(&format!("v{version}"));
    let source = folder.join("program.c");
    fills_in_what_may_grow(&fs::read_to_string(&source).unwrap(), &first);
    let stub = stub(&lab, &first);
    let all = lab.file("all.c", references(&first));
    let program = lab.path("program");
    let old_header = ["-I", folder.to_str().unwrap()];
    try_compile(&[&source, &all], &[&old_header, STRICT_C, SANITIZED], Linked::Once(&stub), &program)
        .unwrap();
    let (image, trusted) = image(&lab);
    let done = lab.program(&program).arg(PIN).arg(image).arg(trusted).succeed();
    for words in SAID {
        done.says(words);
    }
    done.says(&format!("built for {version}, running with {version}\n"));
    assert_eq!(lab.tries(), 6);
    assert_eq!(lab.card("verified"), "false");
}

/// Whether the library takes the sizes of that time is known only if each is told to it.
fn fills_in_what_may_grow(program: &str, first: &Abi) {
    let sized = first.structs.iter().filter(|(_, it)| it.growth == Growth::Sized);
    for (name, _) in sized {
        assert!(program.contains(&format!("    {name} ")), "{name} is in no call");
    }
}

/// A signed image for nobody's key, and whom to trust.
fn image(lab: &Lab) -> (PathBuf, PathBuf) {
    let sim = |more: &[&str]| lab.program(&Files::get().sim).arg("firmware-key").args(more).succeed().bytes;
    let (key, payload, image) =
        (lab.file("key.pem", sim(&[])), lab.file("payload", [7; 5000]), lab.path("image"));
    let trusted = lab.path("trusted");
    fs::create_dir(&trusted).unwrap();
    fs::write(trusted.join("key.pem"), sim(&["--public"])).unwrap();
    let sign = lab.program(&Files::get().command).args(&["firmware", "sign", "--key"]).arg(key);
    let words = "--model org.crescendo.reference-key --version 2.0.0 --counter 2 --hardware 1";
    let _ = sign.args(&words.split(' ').collect::<Vec<_>>()).arg(payload).arg(&image).succeed();
    (image, trusted)
}

/// A library of that time, as far as the linker looks into it.
fn stub(lab: &Lab, first: &Abi) -> PathBuf {
    let functions: String = first.functions.keys().map(|name| format!("void {name}(void) {{}}\n")).collect();
    let source = lab.file("stub.c", functions);
    let number = first.version;
    let versions =
        lab.file("versions", format!("CRESCENDO_{number} {{ global: crescendo_*; local: *; }};\n"));
    let stub = lab.path("libstub.so");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", &format!("-Wl,-soname,libcrescendo.so.{number}")]).arg("-o").arg(&stub).arg(source);
    assert!(gcc.arg(format!("-Wl,--version-script={}", versions.display())).status().unwrap().success());
    stub
}

/// A source that refers to each function, so that the program does not start without it.
fn references(first: &Abi) -> String {
    let mut c = String::from(
        "#include <crescendo.h>\n\nextern void (*const all[])(void);\nvoid (*const all[])(void) = {\n",
    );
    for name in first.functions.keys() {
        c += &format!("    (void (*)(void)){name},\n");
    }
    c + "};\n"
}
