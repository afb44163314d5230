//! What an authenticator tells of itself: authenticatorGetInfo (CTAP 2.1, section 6.4).

use std::fmt;

use ciborium::Value;
use link::Transmit;

use crate::{Channel, Error, card};

/// The command authenticatorGetInfo, which has no parameters and changes nothing.
const GET_INFO: [u8; 1] = [0x04];

/// The answer to authenticatorGetInfo, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The versions it speaks, as in `FIDO_2_1` (member 01).
    pub versions: Vec<String>,
    /// The make and model (member 03).
    pub aaguid: Aaguid,
    /// Whether a PIN is set (option clientPin of member 04); `None`: it takes none, or does not tell.
    pub client_pin: Option<bool>,
    /// The version of its firmware, in a numbering of the vendor's (member 0E).
    pub firmware_version: Option<u64>,
    /// What it can do beyond the standard (member 15); a random number each.
    pub vendor_prototype_config_commands: Vec<u64>,
}

/// The make and model of an authenticator. Prints as in `2d3bec26-15ee-4f5d-88b2-53622490270b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aaguid(pub [u8; 16]);

impl Info {
    /// Asks a key.
    ///
    /// # Errors
    /// [`Error::NoCtap2`] for a key that speaks U2F alone, which is not asked; else as [`Channel::transact`], and
    /// [`Error::Ctap`].
    pub fn of_key(channel: &mut Channel<'_>) -> Result<Self, Error> {
        Self::parse(&channel.ctap2(&GET_INFO)?)
    }

    /// Asks a card, after selecting its FIDO application: 2 APDUs and what GET RESPONSE takes.
    ///
    /// # Errors
    /// [`Error::Status`] for a card without that application, [`Error::Card`], [`Error::Ctap`], [`Error::Malformed`].
    pub fn of_card(link: &mut dyn Transmit) -> Result<Self, Error> {
        card::select(link)?;
        Self::parse(&card::ctap2(link, &GET_INFO)?)
    }

    /// Reads the map of the answer: the CBOR that follows the status byte. Members that are not used may be anything.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse(mut bytes: &[u8]) -> Result<Self, Error> {
        let not_cbor = |_| Error::Malformed("authenticatorGetInfo is not CBOR");
        let Value::Map(members) = ciborium::from_reader(&mut bytes).map_err(not_cbor)? else {
            return Err(Error::Malformed("authenticatorGetInfo is not a map"));
        };
        if !bytes.is_empty() {
            return Err(Error::Malformed("authenticatorGetInfo goes on behind its end"));
        }
        let member =
            |number: u8| members.iter().find(|(key, _)| *key == Value::from(number)).map(|(_, value)| value);
        Ok(Self {
            versions: list(member(0x01), |value| value.as_text().map(str::to_owned))?,
            aaguid: aaguid(member(0x03))?,
            client_pin: option(member(0x04), "clientPin"),
            firmware_version: member(0x0E).map(number).transpose()?,
            vendor_prototype_config_commands: list(member(0x15), |value| number(value).ok())?,
        })
    }
}

fn aaguid(value: Option<&Value>) -> Result<Aaguid, Error> {
    let bytes = value.and_then(Value::as_bytes).and_then(|bytes| bytes[..].try_into().ok());
    bytes.map(Aaguid).ok_or(Error::Malformed("authenticatorGetInfo has no AAGUID of 16 bytes"))
}

/// An option that is told; what is none tells nothing.
fn option(options: Option<&Value>, wanted: &str) -> Option<bool> {
    let (_, value) = options?.as_map()?.iter().find(|(name, _)| name.as_text() == Some(wanted))?;
    value.as_bool()
}

fn number(value: &Value) -> Result<u64, Error> {
    let number = value.as_integer().and_then(|integer| integer.try_into().ok());
    number.ok_or(Error::Malformed("authenticatorGetInfo has something else for a number"))
}

fn list<T>(value: Option<&Value>, item: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Error> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().and_then(|items| items.iter().map(item).collect());
    items.ok_or(Error::Malformed("authenticatorGetInfo has something else for a list"))
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(members: &[(u8, Value)]) -> Vec<u8> {
        let members = members.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect();
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(members), &mut bytes).unwrap();
        bytes
    }

    fn some() -> Vec<(u8, Value)> {
        vec![
            (0x01, Value::Array(vec!["FIDO_2_0".into(), "FIDO_2_1".into()])),
            (0x03, Value::Bytes((0..16).collect())),
            (0x04, Value::Map(vec![("rk".into(), true.into()), ("clientPin".into(), false.into())])),
            (0x0E, 0x0001_0203.into()),
            (0x15, Value::Array(vec![0x9C4D_1E7A_52B8_F063_u64.into()])),
        ]
    }

    #[test]
    fn what_is_used_of_an_answer() {
        let info = Info::parse(&answer(&some())).unwrap();
        assert_eq!(info.versions, ["FIDO_2_0", "FIDO_2_1"]);
        assert_eq!(info.aaguid.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(info.firmware_version, Some(0x0001_0203));
        assert_eq!(info.client_pin, Some(false));
        assert_eq!(info.vendor_prototype_config_commands, [0x9C4D_1E7A_52B8_F063]);
    }

    #[test]
    fn a_key_that_tells_little_is_read_too() {
        let info = Info::parse(&answer(&[(0x03, Value::Bytes(vec![7; 16]))])).unwrap();
        assert_eq!((info.firmware_version, info.versions.len()), (None, 0));
        assert!(info.vendor_prototype_config_commands.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (place, wrong) in [
            (1, Value::Bytes(vec![7; 15])),
            (0, Value::from(1)),
            (0, Value::Array(vec![1.into()])),
            (3, Value::from(-1)),
            (4, Value::Array(vec!["1".into()])),
        ] {
            let mut members = some();
            members[place].1 = wrong;
            assert!(Info::parse(&answer(&members)).is_err(), "{members:?}");
        }
        let good = answer(&some());
        assert!(Info::parse(&[&good[..], &[0]].concat()).is_err());
        for length in 0..good.len() {
            assert!(Info::parse(&good[..length]).is_err(), "{length}");
        }
        assert!(Info::parse(&[0x81; 5000]).is_err(), "lists in lists without end");
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Info::parse(&bytes);
        }
    }
}
