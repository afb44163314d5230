//! OpenSC's pkcs11-tool on our module.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

use crescendo_tests::clients::data;
use crescendo_tests::clients::pkcs11_tool::{decrypts, lists_private_keys, logged_in, sign, tool};
use crescendo_tests::{Done, Files, Lab, PIN, Scheme, accepts, certificate, fixture};

#[test]
fn it_lists_the_token() {
    let lab = Lab::start(&[]);
    let slots = tool(&lab).arg("-L").succeed();
    slots.says("token label        : Crescendo Test Holder").says("PIN initialized");
    assert_eq!(slots.count("  token label"), 1, "{slots}");
}

#[test]
fn it_lists_four_certificates_with_their_labels_and_ids() {
    let lab = Lab::start(&[]);
    let objects = tool(&lab).arg("-O").succeed();
    assert_eq!(objects.count("Certificate Object; type = X.509 cert"), 4, "{objects}");
    assert_eq!(objects.count("Public Key Object; RSA 2048 bits"), 2, "{objects}");
    assert_eq!(objects.count("Public Key Object; EC"), 2, "{objects}");
    for id in 1..=4 {
        assert!(objects.count(&format!("  ID:         {id:02}")) >= 2, "{objects}");
    }
    let labels: Vec<&str> = objects.out.lines().filter(|line| line.starts_with("  label:")).collect();
    assert!(labels.len() >= 8 && labels.iter().all(|label| label.len() > 14), "{objects}");
}

#[test]
fn it_lists_private_keys_after_login() {
    let lab = Lab::start(&[]);
    lists_private_keys(&lab, PIN);
}

/// The tool ends with 0 even when something failed: only its words tell.
#[test]
fn its_own_test_finds_nothing() {
    let lab = Lab::start(&[]);
    let test = tool(&lab).args(&["--login", "--pin", PIN, "--test"]).succeed();
    test.says("No errors");
    for line in test.out.lines().chain(test.err.lines()) {
        assert!(!line.contains("ERR:") && !line.contains("CKR_"), "{line:?} in {test}");
    }
    for mechanism in ["SHA256-RSA-PKCS: OK", "RSA-PKCS: OK", "RSA-X-509: OK"] {
        test.says(mechanism);
    }
    assert_eq!(lab.tries(), 6);
}

#[test]
fn its_fork_test_passes() {
    let lab = Lab::start(&[]);
    let fork = tool(&lab).args(&["--login", "--pin", PIN, "--test-fork"]).succeed();
    for line in fork.out.lines().chain(fork.err.lines()) {
        assert!(!line.contains("CKR_") || line.contains("CKR_OK"), "{line:?} in {fork}");
    }
}

#[test]
fn rsa_signatures_hold() {
    let lab = Lab::start(&[]);
    let signature = sign(&lab, &["-m", "SHA256-RSA-PKCS", "--id", "01"], &data(&lab));
    assert!(accepts(&lab, "9a", Scheme::Pkcs1, &data(&lab), &signature));
    let pss = ["-m", "RSA-PKCS-PSS", "--hash-algorithm", "SHA256", "--id", "01"];
    let signature = sign(&lab, &pss, &hashed(&lab, "SHA256"));
    assert!(accepts(&lab, "9a", Scheme::Pss, &data(&lab), &signature));
    let signature = sign(&lab, &["-m", "SHA256-RSA-PKCS-PSS", "--id", "01"], &data(&lab));
    assert!(accepts(&lab, "9a", Scheme::Pss, &data(&lab), &signature));
}

#[test]
fn ecdsa_signatures_hold_with_a_pin_for_each() {
    let lab = Lab::start(&[]);
    let options = ["-m", "ECDSA", "--id", "02", "--signature-format", "openssl"];
    let signature = sign(&lab, &options, &hashed(&lab, "SHA256"));
    assert!(accepts(&lab, "9c", Scheme::Ecdsa, &data(&lab), &signature));
    let options = ["-m", "ECDSA-SHA256", "--id", "02", "--signature-format", "openssl"];
    let signature = sign(&lab, &options, &data(&lab));
    assert!(accepts(&lab, "9c", Scheme::Ecdsa, &data(&lab), &signature));
}

