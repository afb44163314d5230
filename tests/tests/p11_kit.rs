//! GnuTLS and p11-kit on our module.

#![forbid(unsafe_code)]

use crescendo_tests::clients::{TOKEN_URI, p11_kit};
use crescendo_tests::{Lab, PIN, TlsServer};

#[test]
fn p11tool_lists_the_token() {
    let lab = Lab::start(&[]);
    let tokens = p11_kit::p11tool(&lab, PIN).arg("--list-tokens").succeed();
    tokens.says("Label: Crescendo Test Holder").says("Requires login");
    assert_eq!(tokens.count("Token "), 1, "{tokens}");
}

#[test]
fn p11tool_lists_every_object() {
    p11_kit::lists_every_object(&Lab::start(&[]), PIN, TOKEN_URI);
}

#[test]
fn p11tool_signs_and_checks_with_every_key_for_signatures() {
    p11_kit::signs_and_checks(&Lab::start(&[]));
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

#[test]
fn the_proxy_passes_the_token_on() {
    p11_kit::proxy_works(&Lab::start(&[]), PIN);
}

#[test]
fn the_server_passes_signatures_on() {
    p11_kit::server_works(&Lab::start(&[]), PIN);
}
