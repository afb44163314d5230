//! `crescendo cert` with the shipped command: keys made, certificates requested, signed, brought and deleted, on each kind of
//! card; OpenSSL and a foreign PKCS#11 module say what they think of it.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

use crescendo_tests::{Done, Files, Lab, PIN, Program, fixture};
use serde_json::Value;

const MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";
const SUBJECT: &str = "CN=Ada Lovelace,O=Example";

/// A card in a reader, and somebody who administers it.
struct Scene {
    lab: Lab,
    profile: &'static str,
}

impl Scene {
    fn new(profile: &'static str) -> Self {
        Self::with(profile, &[])
    }

    fn with(profile: &'static str, options: &[&str]) -> Self {
        Self { lab: Lab::start(&[&["--profile", profile], options].concat()), profile }
    }

    fn is_crescendo(&self) -> bool {
        !self.profile.starts_with("piv")
    }

    fn crescendo(&self) -> Program {
        self.lab.program(&Files::get().command).env("TEST_PIN", PIN).env("TEST_KEY", MANAGEMENT_KEY)
    }

    /// `crescendo cert ...`, with what it takes to change this card.
    fn cert(&self, words: &[&str]) -> Program {
        let program = self.crescendo().arg("cert").args(words).args(&["--pin-env", "TEST_PIN"]);
        if self.is_crescendo() { program } else { program.args(&["--management-key-env", "TEST_KEY"]) }
    }

    fn list(&self) -> Value {
        json(&self.crescendo().args(&["cert", "list", "--json"]).run())
    }

    /// What is listed of this key.
    fn listed(&self, key: &str) -> Option<Value> {
        let list = self.list();
        let certificates = list["certificates"].as_array().unwrap().clone();
        certificates.into_iter().find(|certificate| certificate["key"] == key)
    }

    /// A request for this key's certificate, in a file.
    fn request(&self, key: &str, words: &[&str]) -> PathBuf {
        let request = ["request", "--key", key, "--subject", SUBJECT, "--yes"];
        let done = self.cert(&[&request, words].concat()).run();
        assert_eq!(done.status, Some(0), "{done}");
        self.lab.file(&format!("{key}.csr"), done.bytes)
    }

    /// What an issuer answers to a request.
    fn issue(&self, request: &PathBuf) -> PathBuf {
        let _ = self.lab.file("issuer.cnf", "keyUsage=critical,digitalSignature\n");
        let issued = self.openssl(&["x509", "-req", "-days", "20", "-copy_extensions", "copy"]);
        let issued = issued.arg("-CA").arg(fixture("ca.pem")).arg("-CAkey").arg(fixture("ca.key.pem"));
        let done =
            issued.args(&["-set_serial", "0x5A01900000000000000000000000CE27", "-in"]).arg(request).succeed();
        self.lab.file("issued.pem", done.bytes)
    }

    fn openssl(&self, words: &[&str]) -> Program {
        self.lab.program("openssl").args(words)
    }

    fn opensc(&self) -> PathBuf {
        let files = self.lab.program("dpkg").args(&["-L", "opensc-pkcs11"]).succeed();
        files
            .out
            .lines()
            .find(|file| file.ends_with("/opensc-pkcs11.so"))
            .expect("OpenSC is installed")
            .into()
    }

    /// What a PKCS#11 module shows of this object.
    fn shown(&self, module: PathBuf, kind: &str, id: &str) -> Done {
        let tool = self.lab.program("pkcs11-tool").arg("--module").arg(module);
        tool.args(&["--list-objects", "--type", kind, "--id", id]).run()
    }
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}

fn error(done: &Done) -> String {
    json(done)["error"]["code"].as_str().unwrap().to_owned()
}

/// From an empty place to a certificate that an issuer has signed: the whole way of a new user.
fn requested_issued_and_imported(profile: &'static str, key: &str, algorithm: &str) {
    let scene = Scene::new(profile);
    let request = scene.request(key, &["--algorithm", algorithm, "--san", "email:ada@example.org"]);
    let verified =
        scene.openssl(&["req", "-verify", "-noout", "-subject", "-text", "-in"]).arg(&request).succeed();
    verified.says("CN = Ada Lovelace").says("email:ada@example.org");
    assert!(scene.listed(key).is_none(), "the old certificate went with its key");

    let issued = scene.issue(&request);
    let done = scene.cert(&["import", "--key", key]).arg(&issued).succeed();
    done.says(&format!("Certificate written to {key}"));
    let listed = scene.listed(key).expect("the new one is shown at once");
    assert_eq!((&listed["subject"], &listed["mark"]), (&SUBJECT.into(), &"expires-within-a-month".into()));

    let id = if key == "9A" { "01" } else { "03" };
    for module in [Files::get().module.clone(), scene.opensc()] {
        scene.shown(module, "cert", id).says("Ada Lovelace");
    }
    assert!(scene.lab.tries() >= 3, "no try is lost");
    assert_eq!(scene.lab.card("verified"), "false", "and nobody is logged in");
}