#[test]
fn ecdsa_signatures_of_the_card_authentication_key_hold() {
    let lab = Lab::start(&[]);
    let options = ["-m", "ECDSA", "--id", "04", "--signature-format", "openssl"];
    let signature = sign(&lab, &options, &hashed(&lab, "SHA256"));
    assert!(accepts(&lab, "9e", Scheme::Ecdsa, &data(&lab), &signature));
}

#[test]
fn a_wrong_pin_costs_one_try_and_is_told() {
    let lab = Lab::start(&[]);
    let login = tool(&lab).args(&["--login", "--pin", "654321", "-O"]).run();
    assert_ne!(login.status, Some(0), "{login}");
    assert!(login.err.contains("CKR_PIN_INCORRECT"), "{login}");
    assert_eq!(lab.tries(), 5);
}

/// Nothing is listed that no test below drives, besides what the tool cannot do: unwrap with a key that it has derived.
#[test]
fn every_mechanism_it_lists_is_tried_here() {
    let lab = Lab::start(&[]);
    let listed = tool(&lab).arg("-M").succeed();
    let names = listed.out.lines().skip(1).filter_map(|line| line.trim().split(',').next());
    let unwrapping = ["AES-KEY-WRAP", "mechtype-0x210A", "mechtype-0x210B"];
    // In writing.rs.
    let generating = ["RSA-PKCS-KEY-PAIR-GEN", "ECDSA-KEY-PAIR-GEN"];
    let mut known: Vec<String> = [&["RSA-PKCS", "RSA-X-509", "RSA-PKCS-PSS", "RSA-PKCS-OAEP"][..], &DIGESTS]
        .concat()
        .into_iter()
        .chain(["ECDSA", "ECDH1-DERIVE", "ECDH1-COFACTOR-DERIVE"])
        .chain(unwrapping)
        .chain(generating)
        .map(String::from)
        .collect();
    for hash in HASHES {
        known.extend([format!("{hash}-RSA-PKCS"), format!("{hash}-RSA-PKCS-PSS"), format!("ECDSA-{hash}")]);
    }
    for name in names {
        assert!(known.iter().any(|known| known == name), "{name} is new: {listed}");
    }
}

#[test]
fn rsa_signatures_hold_with_every_hash() {
    let lab = Lab::start(&[]);
    for hash in HASHES {
        let mechanism = format!("{hash}-RSA-PKCS");
        let signature = sign(&lab, &["-m", &mechanism, "--id", "01"], &data(&lab));
        assert!(holds(&lab, "9a", hash, &[], &signature), "{mechanism}");
        let mechanism = format!("{hash}-RSA-PKCS-PSS");
        let signature = sign(&lab, &["-m", &mechanism, "--id", "01"], &data(&lab));
        assert!(holds(&lab, "9a", hash, &PSS, &signature), "{mechanism}");
        let options = ["-m", "RSA-PKCS-PSS", "--hash-algorithm", &with_dash(hash), "--id", "01"];
        let signature = sign(&lab, &options, &hashed(&lab, hash));
        assert!(holds(&lab, "9a", hash, &PSS, &signature), "RSA-PKCS-PSS with {hash}");
    }
}

#[test]
fn pss_signatures_hold_with_any_salt() {
    let lab = Lab::start(&[]);
    for length in ["0", "20", "222"] {
        let options = ["-m", "SHA256-RSA-PKCS-PSS", "--salt-len", length, "--id", "01"];
        let signature = sign(&lab, &options, &data(&lab));
        let salt = format!("rsa_pss_saltlen:{length}");
        let padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", &salt];
        assert!(holds(&lab, "9a", "SHA256", &padding, &signature), "{length}");
    }
}

#[test]
fn ecdsa_signatures_hold_with_every_hash() {
    let lab = Lab::start(&[]);
    for (hash, (id, name)) in HASHES.iter().zip([("02", "9c"), ("04", "9e")].iter().cycle()) {
        let mechanism = format!("ECDSA-{hash}");
        let options = ["-m", &mechanism, "--id", id, "--signature-format", "openssl"];
        let signature = sign(&lab, &options, &data(&lab));
        assert!(holds(&lab, name, hash, &[], &signature), "{mechanism}");
        let options = ["-m", "ECDSA", "--id", id, "--signature-format", "openssl"];
        let signature = sign(&lab, &options, &hashed(&lab, hash));
        assert!(holds(&lab, name, hash, &[], &signature), "ECDSA of {hash}");
    }
    assert_eq!(lab.tries(), 6);
}

