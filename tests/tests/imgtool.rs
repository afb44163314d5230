//! MCUboot's own image tool and ours: each verifies what the other makes. And whom the shipped command trusts.

#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crescendo_tests::Files;
use serde_json::Value;
use tempfile::TempDir;

const MODEL: &str = "org.crescendo.reference-key";

/// A folder with a payload, the keys `ours` and `other` as imgtool makes them, and imgtool.
struct Lab {
    folder: TempDir,
    imgtool: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/python");
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        let made = Command::new(scripts.join("venv.sh")).arg(&python).status().unwrap();
        assert!(made.success(), "no virtual environment");
        let lab = Self { folder: tempfile::tempdir().unwrap(), imgtool: python.join("bin/imgtool") };
        let payload: Vec<u8> = (0..50_000_u32).map(|n| (n * 7) as u8).collect();
        fs::write(lab.path("in.bin"), payload).unwrap();
        for name in ["ours", "other"] {
            lab.imgtool(&["keygen", "-t", "ed25519", "-k", &format!("{name}.pem")]);
            let public = lab.imgtool(&["getpub", "-e", "pem", "-k", &format!("{name}.pem")]);
            fs::write(lab.path(&format!("{name}.pub.pem")), public.stdout).unwrap();
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn imgtool(&self, words: &[&str]) -> Output {
        let done = self.run(&self.imgtool, words);
        assert!(done.status.success(), "imgtool {words:?}: {}", said(&done));
        done
    }

    fn crescendo(&self, words: &[&str]) -> Output {
        self.run(&Files::get().command, words)
    }

    fn run(&self, program: &Path, words: &[&str]) -> Output {
        let trusted = self.path("trusted");
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C").env("CRESCENDO_FIRMWARE_KEYS", trusted);
        command.args(words).output().unwrap()
    }

    /// The command of the protocol's part 1, with these words more.
    #[track_caller]
    fn image(&self, name: &str, more: &[&str]) {
        let words = "sign --key ours.pem --version 3.1.4+7 --header-size 0x200 --pad-header --slot-size 0x80000 --align 4 \
                     --security-counter 12 --custom-tlv 0x00A0 org.crescendo.reference-key --custom-tlv 0x00A1 0x01000000 \
                     --custom-tlv 0x00A2 0x01";
        let words: Vec<_> =
            words.split_whitespace().chain(more.iter().copied()).chain(["in.bin", name]).collect();
        self.imgtool(&words);
    }

    #[track_caller]
    fn verifies(&self, name: &str) -> Value {
        let done = self.crescendo(&["firmware", "verify", "--json", "--key", "ours.pub.pem", name]);
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], code: &str) {
        let done = self.crescendo(&[&["firmware", "verify", "--json"], words].concat());
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((done.status.code(), report["error"]["code"].as_str()), (Some(6), Some(code)), "{report}");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Ours, with what the image of the protocol's part 1 has.
const SIGN: &[&str] = &[
    "firmware",
    "sign",
    "--model",
    MODEL,
    "--version",
    "3.1.4+7",
    "--counter",
    "12",
    "--bootloader",
    "1.0.0",
    "--hardware",
    "1",
];

#[test]
fn images_made_by_imgtool_verify_here() {
    let lab = Lab::new();
    lab.image("out.img", &[]);
    let image = &lab.verifies("out.img")["image"];
    assert_eq!((image["model"].as_str(), image["version"].as_str()), (Some(MODEL), Some("3.1.4+7")));
    assert_eq!((image["counter"].as_u64(), image["bootloader"].as_str()), (Some(12), Some("1.0.0")));
    assert_eq!(image["hardware"], serde_json::json!([1]));
    let dump = said(&lab.imgtool(&["dumpinfo", "out.img"]));
    let signer = image["signers"][0].as_str().unwrap();
    let hash: Vec<_> =
        signer.as_bytes().chunks(2).map(|pair| format!("0x{}", str::from_utf8(pair).unwrap())).collect();
    assert!(
        dump.split_whitespace().collect::<Vec<_>>().join(" ").contains(&hash.join(" ")),
        "{signer}: {dump}"
    );
}

#[test]
fn images_made_here_satisfy_imgtool() {
    let lab = Lab::new();
    let done = lab.crescendo(&[SIGN, &["--key", "ours.pem", "in.bin", "out.img"]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let verified = said(&lab.imgtool(&["verify", "-k", "ours.pem", "out.img"]));
    assert!(verified.contains("Image was correctly validated") && verified.contains("3.1.4+7"), "{verified}");
    let dump = said(&lab.imgtool(&["dumpinfo", "out.img"]));
    for words in
        ["SEC_CNT (0x50)", "0xa0", "0xa1", "0xa2", "SHA256 (0x10)", "KEYHASH (0x1)", "ED25519 (0x24)"]
    {
        assert!(dump.contains(words), "{words}: {dump}");
    }
    let other = lab.run(&lab.imgtool, &["verify", "-k", "other.pem", "out.img"]);
    assert!(!other.status.success(), "imgtool tells keys apart");
}

#[test]
fn both_make_the_same_bytes() {
    let lab = Lab::new();
    lab.image("theirs.img", &[]);
    let done = lab.crescendo(&[SIGN, &["--key", "ours.pem", "in.bin", "ours.img"]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(fs::read(lab.path("ours.img")).unwrap() == fs::read(lab.path("theirs.img")).unwrap());
}

#[test]
fn an_image_is_written_over_another_only_by_force() {
    let lab = Lab::new();
    let sign = |more: &[&str]| lab.crescendo(&[SIGN, &["--key", "ours.pem"], more].concat()).status.code();
    assert_eq!(sign(&["in.bin", "out.img"]), Some(0));
    assert_eq!(sign(&["in.bin", "out.img"]), Some(1));
    assert_eq!(sign(&["--force", "in.bin", "out.img"]), Some(0));
}

#[test]
fn what_imgtool_can_make_and_this_protocol_does_not_have_is_refused() {
    let lab = Lab::new();
    let verify = ["--key", "ours.pub.pem", "x.img"];
    lab.imgtool(&["keygen", "-t", "x25519", "-k", "box.pem"]);
    lab.imgtool(&["keygen", "-t", "ecdsa-p256", "-k", "p256.pem"]);
    for (more, code) in [
        (&["--encrypt", "box.pem"][..], "image-encrypted"),
        (&["--pure"], "image-malformed"),
        (&["--key", "p256.pem"], "image-malformed"),
        (&["--custom-tlv", "0x00A3", "0x01"], "image-malformed"),
        (&["--pad"], "image-malformed"),
        (&["--key", "other.pem"], "image-signature"),
    ] {
        lab.image("x.img", more);
        lab.refuses(&verify, code);
    }
}

#[test]
fn an_image_that_was_changed_is_refused() {
    let lab = Lab::new();
    lab.image("out.img", &[]);
    let good = fs::read(lab.path("out.img")).unwrap();
    for (at, code) in [
        (0, "image-malformed"),
        (20, "image-damaged"),
        (0x300, "image-damaged"),
        (good.len() - 1, "image-signature"),
    ] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(lab.path("bad.img"), bad).unwrap();
        lab.refuses(&["--key", "ours.pub.pem", "bad.img"], code);
    }
    fs::write(lab.path("bad.img"), &good[..good.len() - 1]).unwrap();
    lab.refuses(&["--key", "ours.pub.pem", "bad.img"], "image-malformed");
}

#[test]
fn two_keys_sign_where_two_have_to() {
    let lab = Lab::new();
    let both = ["--key", "ours.pub.pem", "--key", "other.pub.pem", "--signatures", "2", "out.img"];
    lab.image("out.img", &[]);
    lab.refuses(&both, "image-signature");
    let done = lab.crescendo(
        &[SIGN, &["--key", "ours.pem", "--key", "other.pem", "--force", "in.bin", "out.img"]].concat(),
    );
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let done = lab.crescendo(&[&["firmware", "verify"][..], &both].concat());
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
}

#[test]
fn the_list_of_an_administrator_is_read() {
    let lab = Lab::new();
    lab.image("out.img", &[]);
    lab.refuses(&["out.img"], "image-signature");
    fs::create_dir(lab.path("trusted")).unwrap();
    fs::copy(lab.path("ours.pub.pem"), lab.path("trusted/ours.pem")).unwrap();
    assert_eq!(lab.crescendo(&["firmware", "verify", "out.img"]).status.code(), Some(0));
    let list = said(&lab.crescendo(&["firmware", "list-keys", "--json"]));
    let list: Value = serde_json::from_str(&list).unwrap();
    fs::write(lab.path("trusted/required-signatures"), "2\n").unwrap();
    lab.refuses(&["out.img"], "image-signature");
    fs::remove_file(lab.path("trusted/required-signatures")).unwrap();
    fs::write(lab.path("trusted/lost.revoked"), list["keys"][0]["hash"].as_str().unwrap()).unwrap();
    lab.refuses(&["out.img"], "image-signature");
}

/// Whoever runs a program with another's rights does not say whom that one trusts.
#[test]
fn the_environment_is_not_read_with_rights_that_are_not_the_user_s() {
    let lab = Lab::new();
    fs::create_dir(lab.path("trusted")).unwrap();
    fs::copy(lab.path("ours.pub.pem"), lab.path("trusted/ours.pem")).unwrap();
    let folder = |program: &Path| {
        let list = lab.run(program, &["firmware", "list-keys", "--json"]).stdout;
        serde_json::from_slice::<Value>(&list).unwrap()["folder"].as_str().unwrap().to_owned()
    };
    let command = &Files::get().command;
    assert_eq!(folder(command), lab.path("trusted").display().to_string());
    // Where files may have such rights at all: not below /tmp everywhere.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let other = place.path().join("crescendo");
    fs::copy(command, &other).unwrap();
    chown(&other, Some(65_534), None).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(folder(&other), "/etc/crescendo/firmware-keys.d");
}

/// A public Ed25519 key in PEM begins so, whichever it is.
const ANY_PUBLIC_KEY: &[u8] = b"MCowBQYDK2VwAyEA";

#[test]
fn what_is_shipped_trusts_nobody() {
    let holds = |path: &Path| {
        let content = fs::read(path).unwrap();
        content.windows(ANY_PUBLIC_KEY.len()).any(|window| window == ANY_PUBLIC_KEY)
    };
    assert!(!holds(&Files::get().command), "the command has a key in it");
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    for entry in fs::read_dir(packaging).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read_to_string(&path).unwrap();
        assert!(!holds(&path) && !content.contains("firmware-keys"), "{} installs a key", path.display());
    }
}
