//! The other side of secure messaging, as small as it can be: it checks what a card answers, and lets a test say wrong
//! things under the right keys (SP 800-73 part 2, 4).

use aes::cipher::{Block as CipherBlock, BlockDecrypt, BlockEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use cmac::{Cmac, Mac};
use crescendo_sim::{SimCard, Suite};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use sha2::{Digest, Sha256, Sha384};

use super::{SELECT_PIV, bytes, say, send, tlv, value};

type Block = [u8; 16];

/// Why an answer is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Status(u16),
    Plain,
    Mac,
    Format,
    Cryptogram,
}

pub(crate) struct Terminal<'c> {
    card: &'c SimCard,
    keys: [Vec<u8>; 4],
    counter: u128,
    command_chain: Block,
    response_chain: Block,
}

/// What a card says of itself when keys are agreed.
pub(crate) struct Introduction {
    pub(crate) nonce: Vec<u8>,
    pub(crate) cvc: Vec<u8>,
}

/// The key establishment command for the private key of which all bytes are `seed`.
pub(crate) fn request(suite: Suite, control: u8, seed: u8) -> Vec<u8> {
    let point = public(suite, seed);
    let host = tlv(0x81, &[&[control][..], &[0; 8], &point].concat());
    tlv(0x7C, &[host, vec![0x82, 0]].concat())
}

pub(crate) fn ask(card: &SimCard, suite: Suite, template: &[u8]) -> (Vec<u8>, u16) {
    send(card, [0, 0x87, byte(suite), 0x04], template)
}

pub(crate) fn byte(suite: Suite) -> u8 {
    if suite == Suite::Cs2 { 0x27 } else { 0x2E }
}

fn public(suite: Suite, seed: u8) -> Vec<u8> {
    match suite {
        Suite::Cs2 => {
            let key = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
            key.public_key().to_encoded_point(false).as_bytes().to_vec()
        }
        Suite::Cs7 => {
            let key = p384::SecretKey::from_slice(&[seed; 48]).unwrap();
            key.public_key().to_encoded_point(false).as_bytes().to_vec()
        }
    }
}

fn shared(suite: Suite, seed: u8, point: &[u8]) -> Vec<u8> {
    match suite {
        Suite::Cs2 => {
            let key = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
            let point = p256::PublicKey::from_sec1_bytes(point).unwrap();
            p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), point.as_affine()).raw_secret_bytes().to_vec()
        }
        Suite::Cs7 => {
            let key = p384::SecretKey::from_slice(&[seed; 48]).unwrap();
            let point = p384::PublicKey::from_sec1_bytes(point).unwrap();
            p384::ecdh::diffie_hellman(key.to_nonzero_scalar(), point.as_affine()).raw_secret_bytes().to_vec()
        }
    }
}

/// The uncompressed point in a card verifiable certificate.
pub(crate) fn point(cvc: &[u8]) -> &[u8] {
    let key = cvc.windows(2).position(|tag| tag == [0x7F, 0x49]).unwrap();
    let inner = &cvc[key + 3..][..usize::from(cvc[key + 2])];
    value(0x86, &inner[2 + usize::from(inner[1])..])
}

impl<'c> Terminal<'c> {
    /// Selects PIV and agrees on keys.
    pub(crate) fn open(card: &'c SimCard, suite: Suite) -> Result<Self, Broken> {
        say(card, SELECT_PIV);
        Self::agree(card, suite, 7).map(|(terminal, _)| terminal)
    }

    pub(crate) fn agree(card: &'c SimCard, suite: Suite, seed: u8) -> Result<(Self, Introduction), Broken> {
        let (answer, status) = ask(card, suite, &request(suite, 0, seed));
        if status != 0x9000 {
            return Err(Broken::Status(status));
        }
        let content = value(0x82, value(0x7C, &answer));
        let (control, rest) = content.split_at(1);
        let (nonce, rest) = rest.split_at(if suite == Suite::Cs2 { 16 } else { 24 });
        let (cryptogram, cvc) = rest.split_at(16);
        let host = public(suite, seed);
        let card_id = &Sha256::digest(cvc)[..8];
        let info = match suite {
            Suite::Cs2 => [&[4, 9, 9, 9, 9, 8], &[0; 8][..], &[1, 0, 16]].concat(),
            Suite::Cs7 => [&[4, 13, 13, 13, 13, 8], &[0; 8][..], &[1, 0, 16]].concat(),
        };
        let size = [u8::try_from(nonce.len()).unwrap()];
        let info = [&info, &host[1..17], &[8], card_id, &size, nonce, &[1], control].concat();
        let keys = derive(suite, &shared(suite, seed, point(cvc)), &info);
        let expected = mac(&keys[0], &[b"KC_1_V", card_id, &[0; 8], &host[1..]].concat());
        if expected != cryptogram {
            return Err(Broken::Cryptogram);
        }
        let chain = [0; 16];
        let terminal = Self { card, keys, counter: 1, command_chain: chain, response_chain: chain };
        Ok((terminal, Introduction { nonce: nonce.to_vec(), cvc: cvc.to_vec() }))
    }

    /// One card command in secure messaging: the data and the status inside.
    pub(crate) fn send(
        &mut self,
        head: [u8; 3],
        data: &[u8],
        expects: bool,
    ) -> Result<(Vec<u8>, u16), Broken> {
        let sealed = self.seal(head, data, expects);
        let answer = self.transmit(head, &sealed);
        self.open_answer(answer)
    }

    pub(crate) fn transmit(&self, [ins, p1, p2]: [u8; 3], sealed: &[u8]) -> (Vec<u8>, u16) {
        send(self.card, [0x0C, ins, p1, p2], sealed)
    }