/// The tool signs what it is given, padded or as a DigestInfo: openssl gets it back with the public key.
#[test]
fn bare_rsa_signatures_hold() {
    let lab = Lab::start(&[]);
    let block = lab.file("block", [1; 256]);
    for (mechanism, padding, input) in [("RSA-X-509", "none", &block), ("RSA-PKCS", "pkcs1", &data(&lab))] {
        let signature = lab.file("recovered", sign(&lab, &["-m", mechanism, "--id", "01"], input));
        let padding = format!("rsa_padding_mode:{padding}");
        let openssl = lab.program("openssl").args(&["pkeyutl", "-verifyrecover", "-pkeyopt", &padding]);
        let openssl = openssl.args(&["-certin", "-inkey"]).arg(certificate(&lab, "9a"));
        assert_eq!(
            openssl.arg("-in").arg(signature).succeed().bytes,
            fs::read(input).unwrap(),
            "{mechanism}"
        );
    }
}

#[test]
fn rsa_decryption_holds_with_every_padding() {
    let lab = Lab::start(&[]);
    let block = lab.file("block", [1; 256]);
    decrypts(&lab, &["-m", "RSA-X-509"], &["rsa_padding_mode:none"], &block);
    decrypts(&lab, &["-m", "RSA-PKCS"], &["rsa_padding_mode:pkcs1"], &data(&lab));
    for hash in HASHES {
        let (named, mask) = (with_dash(hash), format!("MGF1-{hash}"));
        let options = ["-m", "RSA-PKCS-OAEP", "--hash-algorithm", &named, "--mgf", &mask];
        let digest = format!("rsa_oaep_md:{}", hash.to_lowercase());
        decrypts(&lab, &options, &["rsa_padding_mode:oaep", &digest], &data(&lab));
    }
}

