//! curl on our module, through OpenSSL's engine: a page that wants a certificate.

#![forbid(unsafe_code)]

use crescendo_tests::clients::curl::{fetch, works};
use crescendo_tests::{Lab, OpensslServer, PIN};

#[test]
fn a_page_for_the_holder_of_an_rsa_key() {
    works(&Lab::start(&[]), PIN);
}

#[test]
fn a_page_for_the_holder_of_a_p_384_key() {
    let lab = Lab::start(&[]);
    let _ = lab.card("install 9A p-384");
    let page = fetch(&lab, &OpensslServer::start(&lab), "01", PIN);
    assert_eq!(page.status, Some(0), "{page}");
    page.says("Peer signature type: ECDSA").says("Peer signing digest: SHA384");
}

/// Whoever holds the card may use the key that needs no PIN; the server wants another certificate than this one.
#[test]
fn a_certificate_that_is_not_for_clients_is_turned_away_by_the_server() {
    let lab = Lab::start(&[]);
    let server = OpensslServer::start(&lab);
    let page = fetch(&lab, &server, "04", PIN);
    assert_ne!(page.status, Some(0), "{page}");
    server.wait_for("verify error");
    assert!(server.log().contains("CN = Crescendo Test Card"), "{}", server.log());
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let page = fetch(&lab, &OpensslServer::start(&lab), "01", "654321");
    assert_ne!(page.status, Some(0), "{page}");
    assert_eq!(lab.tries(), 5, "{page}");
}
