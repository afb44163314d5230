//! Key establishment of secure messaging, the card's side (SP 800-73 part 2, 4.1; the steps C1 to C11 there).

use sha2::{Digest, Sha256, Sha384};

use super::channel::Keys;
use super::cipher;
use super::key::Key;
use super::messaging::Suite;

/// What the host sends: control byte, identifier and public key.
pub(super) struct Host<'d> {
    control: u8,
    identifier: &'d [u8],
    point: &'d [u8],
}

impl<'d> Host<'d> {
    /// `None` for a length that is not the suite's, or a control byte that asks for persistent binding.
    pub(super) fn read(suite: Suite, data: &'d [u8]) -> Option<Self> {
        let (&control, rest) = data.split_first()?;
        let (identifier, point) = rest.split_at_checked(8)?;
        let fits = point.len() == suite.point_length() && control & 0xF0 == 0;
        fits.then_some(Self { control, identifier, point })
    }
}

/// What the card makes of it.
pub(super) struct Agreement {
    pub(super) cryptogram: [u8; 16],
    pub(super) keys: Keys,
}

/// `None` for a point that is not on the curve.
pub(super) fn agree(
    suite: Suite,
    key: &Key,
    certificate: &[u8],
    host: &Host<'_>,
    nonce: &[u8],
) -> Option<Agreement> {
    let card = &Sha256::digest(certificate)[..8];
    let secret = key.agree(host.point)?;
    let keys = derive(suite, &secret, &other_info(suite, host, card, nonce));
    let coordinates = &host.point[1..];
    let cryptogram = cipher::mac(&keys.confirmation, &[b"KC_1_V", card, host.identifier, coordinates]);
    Some(Agreement { cryptogram, keys })
}

fn other_info(suite: Suite, host: &Host<'_>, card: &[u8], nonce: &[u8]) -> Vec<u8> {
    let length = |field: &[u8]| u8::try_from(field.len()).expect("fields are short");
    let algorithms = [suite.key_algorithm(); 4];
    let fields: [&[u8]; 7] =
        [&algorithms, host.identifier, &[host.control], &host.point[1..17], card, nonce, &[0x00]];
    fields.iter().flat_map(|field| [&[length(field)], *field].concat()).collect()
}

/// The one-step key derivation of SP 800-56A.
fn derive(suite: Suite, secret: &[u8], info: &[u8]) -> Keys {
    let round = |n: u32| {
        let input = [&n.to_be_bytes(), secret, info].concat();
        match suite {
            Suite::Cs2 => Sha256::digest(input).to_vec(),
            Suite::Cs7 => Sha384::digest(input).to_vec(),
        }
    };
    let material: Vec<u8> = (1..=3).flat_map(round).collect();
    let key = |n: usize| material[n * suite.key_length()..][..suite.key_length()].to_vec();
    Keys { confirmation: key(0), mac: key(1), encryption: key(2), response_mac: key(3) }
}

impl Suite {
    pub(super) fn nonce_length(self) -> usize {
        match self {
            Self::Cs2 => 16,
            Self::Cs7 => 24,
        }
    }

    fn key_length(self) -> usize {
        match self {
            Self::Cs2 => 16,
            Self::Cs7 => 32,
        }
    }

    /// What the keys are for, as OtherInfo names it.
    fn key_algorithm(self) -> u8 {
        match self {
            Self::Cs2 => 0x09,
            Self::Cs7 => 0x0D,
        }
    }

    /// An uncompressed point.
    fn point_length(self) -> usize {
        match self {
            Self::Cs2 => 65,
            Self::Cs7 => 97,
        }
    }
}

#[cfg(test)]
mod tests {
    use p256::elliptic_curve::sec1::ToEncodedPoint;

