//! Both files of vectors, byte for byte, as host and as card.

use link::{LinkError, Transmit};

use super::*;
use crate::{Exchange, channel::card::Card};

/// A link that expects these APDUs and gives these answers.
struct Script(Vec<(Vec<u8>, Vec<u8>)>);

impl Transmit for Script {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
        let (expected, answer) = self.0.remove(0);
        assert_eq!(apdu, expected);
        Ok(answer)
    }
}

fn list(value: &Value, path: &str) -> Vec<Value> {
    value.pointer(path).unwrap().as_array().unwrap().clone()
}

fn bytes(values: &[Value]) -> Vec<Vec<u8>> {
    values.iter().map(|value| hex(value.as_str().unwrap())).collect()
}

/// What goes over the link in one exchange: the parts of the command, and the parts of the answer.
fn script(apdus: Vec<Vec<u8>>, segments: &[Value]) -> Script {
    let mut script: Vec<_> = apdus.into_iter().map(|apdu| (apdu, vec![0x90, 0x00])).collect();
    for (index, segment) in segments.iter().enumerate() {
        let answer = [at(segment, "/data"), at(segment, "/sw")].concat();
        if index == 0 {
            script.last_mut().unwrap().1 = answer;
        } else {
            script.push((at(segment, "/sent_after"), answer));
        }
    }
    Script(script)
}

#[test]
fn the_suite_is_what_select_announces() {
    for suite in SUITES {
        assert_eq!(Suite::announced(&at(&file(suite), "/select/response")), Some(suite));
    }
    let announced = |templates: &str| {
        Suite::announced(&tlv::object(0x61, &[hex("4F05A000000308"), hex(templates)].concat()))
    };
    assert_eq!(announced(""), None);
    assert_eq!(announced("AC06 800107 060100"), None);
    assert_eq!(announced("AC06 800111 060100 AC09 800107 80012E 060100"), Some(Suite::Cs7));
    assert_eq!(announced("AC03 800127"), Some(Suite::Cs2), "without an object identifier");
    assert_eq!(announced("AC06 800127 80012E"), None, "a card has one suite");
}

#[test]
fn the_host_establishes_the_keys_of_the_vectors() {
    for suite in SUITES {
        let vectors = file(suite);
        let (request, pending) = start(&vectors, suite);
        let segments = list(&vectors, "/key_establishment/response_segments");
        let mut script = script(vec![at(&vectors, "/key_establishment/command")], &segments);
        let answer = Exchange::new(&mut script).send(request).unwrap();
        let (channel, peer) = pending.finish(&answer, Some(GUID)).unwrap();
        assert_eq!(peer.cvc().encoded(), at(&vectors, "/cvc/C_ICC"));
        assert_eq!(peer.cvc().point(), at(&vectors, "/keys/Q_sICC"));
        assert_eq!(peer.cvc().id()[..], at(&vectors, "/key_establishment/ID_sICC"));
        let keys = channel.session.unwrap().keys;
        for (key, name) in [(keys.mac, "SK_MAC"), (keys.enc, "SK_ENC"), (keys.rmac, "SK_RMAC")] {
            let expected = at(&vectors, &format!("/key_establishment/{name}"));
            assert_eq!(key.mac(&[]), crate::channel::AesKey::new(&expected).mac(&[]), "{name}");
        }
    }
}

#[test]
fn the_host_sends_and_reads_every_exchange_of_the_vectors() {
    for suite in SUITES {
        let vectors = file(suite);
        let (mut channel, _) = establish(&vectors, suite);
        channel.trust();
        for exchange in list(&vectors, "/exchange") {
            let protected = channel.protect(command(&bytes(&list(&exchange, "/plain_command")))).unwrap();
            assert_eq!(*protected.data, at(&exchange, "/command/sm_data_field"));
            let mut script =
                script(bytes(&list(&exchange, "/command/apdus")), &list(&exchange, "/response/segments"));
            let answer = Exchange::new(&mut script).send(protected).unwrap();
            assert!(script.0.is_empty());
            let plain = channel.unprotect(answer).unwrap();
            assert_eq!(*plain.data, at(&exchange, "/plain_response_data"));
            assert_eq!(plain.status.0.to_be_bytes()[..], at(&exchange, "/plain_sw"), "{}", exchange["name"]);
        }
        assert!(channel.is_open(), "an inner 6982, 63C5, 6A82 ends nothing");
    }
}

#[test]
fn the_card_answers_as_in_the_vectors() {
    for suite in SUITES {
        let vectors = file(suite);
        let (request, _) = start(&vectors, suite);
        let (answer, mut card) = Card::establish(
            suite,
            &request,
            &at(&vectors, "/keys/d_sICC"),
            &at(&vectors, "/key_establishment/N_ICC"),
            &at(&vectors, "/cvc/C_ICC"),
        );
        assert_eq!(*answer.data, at(&vectors, "/key_establishment/response"));
        for exchange in list(&vectors, "/exchange") {
            let plain = command(&bytes(&list(&exchange, "/plain_command")));
            let (data, wants_answer) =
                card.open(&command(&bytes(&list(&exchange, "/command/apdus")))).unwrap();
            assert_eq!((data, wants_answer), (plain.data.to_vec(), plain.expect.is_some()));
            let [sw1, sw2] = at(&exchange, "/plain_sw")[..] else { panic!() };
            let answer = card.answer(&at(&exchange, "/plain_response_data"), u16::from_be_bytes([sw1, sw2]));
            assert_eq!(*answer.data, at(&exchange, "/response/sm_data_field"));
        }
    }
}
