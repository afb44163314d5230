//! GnuTLS and p11-kit.

use std::fs;

use super::{TOKEN, TOKEN_URI, data};
use crate::judge::{Scheme, accepts};
use crate::{Files, Lab, PIN, Program, TlsServer};

/// p11tool lists everything, and signs with every key for signatures. Before the code is known the card has no label, so the
/// first time it is told nothing about the token.
///
/// # Panics
/// When anything is not as it should be.
pub fn p11tool_works(lab: &Lab, pin: &str) {
    lists_every_object(lab, pin, if pin == PIN { TOKEN_URI } else { "pkcs11:" });
    signs_and_checks(lab);
}

/// gnutls-cli logs in to a server, with RSA and with P-256.
///
/// # Panics
/// When it is not let in.
pub fn tls_works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "the certificate is read before the PIN is asked for");
    let server = TlsServer::start(lab);
    let log = server.log_in(lab, "01", TOKEN);
    assert!(log.contains("Client Signature: RSA-PSS-RSAE-SHA256"), "{log}");
    let log = server.log_in(lab, "04", "Crescendo Test Card");
    assert!(log.contains("Client Signature: ECDSA-SECP256R1-SHA256"), "{log}");
}

/// p11tool with our module and with this PIN.
#[must_use]
pub fn p11tool(lab: &Lab, pin: &str) -> Program {
    lab.program("p11tool").env("GNUTLS_PIN", pin).arg("--provider").arg(&Files::get().module)
}

/// Every key of the token at a URI has its three objects.
///
/// # Panics
/// When one is missing.
pub fn lists_every_object(lab: &Lab, pin: &str, token: &str) {
    let all = p11tool(lab, pin).args(&["--login", "--list-all", token]).succeed();
    for id in 1..=4 {
        for kind in ["cert", "public", "private"] {
            let found = all.out.lines().filter(|line| line.starts_with("\tURL: "));
            let end = format!("type={kind}");
            let matching = found.filter(|url| url.contains(&format!(";id=%0{id};")) && url.ends_with(&end));
            assert_eq!(matching.count(), 1, "id {id}, {kind}: {all}");
        }
    }
    all.says("Type: Private key (RSA-2048)").says("CKA_ALWAYS_AUTH");
}

/// # Panics
/// When a signature does not fit.
pub fn signs_and_checks(lab: &Lab) {
    for id in ["01", "02", "04"] {
        let url = format!("{TOKEN_URI};id=%{id};type=private");
        let signed = p11tool(lab, PIN).args(&["--login", "--test-sign", &url]).run();
        assert_eq!(signed.status, Some(0), "{signed}");
        let words = format!("{}{}", signed.out, signed.err);
        assert!(words.contains("Verifying against public key in the token... ok"), "{signed}");
    }
}

/// Every TLS client on a Debian desktop comes this way. Ours is the only module in this proxy: the folder where packages
/// register theirs is covered, for this program alone.
///
/// # Panics
/// When the token is not behind it.
pub fn proxy_works(lab: &Lab, pin: &str) {
    let modules = lab.path("modules");
    fs::create_dir(&modules).expect("the lab's folder takes files");
    let ours = format!("module: {}\n", Files::get().module.display());
    fs::write(modules.join("ours.module"), ours).expect("the lab's folder takes files");
    let cover = r#"mount --bind "$0" /usr/share/p11-kit/modules && exec "$@""#;
    let behind = || lab.program("unshare").args(&["--mount", "sh", "-c", cover]).arg(&modules);
    let listed = behind().args(&["p11-kit", "list-modules"]).succeed();
    listed.says("ours: ").says(&format!("token: {TOKEN}"));
    assert!(!listed.out.contains("opensc"), "{listed}");
    let proxy = behind().args(&["pkcs11-tool", "--module", "p11-kit-proxy.so", "--login", "--pin", pin]);
    let objects = proxy.args(&["--token-label", TOKEN, "-O"]).succeed();
    assert_eq!(objects.count("Certificate Object"), 4, "{objects}");
    assert_eq!(objects.count("Private Key Object"), 4, "{objects}");
}

/// How a program in a sandbox, or on another machine, uses a token.
///
/// # Panics
/// When the signature does not fit.
pub fn server_works(lab: &Lab, pin: &str) {
    let script = r#"
        eval "$(p11-kit server --provider "$0" "$1")"
        trap 'kill "$P11_KIT_SERVER_PID"' EXIT
        pkcs11-tool --module "/usr/lib/$(gcc -print-multiarch)/pkcs11/p11-kit-client.so" --login --pin "$2" \
            -s -m SHA256-RSA-PKCS --id 01 -i "$3" -o "$3.signature""#;
    let shell =
        lab.program("bash").args(&["-e", "-c", script]).arg(&Files::get().module).args(&[TOKEN_URI, pin]);
    let _ = shell.arg(data(lab)).succeed();
    let signature = fs::read(lab.path("data.signature")).expect("the tool wrote it");
    assert!(accepts(lab, "9a", Scheme::Pkcs1, &data(lab), &signature));
}