/// Retired key 83 is for key agreement.
#[test]
fn key_agreement_gives_both_sides_the_same_secret() {
    let lab = Lab::start(&["--retired", "2"]);
    let (mine, public, card) = (lab.path("mine.key"), lab.path("mine.der"), lab.path("card.pub"));
    let openssl = || lab.program("openssl");
    let generate = openssl().args(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let _ = generate.arg("-out").arg(&mine).succeed();
    let export = openssl().args(&["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&mine).arg("-out");
    let _ = export.arg(&public).succeed();
    let export = openssl().args(&["x509", "-noout", "-pubkey", "-in"]).arg(certificate(&lab, "retired-02"));
    fs::write(&card, export.succeed().bytes).unwrap();
    let derive = openssl().args(&["pkeyutl", "-derive", "-inkey"]).arg(&mine).arg("-peerkey").arg(&card);
    let secret = derive.succeed().bytes;
    for mechanism in ["ECDH1-DERIVE", "ECDH1-COFACTOR-DERIVE"] {
        for point in [&[][..], &["--derive-pass-der"]] {
            let derive =
                logged_in(&lab).args(&["--derive", "-m", mechanism, "--id", "06", "-i"]).arg(&public);
            let _ = derive.args(point).arg("-o").arg(lab.path("secret")).succeed();
            assert_eq!(fs::read(lab.path("secret")).unwrap(), secret, "{mechanism} {point:?}");
        }
    }
}

/// Signatures made by openssl with the keys of the fixtures, and one bit off.
#[test]
fn it_verifies_what_others_signed() {
    let lab = Lab::start(&[]);
    let cases: [(&str, &str, &str, &[&str]); 3] = [
        ("9a", "01", "SHA256-RSA-PKCS", &[]),
        ("9a", "01", "SHA256-RSA-PKCS-PSS", &PSS),
        ("9c", "02", "ECDSA-SHA256", &[]),
    ];
    for (name, id, mechanism, options) in cases {
        let signed = lab.program("openssl").args(&["dgst", "-sha256", "-sign"]);
        let signed = signed.arg(fixture(&format!("{name}.key"))).args(options).arg(data(&lab)).succeed();
        verdict(&lab, mechanism, id, &signed.bytes).says("Signature is valid");
        let mut other = signed.bytes;
        *other.last_mut().unwrap() ^= 1;
        verdict(&lab, mechanism, id, &other).says("Invalid signature");
    }
    assert_eq!(lab.card("verified"), "false");
}

#[test]
fn digests_are_those_of_openssl() {
    let lab = Lab::start(&[]);
    for name in DIGESTS {
        let digest = lab.path("digest");
        let hash = tool(&lab).args(&["--hash", "-m", name, "-i"]).arg(data(&lab)).arg("-o").arg(&digest);
        let _ = hash.succeed();
        assert_eq!(fs::read(digest).unwrap(), fs::read(hashed(&lab, name)).unwrap(), "{name}");
    }
}

/// It sleeps for half a minute whenever one of its threads is not done before itself.
#[test]
#[ignore = "slow lane: 30 seconds"]
fn its_threads_all_end_well() {
    let lab = Lab::start(&[]);
    let threads = ["--test-threads", "ILGISLT0"].repeat(4);
    let done = tool(&lab).args(&["--login", "--pin", PIN]).args(&threads).succeed();
    let said = format!("{}{}", done.out, done.err);
    assert!(said.contains("test_threads all threads have ended with CKR_OK"), "{done}");
    for number in 0..4 {
        assert!(said.contains(&format!("test_threads thread:{number} state:-1, rv:CKR_OK")), "{done}");
    }
}

#[test]
fn its_hotplug_test_ends_when_nobody_answers() {
    let lab = Lab::start(&[]);
    let done = tool(&lab).arg("--test-hotplug").succeed();
    done.says("using C_GetSlotList()").says("using C_WaitForSlotEvent()");
    assert!(!format!("{}{}", done.out, done.err).contains("CKR_"), "{done}");
}

/// The tool waits in C_WaitForSlotEvent until the card is taken out.
#[test]
fn its_hotplug_test_sees_the_card_leave() {
    let mut lab = Lab::start(&[]);
    let script = r#"printf 'x\n\n' | timeout 30 pkcs11-tool --module "$0" --test-hotplug"#;
    let tool = lab.server("sh").args(&["-c", script]).arg(&Files::get().module);
    let tool = tool.serve(lab.path("hotplug.log"), "Calling C_WaitForSlotEvent");
    assert!(!tool.log().contains("event on slot"), "{}", tool.log());
    lab.pull();
    tool.wait_for("event on slot 0x0");
}

const HASHES: [&str; 5] = ["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"];
const DIGESTS: [&str; 6] = ["MD5", "SHA-1", "SHA224", "SHA256", "SHA384", "SHA512"];
const PSS: [&str; 4] = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"];

/// Where the tool names a hash by itself, the oldest has a dash.
fn with_dash(hash: &str) -> String {
    hash.replace("SHA1", "SHA-1")
}

/// Whether openssl accepts a signature over `data` with this hash, by the key of a fixture.
fn holds(lab: &Lab, name: &str, hash: &str, options: &[&str], signature: &[u8]) -> bool {
    let public = lab.program("openssl").args(&["x509", "-noout", "-pubkey", "-in"]);
    let public = lab.file("public", public.arg(certificate(lab, name)).succeed().bytes);
    let verify = lab.program("openssl").args(&["dgst", &format!("-{}", hash.to_lowercase()), "-verify"]);
    let verify = verify.arg(public).args(options).arg("-signature").arg(lab.file("judged", signature));
    verify.arg(data(lab)).run().out.contains("Verified OK")
}

/// What the tool thinks of a signature, with nobody logged in.
fn verdict(lab: &Lab, mechanism: &str, id: &str, signature: &[u8]) -> Done {
    let tool = tool(lab).args(&["--verify", "-m", mechanism, "--id", id, "-i"]).arg(data(lab));
    let tool = tool.args(&["--signature-format", "openssl", "--signature-file"]);
    tool.arg(lab.file("foreign", signature)).run()
}

/// `data` hashed by openssl.
fn hashed(lab: &Lab, hash: &str) -> PathBuf {
    let digest = format!("-{}", hash.replace('-', "").to_lowercase());
    let hash = lab.program("openssl").args(&["dgst", &digest, "-binary"]).arg(data(lab)).succeed();
    lab.file("hash", hash.bytes)
}
