//! `./dev install`: what it puts in place works, and `--uninstall` leaves nothing.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

use crescendo_tests::Lab;

fn install(prefix: &Path, more: &[&str]) {
    let dev = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("dev");
    let done = Command::new(dev).args(["install", "--prefix"]).arg(prefix).args(more).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "slow lane: builds what is shipped"]
fn it_is_installed_and_taken_away_again() {
    let lab = Lab::start(&[]);
    let prefix = lab.path("prefix");
    install(&prefix, &[]);
    let module = prefix.join("lib/pkcs11/libcrescendo_pkcs11.so");
    lab.program("pkcs11-tool").arg("--module").arg(&module).arg("-L").succeed().says("Crescendo Test Holder");
    lab.program(prefix.join("bin/crescendo")).succeed().says("Crescendo C4000-KEY");
    let registered = std::fs::read_to_string(prefix.join("share/p11-kit/modules/crescendo.module")).unwrap();
    assert!(registered.contains(&format!("module: {}", module.display())), "{registered}");

    install(&prefix, &["--uninstall"]);
    let left: Vec<_> = ["lib/pkcs11", "share/p11-kit", "bin/crescendo"].map(|path| prefix.join(path)).into();
    assert!(left.iter().all(|path| !path.exists()), "{left:?}");
}