#[test]
fn a_key_v3_gets_a_key_and_its_issued_certificate() {
    requested_issued_and_imported("key-v3", "9A", "p256");
}

#[test]
fn a_key_v3_gets_a_long_rsa_key() {
    requested_issued_and_imported("key-v3", "9D", "rsa4096");
}

#[test]
fn a_crescendo_2300_gets_a_key_and_its_issued_certificate() {
    requested_issued_and_imported("c2300", "9A", "rsa2048");
}

#[test]
fn a_card_by_the_standard_gets_a_key_and_its_issued_certificate() {
    requested_issued_and_imported("piv", "9A", "p384");
}

#[test]
fn a_card_with_extensions_gets_a_key_and_its_issued_certificate() {
    requested_issued_and_imported("piv-extended", "9D", "rsa2048");
}

#[test]
fn openssl_verifies_what_the_card_signed_for_itself() {
    for profile in ["key-v3", "c2300", "piv"] {
        let scene = Scene::new(profile);
        for (key, algorithm) in [("9A", "p256"), ("9C", "p384"), ("9D", "rsa2048")] {
            let words = ["self-sign", "--key", key, "--subject", SUBJECT, "--algorithm", algorithm, "--yes"];
            scene.cert(&words).args(&["--days", "400"]).succeed().says("a certificate that it signed itself");
            let exported = scene.crescendo().args(&["cert", "export", "--key", key]).succeed();
            let file = scene.lab.file("self.pem", exported.bytes);
            let verified =
                scene.openssl(&["verify", "-check_ss_sig", "-CAfile"]).arg(&file).arg(&file).succeed();
            verified.says("OK");
            let text = scene.openssl(&["x509", "-noout", "-text", "-in"]).arg(&file).succeed();
            text.says("CN = Ada Lovelace").says("CA:FALSE");
        }
        let sign = scene.lab.program("pkcs11-tool").arg("--module").arg(&Files::get().module);
        let sign =
            sign.args(&["--login", "--pin", PIN, "--sign", "--mechanism", "ECDSA-SHA256", "--id", "01"]);
        assert_eq!(sign.input("a message").run().status, Some(0), "programs use the new key");
    }
}

#[test]
fn what_would_be_lost_is_named_and_kept_unless_somebody_says_yes() {
    let scene = Scene::new("key-v3");
    let asked = scene.cert(&["request", "--key", "9D", "--subject", SUBJECT, "--json"]).run();
    assert_eq!((asked.status, &error(&asked)[..]), (Some(2), "unconfirmed"), "{asked}");
    asked
        .says("The certificate of 9D")
        .says("Crescendo Test Holder")
        .says("lost for good")
        .says("encrypted for it");
    let exported = scene.crescendo().args(&["cert", "export", "--key", "9D", "--format", "der"]).succeed();
    assert_eq!(exported.bytes, fs::read(fixture("9d.der")).unwrap());
    let deleted = scene.cert(&["delete", "--key", "9D", "--json"]).run();
    assert_eq!(error(&deleted), "unconfirmed");
    assert!(scene.listed("9D").is_some());
}

#[test]
fn a_certificate_of_another_key_is_refused() {
    for profile in ["key-v3", "c2300", "piv", "piv-extended"] {
        let scene = Scene::new(profile);
        let done = scene.cert(&["import", "--key", "9A", "--yes", "--json"]).arg(fixture("9c.der")).run();
        assert_eq!((done.status, &error(&done)[..]), (Some(1), "not-its-certificate"), "{done}");
        let own = scene.cert(&["import", "--key", "9A", "--yes"]).arg(fixture("9a-same-key.der")).succeed();
        own.says("Certificate written to 9A");
    }
}

#[test]
fn a_private_key_comes_with_its_certificate_from_a_pkcs12_file() {
    for (profile, options) in [("c2300", &[][..]), ("key-v3", &["--unconfirmed"]), ("piv-extended", &[])] {
        let scene = Scene::new(profile);
        for (legacy, key) in [(false, "9D"), (true, "82")] {
            let file = pkcs12(&scene, legacy);
            let words = ["import", "--key", key, "--yes", "--passphrase-env", "TEST_PHRASE"];
            let import =
                |phrase: &str| scene.cert(&words).args(options).arg(&file).env("TEST_PHRASE", phrase);
            let wrong = import("not it").arg("--json").run();
            assert_eq!(error(&wrong), "wrong-passphrase", "{wrong}");
            import("Schlüssel").succeed().says(&format!("Key and certificate written to {key}"));
            let listed = scene.listed(key).expect("it is listed");
            assert_eq!(listed["algorithm"], "RSA-2048");
            assert_eq!(listed["sha256"], scene.fingerprint(&fixture("9d-new-key.der")));
        }
    }
}

