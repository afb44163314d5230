//! Java's keytool and jarsigner on our module.

#![forbid(unsafe_code)]

use crescendo_tests::{Done, Files, Lab, PIN, Program};

const CLASS: &str = "sun.security.pkcs11.SunPKCS11";

/// A tool of the JDK with the card as its keystore. The two spell one option each in their own way.
fn tool(lab: &Lab, name: &str, pin: &str) -> Program {
    let module = Files::get().module.display();
    let settings = lab.file("java.cfg", format!("name = lab\nlibrary = {module}\nslotListIndex = 0\n"));
    let tool = lab.program(name).args(&["-keystore", "NONE", "-storetype", "PKCS11"]);
    let tool = if name == "keytool" {
        tool.args(&["-providerclass", CLASS, "-providerarg"])
    } else {
        tool.args(&["-providerClass", CLASS, "-providerArg"])
    };
    tool.arg(settings).args(&["-storepass", pin])
}

/// Signs a jar with the key of a certificate's label.
fn sign(lab: &Lab, label: &str, setting: Option<&str>) -> Done {
    let (content, jar) = (lab.file("content", "what is to be signed"), lab.path("plain.jar"));
    let made = lab.program("jar").arg("cf").arg(&jar).arg("-C").arg(content.parent().unwrap());
    let _ = made.arg("content").succeed();
    let signer = tool(lab, "jarsigner", PIN).arg("-signedjar").arg(lab.path("signed.jar"));
    let signer = match setting {
        Some(value) => signer.env("CRESCENDO_REPLAY_PIN", value),
        None => signer,
    };
    signer.arg(jar).arg(label).run()
}

fn verified(lab: &Lab) -> Done {
    let done = lab.program("jarsigner").args(&["-verify", "-verbose"]).arg(lab.path("signed.jar")).succeed();
    done.says("jar verified.");
    done
}

/// The same by openssl: the signature in a jar is a CMS message over the file beside it.
fn openssl_verifies(lab: &Lab, kind: &str) {
    let script = r#"cd "$0" && jar xf signed.jar && cd META-INF && openssl cms -verify -inform DER -in *."$1" \
        -content *.SF -binary -noverify -out /dev/null"#;
    let openssl = lab.program("sh").args(&["-c", script]).arg(lab.path("")).arg(kind).succeed();
    assert!(openssl.err.contains("CMS Verification successful"), "{openssl}");
}

#[test]
fn keytool_lists_every_key_under_a_name_of_its_own() {
    let lab = Lab::start(&[]);
    let listed = tool(&lab, "keytool", PIN).arg("-list").succeed();
    listed.says("Your keystore contains 4 entries");
    for kind in ["PIV Authentication", "Digital Signature", "Key Management", "Card Authentication"] {
        listed.says(&format!("Certificate for {kind}, PrivateKeyEntry"));
    }
    assert_eq!(lab.tries(), 6);
}

#[test]
fn a_jar_signed_with_rsa_verifies() {
    let lab = Lab::start(&[]);
    sign(&lab, "Certificate for PIV Authentication", None).says("jar signed.");
    verified(&lab).says("Signature algorithm: SHA256withRSA, 2048-bit key").says("CN=Crescendo Test Holder");
    openssl_verifies(&lab, "RSA");
}

#[test]
fn a_jar_signed_with_p_256_verifies() {
    let lab = Lab::start(&[]);
    sign(&lab, "Certificate for Card Authentication", None).says("jar signed.");
    verified(&lab).says("Signature algorithm: SHA256withECDSA, 256-bit key").says("CN=Crescendo Test Card");
    openssl_verifies(&lab, "EC");
}

/// R10: Java logs in, reads every certificate, and never gives the PIN again. It is told so, and no try is lost.
#[test]
fn a_key_that_wants_its_pin_each_time_is_refused() {
    let lab = Lab::start(&[]);
    let signed = sign(&lab, "Certificate for Digital Signature", None);
    assert_eq!(signed.status, Some(1), "{signed}");
    signed.says("unable to sign jar").says("CKR_USER_NOT_LOGGED_IN");
    assert_eq!(lab.tries(), 6);
}

/// Unless its owner lets the PIN of the login count for this key, too.
#[test]
fn a_key_that_wants_its_pin_each_time_can_be_allowed() {
    let lab = Lab::start(&[]);
    sign(&lab, "Certificate for Digital Signature", Some("9C")).says("jar signed.");
    verified(&lab).says("Signature algorithm: SHA256withECDSA, 256-bit key").says("CN=Crescendo Test Holder");
    openssl_verifies(&lab, "EC");
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let listed = tool(&lab, "keytool", "654321").arg("-list").run();
    assert_ne!(listed.status, Some(0), "{listed}");
    assert_eq!(lab.tries(), 5, "{listed}");
}
