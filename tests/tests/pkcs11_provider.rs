//! OpenSSL 3.5 with pkcs11-provider, of Debian 13, in a userland of its own: `./dev test --slow` makes target/guest/trixie.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use crescendo_tests::{Done, Files, Lab, PIN, Scheme, accepts, certificate};

const CARD: &str = "pkcs11:token=Crescendo%20Test%20Holder";

/// The newer openssl on the lab's card. The lab's folder is where it is outside; Debian 13's libpcsclite does not speak
/// to Debian 12's pcscd, so ours goes with it.
struct Guest {
    lab: Lab,
    root: PathBuf,
}

impl Guest {
    fn start(options: &[&str]) -> Self {
        let lab = Lab::start(options);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("guest/trixie");
        assert!(root.join("usr/bin/openssl").exists(), "./dev test --slow makes {}", root.display());
        fs::copy(&Files::get().module, lab.path("module.so")).unwrap();
        let library = lab.program("sh").args(&["-c", "ldconfig -p | sed -n 's/.*libpcsclite.so.1 .*=> //p'"]);
        fs::copy(library.succeed().out.trim(), lab.path("libpcsclite.so.1")).unwrap();
        let _ = lab.file("pin", PIN);
        let at = |name: &str| lab.path(name).display().to_string();
        let _ = lab.file(
            "openssl.cnf",
            format!(
                "openssl_conf = init\n[init]\nproviders = both\n[both]\ndefault = standard\npkcs11 = token\n\
                 [standard]\nactivate = 1\n[token]\nactivate = 1\n\
                 pkcs11-module-path = {}\npkcs11-module-token-pin = file:{}\n",
                at("module.so"),
                at("pin")
            ),
        );
        Self { lab, root }
    }

    fn openssl(&self, arguments: &str) -> Done {
        let folder = self.lab.path("");
        let script = format!(
            "mkdir -p '{root}{folder}' && mount --bind '{folder}' '{root}{folder}' && \
             exec chroot '{root}' env OPENSSL_CONF={folder}/openssl.cnf LD_LIBRARY_PATH={folder} sh -c \
             'cd {folder} && openssl {arguments}'",
            root = self.root.display(),
            folder = folder.display().to_string().trim_end_matches('/'),
        );
        self.lab.program("unshare").args(&["--mount", "sh", "-c", &script]).succeed()
    }
}

#[test]
#[ignore = "slow lane: needs a Debian 13 userland"]
fn it_lists_and_signs_with_rsa_and_ecdsa() {
    let guest = Guest::start(&[]);
    let listed = guest.openssl(&format!("storeutl -text \"{CARD}\""));
    assert!(listed.count("Certificate:") >= 4, "{listed}");
    let data = guest.lab.file("data", "what is to be signed");
    for (id, name, options, scheme) in [
        ("01", "9a", "", Scheme::Pkcs1),
        ("01", "9a", "-sigopt rsa_padding_mode:pss", Scheme::Pss),
        ("02", "9c", "", Scheme::Ecdsa),
        ("04", "9e", "", Scheme::Ecdsa),
    ] {
        let key = format!("{CARD};id=%{id};type=private");
        let _ = guest.openssl(&format!("dgst -sha256 {options} -sign \"{key}\" -out signature data"));
        let signature = fs::read(guest.lab.path("signature")).unwrap();
        assert!(accepts(&guest.lab, name, scheme, &data, &signature), "{name} {options}");
    }
    assert_eq!(guest.lab.tries(), 6);
}

#[test]
#[ignore = "slow lane: needs a Debian 13 userland"]
fn it_decrypts_mail_to_rsa_and_to_an_elliptic_curve() {
    let guest = Guest::start(&["--retired", "2"]);
    let mail = guest.lab.file("mail", "for the holder of the card");
    for (id, name) in [("03", "9d"), ("06", "retired-02")] {
        let recipient = certificate(&guest.lab, name);
        let encrypt = guest.lab.program("openssl").args(&["cms", "-encrypt", "-aes128", "-binary", "-in"]);
        let sealed = guest.lab.path("sealed");
        let _ = encrypt.arg(&mail).arg("-out").arg(&sealed).arg(&recipient).succeed();
        let key = format!("{CARD};id=%{id};type=private");
        let opened = guest.openssl(&format!("cms -decrypt -in sealed -inkey \"{key}\" -recip {name}.pem"));
        assert_eq!(opened.out, "for the holder of the card", "{name}: {opened}");
    }
}
