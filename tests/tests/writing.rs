//! Foreign programs write through our module: they have keys made, ask for certificates, store them, use them, and take them
//! away. On a Crescendo by the PIN, on a card by the standard by the management key: as the security officer, or behind the
//! PIN in the programs that know no such person.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crescendo_tests::clients::nss::Nss;
use crescendo_tests::clients::p11_kit::p11tool;
use crescendo_tests::clients::{TOKEN, TOKEN_URI, data, pkcs11_tool};
use crescendo_tests::{Done, Files, Lab, PIN, Program, fixture};

const MANAGEMENT: &str = "010203040506070801020304050607080102030405060708";
const PROFILES: [&str; 3] = ["key-v3", "c2300", "piv"];

/// A card that was issued, and what is entered to write on it.
fn card(profile: &str) -> (Lab, String) {
    let entered = if profile == "piv" { format!("{PIN}:{MANAGEMENT}") } else { PIN.into() };
    (Lab::start(&["--profile", profile]), entered)
}

fn openssl(lab: &Lab, words: &[&str]) -> Program {
    lab.program("openssl").args(words)
}

/// A certificate of the lab's authority for a public key in a file.
fn certified(lab: &Lab, public: &Path) -> PathBuf {
    let [pem, der] = ["made.pem", "made.der"].map(|name| lab.path(name));
    let new = openssl(lab, &["x509", "-new", "-subj", "/CN=Made Here", "-CA"]).arg(fixture("ca.pem"));
    let new = new.arg("-CAkey").arg(fixture("ca.key.pem")).arg("-force_pubkey").arg(public);
    let _ = new.arg("-out").arg(&pem).succeed();
    let _ = openssl(lab, &["x509", "-outform", "DER", "-in"]).arg(&pem).arg("-out").arg(&der).succeed();
    der
}

/// Whether a signature of pkcs11-tool holds.
fn holds(lab: &Lab, public: &Path, signature: &[u8]) {
    let signature = lab.file("signature.openssl", signature);
    let verify = openssl(lab, &["dgst", "-sha256", "-verify"]).arg(public).arg("-signature").arg(signature);
    verify.arg(data(lab)).succeed().says("Verified OK");
}

fn tool(lab: &Lab, entered: &str) -> Program {
    pkcs11_tool::tool(lab).args(&["--login", "--pin", entered])
}

fn officer(lab: &Lab) -> Program {
    pkcs11_tool::tool(lab).args(&["--login", "--login-type", "so", "--so-pin", MANAGEMENT])
}

/// What pkcs11-tool says of each step, from the key to its end.
fn whole_life(lab: &Lab, kind: &str, user: &dyn Fn(&Lab) -> Program) {
    let made = user(lab).args(&["--keypairgen", "--key-type", kind, "--id", "01"]).succeed();
    made.says("Key pair generated:").says("Private Key Object").says("Public Key Object");
    let public = lab.path("public.der");
    let read = pkcs11_tool::tool(lab).args(&["--read-object", "--type", "pubkey", "--id", "01", "-o"]);
    let _ = read.arg(&public).succeed();
    let stored =
        user(lab).args(&["--type", "cert", "--id", "01", "--write-object"]).arg(certified(lab, &public));
    stored.succeed().says("Created certificate:");
    let mechanism = if kind.starts_with("EC") { "ECDSA-SHA256" } else { "SHA256-RSA-PKCS" };
    let format = ["--signature-format", "openssl"];
    let options = [&["-m", mechanism, "--id", "01"][..], &format[..2 * usize::from(kind.starts_with("EC"))]];
    holds(lab, &public, &pkcs11_tool::sign(lab, &options.concat(), &data(lab)));
    let _ = user(lab).args(&["--delete-object", "--type", "cert", "--id", "01"]).succeed();
    let listed = pkcs11_tool::tool(lab).args(&["-O", "--type", "cert"]).succeed();
    assert!(!listed.out.contains("PIV Authentication"), "{listed}");
}

#[test]
fn pkcs11_tool_by_the_pin_of_a_crescendo_and_with_a_key_behind_it() {
    for profile in PROFILES {
        let (lab, entered) = card(profile);
        whole_life(&lab, "EC:prime256v1", &|lab| tool(lab, &entered));
        whole_life(&lab, "RSA:2048", &|lab| tool(lab, &entered));
    }
}

