//! Java's keytool and jarsigner with our module.

use crate::{Done, Files, Lab, PIN, Program};

/// It lists, and signs a jar with RSA.
///
/// # Panics
/// When anything is not as it should be.
pub fn works(lab: &Lab, pin: &str) {
    lists(lab, pin);
    signs(lab);
}

const CLASS: &str = "sun.security.pkcs11.SunPKCS11";

/// A tool of the JDK with the card as its keystore. The two spell one option each in their own way.
#[must_use]
pub fn tool(lab: &Lab, name: &str, pin: &str) -> Program {
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
///
/// # Panics
/// When there is no jar to sign.
#[must_use]
pub fn sign(lab: &Lab, label: &str, setting: Option<&str>) -> Done {
    let (_, jar) = (lab.file("content", "what is to be signed"), lab.path("plain.jar"));
    let made = lab.program("jar").arg("cf").arg(&jar).arg("-C").arg(lab.path(""));
    let _ = made.arg("content").succeed();
    let signer = tool(lab, "jarsigner", PIN).arg("-signedjar").arg(lab.path("signed.jar"));
    let signer = match setting {
        Some(value) => signer.env("CRESCENDO_REPLAY_PIN", value),
        None => signer,
    };
    signer.arg(jar).arg(label).run()
}

/// What jarsigner says of the signed jar.
///
/// # Panics
/// When it does not verify.
#[must_use]
pub fn verified(lab: &Lab) -> Done {
    let done = lab.program("jarsigner").args(&["-verify", "-verbose"]).arg(lab.path("signed.jar")).succeed();
    done.says("jar verified.");
    done
}

/// The same by openssl: the signature in a jar is a CMS message over the file beside it.
///
/// # Panics
/// When it does not verify.
pub fn openssl_verifies(lab: &Lab, kind: &str) {
    let script = r#"cd "$0" && jar xf signed.jar && cd META-INF && openssl cms -verify -inform DER -in *."$1" \
        -content *.SF -binary -noverify -out /dev/null"#;
    let openssl = lab.program("sh").args(&["-c", script]).arg(lab.path("")).arg(kind).succeed();
    assert!(openssl.err.contains("CMS Verification successful"), "{openssl}");
}

/// keytool's list has every key under a name of its own.
///
/// # Panics
/// When it has not.
pub fn lists(lab: &Lab, pin: &str) {
    let listed = tool(lab, "keytool", pin).arg("-list").succeed();
    listed.says("Your keystore contains 4 entries");
    for kind in ["PIV Authentication", "Digital Signature", "Key Management", "Card Authentication"] {
        listed.says(&format!("Certificate for {kind}, PrivateKeyEntry"));
    }
}

/// A jar is signed with RSA.
///
/// # Panics
/// When it does not verify.
pub fn signs(lab: &Lab) {
    let _ = sign(lab, "Certificate for PIV Authentication", None).says("jar signed.");
    let _ = verified(lab)
        .says("Signature algorithm: SHA256withRSA, 2048-bit key")
        .says("CN=Crescendo Test Holder");
    openssl_verifies(lab, "RSA");
}