impl Scene {
    fn fingerprint(&self, der: &PathBuf) -> String {
        let digest = self.openssl(&["dgst", "-sha256", "-r"]).arg(der).succeed();
        digest.out[..64].to_uppercase()
    }
}

/// A file as browsers and authorities hand it out, with the issuer's certificate; `legacy`: as older ones did.
fn pkcs12(scene: &Scene, legacy: bool) -> PathBuf {
    let key = scene
        .openssl(&["pkcs8", "-inform", "DER", "-nocrypt", "-in"])
        .arg(fixture("9d-new-key.key"))
        .succeed();
    let certificate =
        scene.openssl(&["x509", "-inform", "DER", "-in"]).arg(fixture("9d-new-key.der")).succeed();
    let all = scene
        .lab
        .file("all.pem", [key.bytes, certificate.bytes, fs::read(fixture("ca.pem")).unwrap()].concat());
    let file = scene.lab.path(if legacy { "old.p12" } else { "new.p12" });
    let export = scene
        .openssl(&["pkcs12", "-export", "-passout", "env:PHRASE", "-in"])
        .arg(&all)
        .arg("-out")
        .arg(&file);
    let export = export.env("PHRASE", "Schlüssel");
    let _ = if legacy { export.arg("-legacy").succeed() } else { export.succeed() };
    file
}

#[test]
fn private_keys_are_brought_as_pem_too_and_only_where_that_is_published_or_permitted() {
    let scene = Scene::new("key-v3");
    let key = scene.openssl(&["ec", "-inform", "DER", "-in"]).arg(fixture("9a-p-256.key")).succeed();
    let certificate =
        scene.openssl(&["x509", "-inform", "DER", "-in"]).arg(fixture("9a-p-256.der")).succeed();
    let file = scene.lab.file("both.pem", [key.bytes, certificate.bytes].concat());
    let refused = scene.cert(&["import", "--key", "9A", "--yes", "--json"]).arg(&file).run();
    assert_eq!(error(&refused), "not-confirmed", "{refused}");
    let listed = scene.listed("9A").expect("the certificate there is as it was");
    assert_eq!(listed["sha256"], scene.fingerprint(&fixture("9a.der")));
    let _ = scene.cert(&["import", "--key", "9A", "--yes", "--unconfirmed"]).arg(&file).succeed();
    assert_eq!(scene.listed("9A").unwrap()["algorithm"], "P-256");

    let plain = Scene::new("piv");
    let refused = plain.cert(&["import", "--key", "9A", "--yes", "--json"]).arg(&file).run();
    assert_eq!((refused.status, &error(&refused)[..]), (Some(1), "unsupported"), "{refused}");
    assert!(plain.listed("9A").is_some());
}

#[test]
fn a_key_without_a_certificate_is_shown_and_the_next_command_goes_on_from_there() {
    for profile in ["key-v3", "c2300", "piv-extended", "piv"] {
        let scene = Scene::new(profile);
        let first = scene.request("9A", &["--algorithm", "rsa2048"]);
        let list = scene.list();
        let bare = list["bare"].as_array().unwrap();
        // A card by the standard and no more does not tell; the key is found all the same.
        if profile != "piv" {
            assert_eq!(bare.len(), 1, "{list}");
            assert_eq!((&bare[0]["key"], &bare[0]["algorithm"]), (&"9A".into(), &"RSA-2048".into()));
            scene
                .crescendo()
                .args(&["cert", "list"])
                .succeed()
                .says("a key without a certificate (RSA-2048)");
        }

        let again = scene.request("9A", &["--existing"]);
        let key = |file: &PathBuf| {
            scene.openssl(&["req", "-verify", "-noout", "-pubkey", "-in"]).arg(file).succeed().out
        };
        let modulus =
            |file: &PathBuf| scene.openssl(&["req", "-noout", "-modulus", "-in"]).arg(file).succeed().out;
        assert!(
            !key(&first).is_empty() && modulus(&first) == modulus(&again),
            "the same key, found out by using it"
        );
        let _ = scene.cert(&["self-sign", "--key", "9A", "--subject", SUBJECT, "--existing"]).succeed();
        assert!(scene.list()["bare"].as_array().unwrap().is_empty());
    }
}

