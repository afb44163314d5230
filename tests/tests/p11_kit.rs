//! GnuTLS and p11-kit on our module.

#![forbid(unsafe_code)]

use crescendo_tests::{Files, Lab, PIN, Program, Scheme, TlsServer, accepts};

const TOKEN: &str = "pkcs11:token=Crescendo%20Test%20Holder";

fn p11tool(lab: &Lab) -> Program {
    lab.program("p11tool").env("GNUTLS_PIN", PIN).arg("--provider").arg(&Files::get().module)
}

#[test]
fn p11tool_lists_the_token() {
    let lab = Lab::start(&[]);
    let tokens = p11tool(&lab).arg("--list-tokens").succeed();
    tokens.says("Label: Crescendo Test Holder").says("Requires login");
    assert_eq!(tokens.count("Token "), 1, "{tokens}");
}

#[test]
fn p11tool_lists_every_object() {
    let lab = Lab::start(&[]);
    let all = p11tool(&lab).args(&["--login", "--list-all", TOKEN]).succeed();
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

#[test]
fn p11tool_signs_and_checks_with_every_key_for_signatures() {
    let lab = Lab::start(&[]);
    for id in ["01", "02", "04"] {
        let url = format!("{TOKEN};id=%{id};type=private");
        let signed = p11tool(&lab).args(&["--login", "--test-sign", &url]).run();
        assert_eq!(signed.status, Some(0), "{signed}");
        let words = format!("{}{}", signed.out, signed.err);
        assert!(words.contains("Verifying against public key in the token... ok"), "{signed}");
    }
}

#[test]
fn tls_1_3_with_an_rsa_key() {
    let lab = Lab::start(&[]);
    let log = TlsServer::start(&lab).log_in(&lab, "01", "Crescendo Test Holder");
    assert!(log.contains("Client Signature: RSA-PSS-RSAE-SHA256"), "{log}");
}

#[test]
fn tls_1_3_with_p_256() {
    let lab = Lab::start(&[]);
    let log = TlsServer::start(&lab).log_in(&lab, "04", "Crescendo Test Card");
    assert!(log.contains("Client Signature: ECDSA-SECP256R1-SHA256"), "{log}");
}

#[test]
fn tls_1_3_with_p_384() {
    let lab = Lab::start(&[]);
    let _ = lab.card("install 9A p-384");
    let log = TlsServer::start(&lab).log_in(&lab, "01", "Crescendo Test Holder");
    assert!(log.contains("Client Signature: ECDSA-SECP384R1-SHA384"), "{log}");
}

/// Every TLS client on a Debian desktop comes this way. Ours is the only module in this proxy: the folder where packages
/// register theirs is covered, for this program alone.
#[test]
fn the_proxy_passes_the_token_on() {
    let lab = Lab::start(&[]);
    let modules = lab.path("modules");
    std::fs::create_dir(&modules).unwrap();
    std::fs::write(modules.join("ours.module"), format!("module: {}\n", Files::get().module.display()))
        .unwrap();
    let cover = r#"mount --bind "$0" /usr/share/p11-kit/modules && exec "$@""#;
    let behind = || lab.program("unshare").args(&["--mount", "sh", "-c", cover]).arg(&modules);
    let listed = behind().args(&["p11-kit", "list-modules"]).succeed();
    listed.says("ours: ").says("token: Crescendo Test Holder");
    assert!(!listed.out.contains("opensc"), "{listed}");
    let proxy = behind().args(&["pkcs11-tool", "--module", "p11-kit-proxy.so", "--login", "--pin", PIN]);
    let objects = proxy.args(&["--token-label", "Crescendo Test Holder", "-O"]).succeed();
    assert_eq!(objects.count("Certificate Object"), 4, "{objects}");
    assert_eq!(objects.count("Private Key Object"), 4, "{objects}");
}

/// How a program in a sandbox, or on another machine, uses a token.
#[test]
fn the_server_passes_signatures_on() {
    let lab = Lab::start(&[]);
    let data = lab.file("data", "data");
    let script = r#"
        eval "$(p11-kit server --provider "$0" "$1")"
        trap 'kill "$P11_KIT_SERVER_PID"' EXIT
        pkcs11-tool --module "/usr/lib/$(gcc -print-multiarch)/pkcs11/p11-kit-client.so" --login --pin "$2" \
            -s -m SHA256-RSA-PKCS --id 01 -i "$3" -o "$3.signature""#;
    let shell = lab.program("bash").args(&["-e", "-c", script]).arg(&Files::get().module).args(&[TOKEN, PIN]);
    let _ = shell.arg(&data).succeed();
    let signature = std::fs::read(lab.path("data.signature")).unwrap();
    assert!(accepts(&lab, "9a", Scheme::Pkcs1, &data, &signature));
}
