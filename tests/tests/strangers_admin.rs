//! Foreign programs administer virtual cards: what we understand of writing, they understand too.
//!
//! yubico-piv-tool 2.2 knows a 3DES management key alone unless it is told otherwise; OpenSC's piv-tool 0.23 cannot
//! print a key that it has had made, and says nothing of its success: so the card is asked.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use crescendo_tests::{Done, Lab, Program, fixture};

const MANAGEMENT: &str = "010203040506070801020304050607080102030405060708";
const OTHER: &str = "0102030405060708010203040506070801020304050607FE";

const RSA: [&str; 5] = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const P_384: [&str; 5] = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];

fn extended() -> Lab {
    Lab::start(&["--profile", "piv-extended", "--management-key", &format!("3des:{MANAGEMENT}")])
}

fn yubico(lab: &Lab) -> Program {
    lab.program("yubico-piv-tool").args(&["--reader", "Virtual"])
}

fn openssl(lab: &Lab, words: &[&str]) -> Program {
    lab.program("openssl").args(words)
}

/// A certificate of the lab's authority for a public key in a file.
fn certificate(lab: &Lab, public: &PathBuf, name: &str) -> PathBuf {
    let certificate = lab.path(&format!("{name}.crt"));
    let new = openssl(lab, &["x509", "-new", "-subj", "/CN=stranger", "-CA"]).arg(fixture("ca.pem"));
    let new = new.arg("-CAkey").arg(fixture("ca.key.pem")).arg("-force_pubkey").arg(public);
    let _ = new.arg("-out").arg(&certificate).succeed();
    certificate
}

/// A new private key of openssl's, and a certificate of its own.
fn own_key(lab: &Lab, name: &str, words: &[&str]) -> [PathBuf; 2] {
    let [key, certificate] = [lab.path(&format!("{name}.pem")), lab.path(&format!("{name}.crt"))];
    let _ = openssl(lab, words).arg("-out").arg(&key).succeed();
    let request = openssl(lab, &["req", "-x509", "-new", "-subj", "/CN=own", "-key"]).arg(&key);
    let _ = request.arg("-out").arg(&certificate).succeed();
    [key, certificate]
}

fn with_pin(lab: &Lab, pin: &str, action: &str) -> Program {
    yubico(lab).args(&["-a", "verify-pin", "-P", pin, "-a", action])
}

#[test]
fn yubico_piv_tool_has_keys_made_and_uses_them() {
    let lab = extended();
    for (key, kind, test, words) in [
        ("9a", "ECCP256", "test-signature", "Successful ECDSA verification"),
        ("9c", "ECCP384", "test-signature", "Successful ECDSA verification"),
        ("9d", "RSA2048", "test-decipher", "Successfully performed RSA decryption"),
        ("82", "RSA2048", "test-decipher", "Successfully performed RSA decryption"),
    ] {
        let public = lab.path(&format!("{key}.pub"));
        let _ = yubico(&lab).args(&["-a", "generate", "-s", key, "-A", kind, "-o"]).arg(&public).succeed();
        let file = certificate(&lab, &public, key);
        let _ = yubico(&lab).args(&["-a", "import-certificate", "-s", key, "-i"]).arg(&file).succeed();
        let read = yubico(&lab).args(&["-a", "read-certificate", "-s", key]).succeed();
        assert_eq!(read.out, std::fs::read_to_string(&file).unwrap(), "{key}");
        let tested = with_pin(&lab, "123456", test).args(&["-s", key, "-i"]).arg(&file).succeed();
        assert!(tested.err.contains(words), "{tested}");
    }
    let gone = yubico(&lab).args(&["-a", "delete-certificate", "-s", "9a"]).succeed();
    assert_eq!(lab.card("object 5FC105"), "none", "{gone}");
    assert_eq!(lab.card("keys"), "82 9A 9C 9D 9E");
}

#[test]
fn yubico_piv_tool_brings_keys() {
    let lab = extended();
    let rsa = own_key(&lab, "rsa", &RSA);
    let curve = own_key(&lab, "curve", &P_384);
    for (key, [private, certificate], test, words) in [
        ("9d", rsa, "test-decipher", "Successfully performed RSA decryption"),
        ("9a", curve, "test-signature", "Successful ECDSA verification"),
    ] {
        let _ = yubico(&lab).args(&["-a", "import-key", "-s", key, "-i"]).arg(private).succeed();
        let tested = with_pin(&lab, "123456", test).args(&["-s", key, "-i"]).arg(certificate).succeed();
        assert!(tested.err.contains(words), "{tested}");
    }
}