#[test]
fn certificates_and_keys_are_deleted() {
    for (profile, unconfirmed) in [("key-v3", true), ("c2300", true), ("piv-extended", false)] {
        let scene = Scene::new(profile);
        scene.cert(&["delete", "--key", "9C", "--yes"]).succeed().says("Certificate deleted from 9C");
        assert!(scene.listed("9C").is_none());
        let again = scene.cert(&["delete", "--key", "9C", "--yes", "--json"]).run();
        assert_eq!((again.status, &error(&again)[..]), (Some(3), "no-certificate"), "{again}");
        let words = ["delete", "--key", "9A", "--with-key", "--yes", "--json"];
        if unconfirmed {
            assert_eq!(error(&scene.cert(&words).run()), "not-confirmed");
            assert!(scene.listed("9A").is_some());
        }
        let done = scene.cert(&words).arg("--unconfirmed").run();
        assert_eq!(done.status, Some(0), "{done}");
        assert!(scene.listed("9A").is_none());
        assert!(!scene.lab.card("keys").contains("9A"), "{}", scene.lab.card("keys"));
    }
}

#[test]
fn without_the_right_nothing_is_lost_and_it_is_said_what_is_wanted() {
    let words = ["request", "--key", "9A", "--subject", SUBJECT, "--yes", "--json", "--pin-env", "TEST_PIN"];
    let managed = Scene::with("key-v3", &["--managed"]);
    let refused = managed.crescendo().arg("cert").args(&words).run();
    assert_eq!(error(&refused), "managed", "{refused}");
    assert!(managed.listed("9A").is_some());

    let plain = Scene::new("piv");
    let wrong = "00".repeat(24);
    let refused = plain
        .crescendo()
        .arg("cert")
        .args(&words)
        .args(&["--management-key-env", "OTHER"])
        .env("OTHER", wrong)
        .run();
    assert_eq!(error(&refused), "wrong-key", "{refused}");
    assert!(plain.listed("9A").is_some());
    let default = plain.crescendo().arg("cert").args(&words).arg("--default-management-key").run();
    assert_eq!(default.status, Some(0), "{default}");

    let key = Scene::new("key-v3");
    let by_key = key
        .crescendo()
        .arg("cert")
        .args(&words)
        .args(&["--xauth-key-env", "OTHER"])
        .env("OTHER", "00".repeat(24))
        .run();
    assert_eq!(by_key.status, Some(0), "{by_key}");
    assert!(key.lab.card("rights").starts_with("pin=false xauth=false"), "{}", key.lab.card("rights"));
}

#[test]
fn a_place_that_a_device_does_not_have_is_told_from_an_empty_one() {
    let scene = Scene::new("c2300");
    let none = scene.cert(&["request", "--key", "9E", "--subject", SUBJECT, "--yes", "--json"]).run();
    assert_eq!((none.status, &error(&none)[..]), (Some(3), "not-found"), "{none}");
    let _ = scene.cert(&["delete", "--key", "9A", "--with-key", "--yes", "--unconfirmed"]).succeed();
    let empty = scene.cert(&["request", "--key", "9A", "--subject", SUBJECT, "--existing", "--json"]).run();
    assert_eq!((empty.status, &error(&empty)[..]), (Some(3), "place-empty"), "{empty}");
    let long = scene
        .cert(&["request", "--key", "9A", "--subject", SUBJECT, "--algorithm", "rsa4096", "--json"])
        .run();
    assert_eq!(error(&long), "no-such-kind", "{long}");
}

#[test]
fn a_certificate_longer_than_its_container_is_compressed_and_read_by_others() {
    let scene = Scene::new("c2300");
    let long: String = (0..40).map(|n| format!("DNS:host-{n:03}.department.example.org,")).collect();
    let request = scene.request("9A", &["--algorithm", "p256"]);
    let extension = scene.lab.file("long.cnf", format!("subjectAltName={}\n", long.trim_end_matches(',')));
    let issued = scene.openssl(&["x509", "-req", "-days", "400", "-extfile"]).arg(extension);
    let issued = issued.arg("-CA").arg(fixture("ca.pem")).arg("-CAkey").arg(fixture("ca.key.pem"));
    let issued = issued.args(&["-set_serial", "77", "-outform", "DER", "-in"]).arg(&request).succeed();
    assert!(issued.bytes.len() > 1909, "{}", issued.bytes.len());
    let file = scene.lab.file("long.der", &issued.bytes);
    let _ = scene.cert(&["import", "--key", "9A"]).arg(file).succeed();
    let exported = scene.crescendo().args(&["cert", "export", "--key", "9A", "--format", "der"]).succeed();
    assert_eq!(exported.bytes, issued.bytes);
    scene.shown(scene.opensc(), "cert", "01").says("Ada Lovelace");
}

#[test]
fn secrets_are_neither_written_nor_told() {
    let scene = Scene::new("piv");
    let log = scene.cert(&["self-sign", "--key", "9C", "--subject", SUBJECT, "--yes", "--json"]);
    let done = log.env("CRESCENDO_LOG", "trace").run();
    assert_eq!(done.status, Some(0), "{done}");
    for secret in [PIN, MANAGEMENT_KEY] {
        assert!(!done.out.contains(secret) && !done.err.contains(secret), "{done}");
    }
}
