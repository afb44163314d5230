//! The card's half of secure messaging, for tests: it must agree with the host where the vectors do.

use p256::elliptic_curve::ecdh::diffie_hellman;
use sha2::{Digest, Sha256, Sha384};
use zeroize::Zeroizing;

use super::{AesKey, Suite, aes::BLOCK};
use crate::{
    apdu::{Command, Response, StatusWord},
    tlv,
};

pub(super) struct Card {
    enc: AesKey,
    mac: AesKey,
    rmac: AesKey,
    counter: u128,
    command_chain: [u8; BLOCK],
    response_chain: [u8; BLOCK],
}

impl Card {
    /// Answers a key establishment with the private key of this certificate.
    pub(super) fn establish(
        suite: Suite,
        request: &Command,
        private: &[u8],
        nonce: &[u8],
        cvc: &[u8],
    ) -> (Response, Self) {
        let template = tlv::find(&request.data, 0x7C).unwrap();
        let witness = tlv::find(template, 0x81).unwrap();
        let (host, point) = (&witness[1..9], &witness[9..]);
        let (id, secret) = (&Sha256::digest(cvc)[..8], agree(suite, private, point));
        let (algorithm, length) = if suite == Suite::Cs2 { (0x09, 16) } else { (0x0D, 32) };
        let info = [
            &[4, algorithm, algorithm, algorithm, algorithm, 8][..],
            host,
            &[1, 0, 16],
            &point[1..17],
            &[8],
            id,
            &[nonce.len() as u8],
            nonce,
            &[1, 0],
        ]
        .concat();
        let material: Vec<u8> = (1..=3u32)
            .flat_map(|round| {
                let input = [&round.to_be_bytes()[..], &secret, &info].concat();
                if suite == Suite::Cs2 {
                    Sha256::digest(input).to_vec()
                } else {
                    Sha384::digest(input).to_vec()
                }
            })
            .collect();
        let proof = AesKey::new(&material[..length]).mac(&[b"KC_1_V", id, host, &point[1..]]);
        let mut content = Vec::new();
        tlv::push(&mut content, 0x82, &[&[0], nonce, &proof, cvc].concat());
        let answer = Response { data: tlv::object(0x7C, &content), status: StatusWord::OK };
        (answer, Self::with(&[1, 2, 3].map(|index| material[index * length..][..length].to_vec())))
    }

    /// A card that has agreed on SK_MAC, SK_ENC and SK_RMAC.
    pub(super) fn with(keys: &[Vec<u8>; 3]) -> Self {
        let [mac, enc, rmac] = keys.each_ref().map(|key| AesKey::new(key));
        Self { mac, enc, rmac, counter: 1, command_chain: [0; BLOCK], response_chain: [0; BLOCK] }
    }

    /// The plain data field of a protected command, and whether an answer is wanted. `None`: the checksum is wrong.
    pub(super) fn open(&mut self, command: &Command) -> Option<(Vec<u8>, bool)> {
        let (objects, checksum) = command.data.split_at(command.data.len() - 10);
        let mut header = [0; BLOCK];
        header[..5].copy_from_slice(&[0x0C, command.ins, command.p1, command.p2, 0x80]);
        self.command_chain = self.mac.mac(&[&self.command_chain, &header, objects]);
        if checksum != [&[0x8E, 8], &self.command_chain[..8]].concat() {
            return None;
        }
        let iv = self.enc.encrypt_block(self.counter.to_be_bytes());
        let data = match tlv::find(objects, 0x87) {
            Some(value) => self.enc.decrypt(iv, &value[1..])?.to_vec(),
            None => Vec::new(),
        };
        Some((data, tlv::find(objects, 0x97) == Some(&[0])))
    }

    /// A protected answer.
    pub(super) fn answer(&mut self, data: &[u8], status: u16) -> Response {
        let mut objects = Vec::new();
        if !data.is_empty() {
            let iv = self.enc.encrypt_block((self.counter | 1 << 127).to_be_bytes());
            let cryptogram = self.enc.encrypt(iv, data);
            tlv::push(&mut objects, 0x87, &[&[1], &cryptogram[..]].concat());
        }
        tlv::push(&mut objects, 0x99, &status.to_be_bytes());
        self.response_chain = self.rmac.mac(&[&self.response_chain, &objects]);
        tlv::push(&mut objects, 0x8E, &self.response_chain[..8]);
        self.counter += 1;
        Response { data: Zeroizing::new(objects), status: StatusWord::OK }
    }
}

fn agree(suite: Suite, private: &[u8], point: &[u8]) -> Vec<u8> {
    if suite == Suite::Cs2 {
        let key = p256::SecretKey::from_slice(private).unwrap();
        let host = p256::PublicKey::from_sec1_bytes(point).unwrap();
        return diffie_hellman(key.to_nonzero_scalar(), host.as_affine()).raw_secret_bytes().to_vec();
    }
    let key = p384::SecretKey::from_slice(private).unwrap();
    let host = p384::PublicKey::from_sec1_bytes(point).unwrap();
    diffie_hellman(key.to_nonzero_scalar(), host.as_affine()).raw_secret_bytes().to_vec()
}
