//! Sessions recorded with real cards: card 4 (CS2) and card 5 (CS7) of NIST Special Database 33.

use super::*;
use crate::channel::{Anchors, ContentSigner, Peer, SecureChannel, Trust};

const CARDS: [(Suite, &str, &str); 2] = [
    (Suite::Cs2, "cs2", "A4EB5A0966C34F3E83F3B77E0EE96A25"),
    (Suite::Cs7, "cs7", "BE694761F81346CB9D3A28A0142F98E6"),
];
/// 2026-01-01, within the validity of both signers.
const NOW: u64 = 1_767_225_600;

fn session(name: &str) -> Value {
    let file: Value = serde_json::from_str(include_str!("../vectors/sd33.json")).unwrap();
    file[name].clone()
}

fn open(suite: Suite, session: &Value, guid: &str) -> (SecureChannel, Peer) {
    let (_, pending) = Establishment::start(suite, &mut Replay(at(session, "/d_eH"))).unwrap();
    pending.finish(&response(at(session, "/answer"), 0x9000), hex(guid).try_into().ok()).unwrap()
}

fn get_data(tag: &str) -> Command {
    Command::new(0xCB, 0x3F, 0xFF).data(Zeroizing::new(hex(&format!("5C03{tag}")))).expect(0)
}

/// A protected command that was sent as one APDU.
fn sends(channel: &mut SecureChannel, plain: Command, apdu: &[u8]) {
    let sent = channel.protect(plain).unwrap();
    assert_eq!(*sent.encode_short(&sent.data, true), apdu);
}

fn verify_pairing_code(channel: &mut SecureChannel, session: &Value) {
    let code = session["pairing_code"].as_str().unwrap().as_bytes().to_vec();
    let command = Command::new(0x20, 0x00, 0x98).data(Zeroizing::new(code));
    sends(channel, command, &at(session, "/verify"));
    let answer = response(at(session, "/verify_answer"), 0x9000);
    assert_eq!(channel.unprotect(answer).unwrap().status, StatusWord::OK);
}

#[test]
fn a_session_of_cs2() {
    let session = session("cs2");
    let (mut channel, peer) = open(Suite::Cs2, &session, CARDS[0].2);
    assert_eq!(peer.cvc().id()[..], at(&session, "/ID_sICC"));
    channel.trust();
    verify_pairing_code(&mut channel, &session);
    sends(&mut channel, get_data("5FC105"), &at(&session, "/get_data"));
}

#[test]
fn a_session_of_cs7() {
    let session = session("cs7");
    let (mut channel, peer) = open(Suite::Cs7, &session, CARDS[1].2);
    assert_eq!(peer.cvc().id()[..], at(&session, "/ID_sICC"));
    assert_eq!(peer.cvc().point(), at(&session, "/Q_sICC"));
    channel.trust();
    sends(&mut channel, get_data("5FC102"), &at(&session, "/get_data"));
    // The CHUID that the card answered is not kept here; this is where it left the session.
    let state = channel.session.as_mut().unwrap();
    (state.awaited, state.counter) = (false, 2);
    state.response_chain = at(&session, "/response_chain_before_verify").try_into().unwrap();
    verify_pairing_code(&mut channel, &session);
}

#[test]
fn real_signers_have_signed_real_cards() {
    for (suite, name, guid) in CARDS {
        let session = session(name);
        let (_, peer) = open(suite, &session, guid);
        let mut content = Vec::new();
        tlv::push(&mut content, 0x70, &at(&session, "/signer"));
        content.extend(hex("710100FE00"));
        let signer = ContentSigner::parse(&content).unwrap();
        assert_eq!(Trust::of(&peer, &signer, &Anchors::default(), None, NOW), Trust::FirstUse);
        let mut anchors = Anchors::default();
        let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, signer.certificate());
        anchors.add_pem(&pem.unwrap()).unwrap();
        assert_eq!(Trust::of(&peer, &signer, &anchors, None, NOW), Trust::Anchored);
    }
}