#[test]
fn pkcs11_tool_as_the_security_officer() {
    let (lab, _) = card("piv");
    whole_life(&lab, "EC:prime256v1", &officer);
    // 3DES does not look at the last bit of a byte.
    let wrong = MANAGEMENT.replace('8', "A");
    let refused = pkcs11_tool::tool(&lab).args(&["--login", "--login-type", "so", "--so-pin", &wrong]);
    let refused = refused.args(&["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01"]).run();
    assert!(refused.err.contains("CKR_PIN_INCORRECT"), "{refused}");
    assert_eq!(lab.card("tries"), "pin=3 puk=3");
    let user = tool(&lab, PIN).args(&["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01"]).run();
    assert!(user.err.contains("CKR_USER_NOT_LOGGED_IN"), "{user}");
}

#[test]
fn p11tool_and_certtool() {
    for profile in PROFILES {
        let (lab, entered) = card(profile);
        let public = lab.path("public.pem");
        let p11tool = || p11tool(&lab, &entered).env("GNUTLS_SO_PIN", MANAGEMENT).arg("--login");
        let of = |rest: &str| format!("{TOKEN_URI};{rest}");
        let made =
            p11tool().args(&["--generate-ecc", "--curve", "secp256r1", "--label", "any", "--id", "01"]);
        let _ = made.arg("--outfile").arg(&public).arg(TOKEN_URI).succeed();
        let template = lab.file("template", "cn = \"Made Here\"\nsigning_key\n");
        let request = lab.path("request.pem");
        let (private_key, public_key) = (of("id=%01;type=private"), of("id=%01;type=public"));
        let certtool =
            lab.program("certtool").env("GNUTLS_PIN", PIN).arg("--provider").arg(&Files::get().module);
        let certtool = certtool.args(&["--generate-request", "--load-privkey", &private_key]);
        let certtool = certtool.args(&["--load-pubkey", &public_key, "--template"]).arg(template);
        let _ = certtool.arg("--outfile").arg(&request).succeed();
        let certificate = requested(&lab, &request);
        let stored = p11tool().args(&["--write", "--id", "01", "--label", "any", "--load-certificate"]);
        let _ = stored.arg(&certificate).arg(TOKEN_URI).succeed();
        let _ = p11tool().args(&["--test-sign", &private_key]).succeed();
        let gone = p11tool().args(&["--batch", "--delete", &of("id=%01;type=cert")]).succeed();
        gone.says("1 objects deleted");
        if profile == "piv" {
            let officer =
                p11tool().args(&["--so-login", "--generate-rsa", "--bits", "2048", "--label", "any"]);
            officer.args(&["--id", "03", TOKEN_URI]).succeed().says("BEGIN PUBLIC KEY");
        }
    }
}

/// The lab's authority answers a request.
fn requested(lab: &Lab, request: &Path) -> PathBuf {
    let verified = openssl(lab, &["req", "-noout", "-verify", "-in"]).arg(request).succeed();
    assert!(verified.err.contains("Certificate request self-signature verify OK"), "{verified}");
    let certificate = lab.path("requested.pem");
    let issue = openssl(lab, &["x509", "-req", "-days", "30", "-CA"]).arg(fixture("ca.pem"));
    let issue = issue.arg("-CAkey").arg(fixture("ca.key.pem")).arg("-in").arg(request);
    let _ = issue.arg("-out").arg(&certificate).succeed();
    certificate
}