    /// The data field of a protected command.
    pub(crate) fn seal(&mut self, head: [u8; 3], data: &[u8], expects: bool) -> Vec<u8> {
        let mut objects = Vec::new();
        if !data.is_empty() {
            objects.extend(tlv(0x87, &[vec![1], self.encrypt(&padded(data))].concat()));
        }
        if expects {
            objects.extend([0x97, 1, 0]);
        }
        self.sign(head, &objects)
    }

    /// These objects and the MAC that belongs to them.
    pub(crate) fn sign(&mut self, [ins, p1, p2]: [u8; 3], objects: &[u8]) -> Vec<u8> {
        let header = [&[0x0C, ins, p1, p2, 0x80][..], &[0; 11]].concat();
        self.command_chain = mac(&self.keys[1], &[&self.command_chain[..], &header, objects].concat());
        [objects, &[0x8E, 8], &self.command_chain[..8]].concat()
    }

    pub(crate) fn encrypt(&self, text: &[u8]) -> Vec<u8> {
        let mut chain = encrypted(&self.keys[2], self.counter.to_be_bytes());
        let mut result = Vec::new();
        for block in text.chunks_exact(16) {
            let mixed = std::array::from_fn(|at| block[at] ^ chain[at]);
            chain = encrypted(&self.keys[2], mixed);
            result.extend(chain);
        }
        result
    }

    pub(crate) fn open_answer(&mut self, (answer, status): (Vec<u8>, u16)) -> Result<(Vec<u8>, u16), Broken> {
        if status != 0x9000 {
            return Err(Broken::Status(status));
        }
        let length = answer.len().checked_sub(14).ok_or(Broken::Plain)?;
        let (objects, given) = answer.split_at(length + 4);
        if given[..2] != [0x8E, 8] || objects[length..length + 2] != [0x99, 2] {
            return Err(Broken::Plain);
        }
        let chain = mac(&self.keys[3], &[&self.response_chain[..], objects].concat());
        if chain[..8] != given[2..] {
            return Err(Broken::Mac);
        }
        self.response_chain = chain;
        let data = match &objects[..length] {
            [] => Vec::new(),
            cryptogram => self.decrypt(&value(0x87, cryptogram)[1..]).ok_or(Broken::Format)?,
        };
        self.counter += 1;
        Ok((data, u16::from_be_bytes([objects[length + 2], objects[length + 3]])))
    }

    fn decrypt(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut chain = encrypted(&self.keys[2], (self.counter | 1 << 127).to_be_bytes());
        let mut plain = Vec::new();
        for block in text.chunks(16) {
            let block: Block = block.try_into().ok()?;
            let mixed = decrypted(&self.keys[2], block);
            plain.extend((0..16).map(|at| mixed[at] ^ chain[at]));
            chain = block;
        }
        let end = plain.iter().rposition(|byte| *byte != 0)?;
        (plain[end] == 0x80 && plain.len() - end <= 16).then(|| plain[..end].to_vec())
    }
}

/// Card commands.
impl Terminal<'_> {
    pub(crate) fn verify(&mut self, reference: u8, code: &[u8]) -> Result<u16, Broken> {
        self.send([0x20, 0, reference], code, false).map(|(_, status)| status)
    }

    pub(crate) fn object(&mut self, tag: &str) -> Result<(Vec<u8>, u16), Broken> {
        self.send([0xCB, 0x3F, 0xFF], &tlv(0x5C, &bytes(tag)), true)
    }

    pub(crate) fn authenticate(
        &mut self,
        algorithm: u8,
        key: u8,
        tag: u8,
        input: &[u8],
    ) -> Result<(Vec<u8>, u16), Broken> {
        let template = tlv(0x7C, &[vec![0x82, 0], tlv(tag, input)].concat());
        self.send([0x87, algorithm, key], &template, true)
    }
}

pub(crate) fn padded(data: &[u8]) -> Vec<u8> {
    let zeros = 15 - data.len() % 16;
    [data, &[0x80], &vec![0; zeros]].concat()
}

fn derive(suite: Suite, secret: &[u8], info: &[u8]) -> [Vec<u8>; 4] {
    let hash = |n: u8| {
        let input = [&[0, 0, 0, n], secret, info].concat();
        if suite == Suite::Cs2 { Sha256::digest(input).to_vec() } else { Sha384::digest(input).to_vec() }
    };
    let material = [hash(1), hash(2), hash(3)].concat();
    let size = if suite == Suite::Cs2 { 16 } else { 32 };
    std::array::from_fn(|n| material[n * size..(n + 1) * size].to_vec())
}

fn mac(key: &[u8], message: &[u8]) -> Block {
    if key.len() == 16 {
        <Cmac<Aes128> as Mac>::new_from_slice(key)
            .unwrap()
            .chain_update(message)
            .finalize()
            .into_bytes()
            .into()
    } else {
        <Cmac<Aes256> as Mac>::new_from_slice(key)
            .unwrap()
            .chain_update(message)
            .finalize()
            .into_bytes()
            .into()
    }
}

fn encrypted(key: &[u8], block: Block) -> Block {
    let mut block = CipherBlock::<Aes128>::from(block);
    if key.len() == 16 {
        Aes128::new_from_slice(key).unwrap().encrypt_block(&mut block);
    } else {
        Aes256::new_from_slice(key).unwrap().encrypt_block(&mut block);
    }
    block.into()
}

fn decrypted(key: &[u8], block: Block) -> Block {
    let mut block = CipherBlock::<Aes128>::from(block);
    if key.len() == 16 {
        Aes128::new_from_slice(key).unwrap().decrypt_block(&mut block);
    } else {
        Aes256::new_from_slice(key).unwrap().decrypt_block(&mut block);
    }
    block.into()
}
