//! CTAP2 over ISO 7816: cards in a reader, and keys held to one (CTAP 2.1, section 11.3).

use link::Transmit;

use crate::{Error, channel::success};

const SELECT_FIDO: [u8; 14] = *b"\x00\xA4\x04\x00\x08\xA0\x00\x00\x06\x47\x2F\x00\x01\x00";

/// GET RESPONSE fetches 256 bytes at most; so many make more than the longest answer an authenticator gives.
const MAX_PARTS: usize = 32;

/// Selects the FIDO application.
pub(crate) fn select(link: &mut dyn Transmit) -> Result<(), Error> {
    exchange(link, &SELECT_FIDO).map(drop)
}

/// A CTAP2 command of at most 255 bytes: the map in its answer, in CBOR.
pub(crate) fn ctap2(link: &mut dyn Transmit, command: &[u8]) -> Result<Vec<u8>, Error> {
    let length = u8::try_from(command.len()).map_err(|_| Error::Malformed("the command is too long"))?;
    let apdu = [&[0x80, 0x10, 0x00, 0x00, length], command, &[0x00]].concat();
    success(exchange(link, &apdu)?)
}

/// Sends one APDU, and fetches all of its answer.
fn exchange(link: &mut dyn Transmit, apdu: &[u8]) -> Result<Vec<u8>, Error> {
    let mut answer = Vec::new();
    let mut more = link.transmit(apdu)?;
    for _ in 0..MAX_PARTS {
        let [ref content @ .., sw1, sw2] = more[..] else {
            return Err(Error::Card(link::LinkError::Removed));
        };
        answer.extend_from_slice(content);
        match [sw1, sw2] {
            [0x90, 0x00] => return Ok(answer),
            [0x61, length] => more = link.transmit(&[0x00, 0xC0, 0x00, 0x00, length])?,
            _ => return Err(Error::Status(u16::from_be_bytes([sw1, sw2]))),
        }
    }
    Err(Error::Malformed("an answer without end"))
}

#[cfg(test)]
mod tests {
    use link::LinkError;

    use super::*;
    use crate::Info;

    /// A card that answers from a list, and remembers what it was sent.
    struct Script {
        answers: Vec<Vec<u8>>,
        sent: Vec<Vec<u8>>,
    }

    impl Transmit for Script {
        fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
            self.sent.push(apdu.to_vec());
            if self.answers.is_empty() { Err(LinkError::Removed) } else { Ok(self.answers.remove(0)) }
        }
    }

    fn ask(answers: &[&[u8]]) -> (Result<Info, Error>, Vec<Vec<u8>>) {
        let mut script =
            Script { answers: answers.iter().map(|answer| answer.to_vec()).collect(), sent: vec![] };
        (Info::of_card(&mut script), script.sent)
    }

    /// `{3: 16 bytes}`, behind the status byte.
    const ANSWER: &[u8] = b"\x00\xA1\x03\x500123456789abcdef";

    #[test]
    fn a_card_is_selected_and_asked() {
        let (first, rest) = ANSWER.split_at(8);
        let (info, sent) =
            ask(&[b"U2F_V2\x90\x00", &[first, &[0x61, 12]].concat(), &[rest, &[0x90, 0]].concat()]);
        assert_eq!(info.unwrap().aaguid.0, *b"0123456789abcdef");
        assert_eq!(sent[0], *b"\x00\xA4\x04\x00\x08\xA0\x00\x00\x06\x47\x2F\x00\x01\x00");
        assert_eq!(sent[1], [0x80, 0x10, 0, 0, 1, 4, 0]);
        assert_eq!(sent[2], [0, 0xC0, 0, 0, 12]);
    }

    #[test]
    fn a_card_without_fido_is_asked_no_further() {
        let (info, sent) = ask(&[&[0x6A, 0x82]]);
        assert!(matches!(info, Err(Error::Status(0x6A82))));
        assert_eq!(sent.len(), 1);
    }

    #[test]
    fn refusals_removals_and_endless_answers() {
        assert!(matches!(ask(&[&[0x90, 0], &[0x01, 0x90, 0]]).0, Err(Error::Ctap(1))));
        assert!(matches!(ask(&[&[0x90, 0], &[0x90, 0]]).0, Err(Error::Malformed(_))));
        assert!(ask(&[&[0x90, 0], &[]]).0.unwrap_err().is_removal());
        let part: &[u8] = &[&[0; 256][..], &[0x61, 0]].concat();
        assert!(matches!(
            ask(&[&[&[0x90, 0][..]], &vec![part; 99][..]].concat()).0,
            Err(Error::Malformed(_))
        ));
    }
}
