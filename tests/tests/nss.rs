//! NSS, which is Firefox, Thunderbird and Chromium underneath: its own tools on our module.

#![forbid(unsafe_code)]

use crescendo_tests::clients::TOKEN;
use crescendo_tests::clients::nss::{MAIL, Nss, encrypted, verifies};
use crescendo_tests::{Lab, OpensslServer, PIN, fixture};

/// R2: NSS knows from a profile object that it need not log in to look.
#[test]
fn certificates_are_listed_without_a_pin() {
    let lab = Lab::start(&[]);
    Nss::start(&lab).lists_certificates();
    assert_eq!((lab.card("verified"), lab.tries()), ("false".into(), 6));
}

#[test]
fn modutil_shows_the_token() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    let listed = nss.tool("modutil").args(&["-force", "-list"]).succeed();
    listed.says(&format!("token: {TOKEN}")).says("status: loaded");
}

#[test]
fn private_keys_are_listed_with_the_pin() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    let pin = lab.file("pin", PIN);
    let keys = nss.tool("certutil").args(&["-K", "-h", TOKEN, "-f"]).arg(pin).succeed();
    for (kind, id) in [("rsa", "01"), ("ec", "02"), ("rsa", "03"), ("ec", "04")] {
        let line = keys.out.lines().find(|line| line.contains(&format!("      {id}  ")));
        assert!(line.is_some_and(|line| line.contains(kind)), "{id}: {keys}");
    }
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    let pin = lab.file("pin", "654321");
    let keys = nss.tool("certutil").args(&["-K", "-h", TOKEN, "-f"]).arg(pin).run();
    assert_ne!(keys.status, Some(0), "{keys}");
    assert_eq!(lab.tries(), 5, "{keys}");
}

/// 9A's certificate is for logging in, so the purpose is not looked at.
#[test]
fn a_mail_signed_with_rsa_verifies() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    verifies(&lab, &nss.sign("Certificate for PIV Authentication"), "any");
}

#[test]
fn a_mail_signed_with_p_256_and_a_pin_of_its_own_verifies() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    verifies(&lab, &nss.sign("Certificate for Digital Signature"), "smimesign");
    assert_eq!(lab.tries(), 6);
}

#[test]
fn an_encrypted_mail_can_be_read() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    nss.database("sender");
    let peer = nss.in_database("sender", "certutil").args(&["-A", "-n", "peer", "-t", ",,", "-i"]);
    let _ = peer.arg(fixture("9d.der")).succeed();
    let encrypted = lab.path("encrypted");
    let encrypt = nss.in_database("sender", "cmsutil").args(&["-E", "-r", "test.holder@crescendo.example"]);
    let _ = encrypt.arg("-i").arg(lab.file("mail", MAIL)).arg("-o").arg(&encrypted).succeed();
    let read = nss.decrypt(&encrypted);
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
}

#[test]
fn a_mail_encrypted_by_openssl_can_be_read() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    let read = nss.decrypt(&encrypted(&lab, "9d", &[]));
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
}

#[test]
fn tls_1_3_with_rsa() {
    let lab = Lab::start(&[]);
    let nss = Nss::start(&lab);
    let server = OpensslServer::start(&lab);
    let page = nss.page(&server, "Certificate for PIV Authentication");
    page.says("HTTP/1.0 200 ok").says("Peer signature type: RSA-PSS").says("CN=Crescendo Test Holder");
}

#[test]
fn tls_1_3_with_p_384() {
    let lab = Lab::start(&[]);
    let _ = lab.card("install 9A p-384");
    let nss = Nss::start(&lab);
    let server = OpensslServer::start(&lab);
    let page = nss.page(&server, "Certificate for PIV Authentication");
    page.says("HTTP/1.0 200 ok").says("Peer signature type: ECDSA").says("Peer signing digest: SHA384");
}

#[test]
#[ignore = "slow lane: Thunderbird is a large package"]
fn the_newer_nss_lists_signs_and_decrypts() {
    let lab = Lab::start(&[]);
    let nss = Nss::of_thunderbird(&lab);
    let listed = nss.tool("certutil").args(&["-L", "-h", "all"]).succeed();
    assert_eq!(listed.out.matches("u,u,u").count(), 4, "{listed}");
    verifies(&lab, &nss.sign("Certificate for PIV Authentication"), "any");
    verifies(&lab, &nss.sign("Certificate for Digital Signature"), "smimesign");
    let read = nss.decrypt(&encrypted(&lab, "9d", &[]));
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
}

/// R5, R6: NSS leaves the key derivation to the token, the unwrapping too, and asks for the key that comes out.
#[test]
#[ignore = "slow lane: Thunderbird is a large package"]
fn the_newer_nss_reads_a_mail_to_an_elliptic_curve_key() {
    let lab = Lab::start(&["--retired", "2"]);
    let nss = Nss::of_thunderbird(&lab);
    for digest in ["sha1", "sha256", "sha384"] {
        let kdf = format!("ecdh_kdf_md:{digest}");
        let read = nss.decrypt(&encrypted(&lab, "retired-02", &["-keyopt", &kdf]));
        assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{digest}: {read}");
    }
}