    use super::*;
    use crate::apdu::{Answer, Command};
    use crate::card::channel::Channel;
    use crate::hex;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).expect("hexadecimal")
    }

    /// The keys and the cryptogram of a session of which the shared secret is known.
    fn keys(suite: Suite, point: &[u8], card: &str, nonce: &str, secret: &str) -> (Keys, String) {
        let host = Host { control: 0, identifier: &[0; 8], point };
        let keys = derive(suite, &bytes(secret), &other_info(suite, &host, &bytes(card), &bytes(nonce)));
        let message: [&[u8]; 4] = [b"KC_1_V", &bytes(card), &[0; 8], &point[1..]];
        let cryptogram = cipher::mac(&keys.confirmation, &message);
        (keys, hex::encode(&cryptogram))
    }

    fn opened(channel: &mut Channel, apdu: &str) -> String {
        let command = Command::parse(&bytes(apdu)).expect("a command");
        hex::encode(
            &channel.open(&command).map_err(|status| format!("{status:04X}")).expect("a right MAC").data,
        )
    }

    fn sealed(channel: &mut Channel) -> String {
        hex::encode(&channel.seal(&Answer::status(0x9000), &mut None))
    }

    /// What card 4 of NIST Special Database 33 was asked and answered.
    #[test]
    fn a_real_card_with_cs2() {
        let host = bytes("BB056FD3BE53E7463A1D3E91BF377A5780E10D047896A4A702E7CCED41A70D81");
        let point = p256::SecretKey::from_slice(&host).unwrap().public_key().to_encoded_point(false);
        let (keys, cryptogram) = keys(
            Suite::Cs2,
            point.as_bytes(),
            "FD5C658944D2B56B",
            "7C9BBC6AE2CBBC6406DC759AF75A1AB9",
            "FA5FCA627EB2947681E1A6AA6056BE2AD9F6CDB95B27C7BBBAA45772C4A8136A",
        );
        assert_eq!(cryptogram, "46CD5E20AECFE49BC266C397C4870DA4");
        assert_eq!(hex::encode(&keys.mac), "E84AC76F748ACAB3E7694F892B955C5A");
        let mut channel = Channel::new(keys);
        let verify = "0C2000981D871101D9E4A16A9377D34CDBE472D9B4C6D7198E08A3D823F4E06D76DA00";
        assert_eq!(opened(&mut channel, verify), "3030303030303034");
        assert_eq!(sealed(&mut channel), "990290008E082A56527F89BE17E8");
        let read = "0CCB3FFF20871101DF0462A144BD08F0787CDAE17D8B52119701008E0838B60DBE5B423A9A00";
        assert!(opened(&mut channel, read).starts_with("5C03"));
    }

    /// And card 5.
    #[test]
    fn a_real_card_with_cs7() {
        let host = "A5632F999C32E8652AE8DE112962E0EAFC59E18E8B4B6B5735BC1AF93DF17CB9E2537A15F577345C867709E1CAB0FFBE";
        let point = p384::SecretKey::from_slice(&bytes(host)).unwrap().public_key().to_encoded_point(false);
        let (keys, cryptogram) = keys(
            Suite::Cs7,
            point.as_bytes(),
            "3EAAD69D18E1FF53",
            "55B586BDB33ADE77EEA58F16CEA0A7473617C91DDC7D0660",
            "732320F2210E675D87EA77DB565895ACD6806D3DBA7523E7821789BECE47ECEC7CFC442F5D8F19D438C0A45962CE35CC",
        );
        assert_eq!(cryptogram, "1AB96652F09A89873B51B229F2D5DB4C");
        let mut channel = Channel::new(keys);
        let read = "0CCB3FFF20871101751D1377186DE40F920F8406F1537A239701008E0855AF7528470A6E5200";
        assert_eq!(opened(&mut channel, read), "5C035FC102");
        sealed(&mut channel);
        let verify = "0C2000981D8711014D4A19C8E74530C0755027430D6920288E088AA5E26B0AC418C300";
        assert_eq!(opened(&mut channel, verify), "3030303030303035");
    }
}