/// NSS names no key: the user has set which one it is to be, or the token says which are free. `certutil -D` never logs in,
/// and so deletes nothing.
#[test]
fn certutil() {
    for profile in PROFILES {
        let (lab, entered) = card(profile);
        let nss = Nss::start(&lab);
        let (pin, noise) = (lab.file("pin", &entered), lab.file("noise", "x".repeat(400)));
        let certutil = |words: &[&str]| {
            let tool = nss.tool("certutil").args(words).args(&["-h", TOKEN, "-f"]).arg(&pin);
            tool.arg("-z").arg(&noise).env("CRESCENDO_NEW_KEY", "9A")
        };
        let request = lab.path("request.pem");
        let asked = certutil(&["-R", "-k", "ec", "-q", "nistp256", "-s", "CN=Made Here", "-a"]);
        let _ = asked.arg("-o").arg(&request).succeed();
        let certificate = requested(&lab, &request);
        let _ = certutil(&["-A", "-n", "any", "-t", ",,", "-a"]).arg("-i").arg(certificate).succeed();
        let listed = nss.tool("certutil").args(&["-L", "-h", "all"]).succeed();
        listed.says(&format!("{TOKEN}:Certificate for PIV Authentication"));
        let _ = nss.sign("Certificate for PIV Authentication");
        let name = format!("{TOKEN}:Certificate for PIV Authentication");
        let deleted = certutil(&["-D", "-n", &name]).run();
        assert_ne!(deleted.status, Some(0), "{deleted}");
        let free = certutil(&["-G", "-k", "ec", "-q", "nistp256"]).env("CRESCENDO_NEW_KEY", "").run();
        assert_eq!(free.status == Some(0), profile != "piv", "{free}");
    }
}

/// Java's keystore, told in its configuration that keys belong on the token, and which. It ends by destroying the private
/// key, which no published command of these tokens does, and so keeps the certificate, too.
#[test]
fn keytool() {
    for profile in PROFILES {
        let (lab, entered) = card(profile);
        let made = java(
            &lab,
            &entered,
            KEY_ON_CARD,
            &["-genkeypair", "-alias", "mine", "-dname", "CN=Made Here"]
                .into_iter()
                .chain(["-keyalg", "EC", "-groupname", "secp256r1"])
                .collect::<Vec<_>>(),
        );
        assert_eq!(made.status, Some(0), "{made}");
        let alias = ["-alias", "Certificate for PIV Authentication"];
        let request = lab.path("request.pem");
        let path = request.display().to_string();
        let asked = java(&lab, &entered, KEY_ON_CARD, &[&["-certreq", "-file", &path][..], &alias].concat());
        assert_eq!(asked.status, Some(0), "{asked}");
        let certificate = requested(&lab, &request);
        // Java wants to store the chain, of which the last part is of no key of the card: the first part is there by then.
        let chain = lab.path("chain.pem");
        let both = [certificate.as_path(), &fixture("ca.pem")]
            .map(|file| std::fs::read(file).expect("it was written"));
        std::fs::write(&chain, both.concat()).expect("the lab's folder takes files");
        let chain = chain.display().to_string();
        let import = [&["-importcert", "-noprompt", "-file", &chain][..], &alias].concat();
        java(&lab, &entered, KEY_ON_CARD, &import).says("CKR_TEMPLATE_INCOMPLETE");
        let listed = java(&lab, &entered, KEY_ON_CARD, &[&["-list", "-v"][..], &alias].concat());
        listed.says("Issuer: CN=Crescendo Lab CA").says("Owner: CN=Made Here");
        java(&lab, &entered, KEY_ON_CARD, &[&["-delete"][..], &alias].concat()).says("CKR_ACTION_PROHIBITED");
    }
}

/// A key of a session, as TLS has one made for every connection, replaces none of the card's.
#[test]
fn keytool_untold_makes_no_key() {
    let (lab, entered) = card("key-v3");
    let words =
        ["-genkeypair", "-alias", "mine", "-dname", "CN=x", "-keyalg", "EC", "-groupname", "secp256r1"];
    java(&lab, &entered, "", &words).says("CKR_TEMPLATE_INCONSISTENT");
    let listed = pkcs11_tool::tool(&lab).args(&["-O", "--type", "cert"]).succeed();
    assert_eq!(listed.count("Certificate Object; type = X.509 cert"), 4, "{listed}");
}

const KEY_ON_CARD: &str = "attributes(generate, *, *) = {\n  CKA_TOKEN = true\n  CKA_ID = 0h01\n}\n";

fn java(lab: &Lab, entered: &str, settings: &str, words: &[&str]) -> Done {
    let module = Files::get().module.display();
    let settings = format!("name = lab\nlibrary = {module}\nslotListIndex = 0\n{settings}");
    let keytool =
        lab.program("keytool").args(&["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", entered]);
    let keytool = keytool.args(&["-providerclass", "sun.security.pkcs11.SunPKCS11", "-providerarg"]);
    keytool.arg(lab.file("writing.cfg", settings)).args(words).run()
}