#[test]
fn yubico_piv_tool_changes_and_unblocks() {
    let lab = extended();
    let change =
        |action: &str, old: &str, new: &str| yubico(&lab).args(&["-a", action, "-P", old, "-N", new]);
    let _ = change("change-pin", "123456", "a!3456").succeed();
    let _ = change("change-puk", "12345678", "puk456").succeed();
    lab.card("block-pin");
    let refused = change("unblock-pin", "wrong!", "654321").run();
    assert!(refused.err.contains("now 2 tries left"), "{refused}");
    let _ = change("unblock-pin", "puk456", "654321").succeed();
    assert_eq!(lab.card("tries"), "pin=3 puk=3");
    let _ =
        with_pin(&lab, "654321", "pin-retries").args(&["--pin-retries", "5", "--puk-retries", "4"]).succeed();
    assert_eq!(lab.card("tries"), "pin=5 puk=4");
}

#[test]
fn yubico_piv_tool_sets_the_management_key_and_resets() {
    let lab = extended();
    let _ = yubico(&lab).args(&["-a", "set-mgm-key", "-n", OTHER]).succeed();
    let refused = yubico(&lab).args(&["-a", "set-chuid"]).run();
    assert!(refused.err.contains("Failed authentication"), "{refused}");
    let before = lab.card("object 5FC102");
    let _ = yubico(&lab).arg(format!("--key={OTHER}")).args(&["-a", "set-chuid", "-a", "set-ccc"]).succeed();
    assert_ne!(lab.card("object 5FC102"), before);

    let early = yubico(&lab).args(&["-a", "reset"]).run();
    assert!(early.err.contains("Reset failed"), "{early}");
    lab.card("block-pin");
    lab.card("block-puk");
    let _ = yubico(&lab).args(&["-a", "reset"]).succeed();
    assert_eq!((lab.card("keys").as_str(), lab.card("tries").as_str()), ("", "pin=3 puk=3"));
    let status = yubico(&lab).args(&["-a", "status"]).succeed();
    assert!(status.out.contains("PIN tries left:\t3") && !status.out.contains("Slot 9a"), "{status}");
    let _ = yubico(&lab).args(&["-a", "generate", "-s", "9e", "-A", "ECCP256"]).succeed();
}

/// Mutual authentication with 9B, then what the words say.
fn piv_tool(lab: &Lab, words: &[&str]) -> Done {
    let digits: Vec<&str> = (0..24).map(|at| &MANAGEMENT[2 * at..2 * at + 2]).collect();
    let key = lab.file("key-9b", digits.join(":"));
    lab.program("piv-tool").env("PIV_EXT_AUTH_KEY", key).args(&["-A", "M:9B:03"]).args(words).run()
}

#[test]
fn opensc_has_keys_made_and_writes_certificates() {
    for profile in ["piv", "piv-extended"] {
        let lab = Lab::start(&["--profile", profile, "--management-key", &format!("3des:{MANAGEMENT}")]);
        let answered = |words: &str| {
            let log = std::fs::read_to_string(lab.path("card.log")).unwrap();
            log.lines().any(|line| line.contains(words))
        };
        let _ = piv_tool(&lab, &["-G", "9A:11"]);
        assert!(answered("< 7F4943864104"), "{profile}: a key on P-256");
        let _ = piv_tool(&lab, &["-G", "9C:07"]);
        assert!(answered("< 7F4982010981820100"), "{profile}: an RSA key");

        let [_, plain] = own_key(&lab, "own", &RSA);
        let compressed = lab.path("own.der");
        let _ = openssl(&lab, &["x509", "-outform", "DER", "-in"])
            .arg(&plain)
            .arg("-out")
            .arg(&compressed)
            .succeed();
        let _ = lab.program("gzip").arg(&compressed).succeed();
        let compressed = lab.path("own.der.gz");
        for (how, key, tag, file) in [("-C", "9A", "5FC105", plain), ("-Z", "9C", "5FC10A", compressed)] {
            let before = lab.card(&format!("object {tag}"));
            let _ = piv_tool(&lab, &[how, key, "-i", file.to_str().unwrap()]);
            assert_ne!(lab.card(&format!("object {tag}")), before, "{profile} {key}");
        }
        let list = lab.program("pkcs15-tool").arg("--list-certificates").succeed();
        list.says("Certificate for PIV Authentication").says("Certificate for Digital Signature");
    }
}

#[test]
fn opensc_changes_and_unblocks_the_pin() {
    let lab = Lab::start(&["--profile", "piv"]);
    let tool = |words: &[&str]| lab.program("pkcs15-tool").args(words);
    let _ = tool(&["--change-pin", "--pin", "123456", "--new-pin", "654321"]).succeed();
    let _ = tool(&["--verify-pin", "--pin", "654321"]).succeed();
    lab.card("block-pin");
    let _ = tool(&["--unblock-pin", "--puk", "12345678", "--new-pin", "111111"]).succeed();
    let _ = tool(&["--verify-pin", "--pin", "111111"]).succeed();
    assert_eq!(lab.card("tries"), "pin=3 puk=3");
}
