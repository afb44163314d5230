//! Everything worth knowing of one device, without its PIN.

use piv::{
    Algorithm, Discovery, Family, KeyReference, PinReference, PinState, crescendo, crescendo::Overview,
};

use crate::{Device, Error, Offer};

/// What a device tells of itself.
#[derive(Debug)]
pub struct Info {
    /// What a person calls it.
    pub name: String,
    /// Whose it is, as its first certificate tells.
    pub label: Option<String>,
    /// The reader it is in.
    pub reader: String,
    /// The answer to reset.
    pub atr: Vec<u8>,
    /// The family and kind of a Crescendo, as in `C4000-KEY`.
    pub family: Option<String>,
    /// Whether it lies on a contactless reader.
    pub contactless: bool,
    /// The device ID: see [`Device::id`].
    pub id: Option<String>,
    /// The serial number of the token, as PKCS#11 shows it.
    pub serial: Option<String>,
    /// The card UUID.
    pub guid: Option<[u8; 16]>,
    /// When the card expires, as `YYYY-MM-DD`.
    pub expiry: Option<String>,
    /// What the card tells of its PIN.
    pub pin: PinState,
    /// Which PIN it asks for first.
    pub pin_reference: PinReference,
    /// Whether it says that it can be used contactless like with contacts (virtual contact interface).
    pub vci: bool,
    /// The keys with a certificate.
    pub keys: Vec<Key>,
    /// What a Crescendo tells beside PIV; `None` on other cards, over contactless, and where somebody is logged in.
    pub overview: Option<Overview>,
    /// What can be done with it, and why not what cannot.
    pub offers: Vec<Offer>,
}

/// A key with a certificate.
#[derive(Debug)]
pub struct Key {
    /// Which one.
    pub reference: KeyReference,
    /// Its algorithm, or why the certificate does not tell.
    pub algorithm: Result<Algorithm, piv::Error>,
}

impl Device {
    /// What this device tells of itself. Reads its certificates, to know its keys.
    ///
    /// # Errors
    /// [`Error::Empty`] without a card, [`Error::Card`] when it is removed, is no PIV card, or cannot be read.
    pub fn info(&mut self) -> Result<Info, Error> {
        let keys = self
            .contents()?
            .into_iter()
            .map(|(reference, read)| Key {
                reference,
                algorithm: read.map(|certificate| certificate.key.algorithm()),
            })
            .collect();
        let overview = self.overview()?;
        self.find_key_side();
        self.load();
        let (name, reader) = (self.name(), self.reader().to_owned());
        let (id, offers) = (self.id().map(str::to_owned), self.offers());
        self.with_token(|token| {
            let atr = token.atr().to_vec();
            let state = token.state()?;
            let identity = state.identity.as_ref();
            Ok(Info {
                name,
                label: state.label.clone(),
                reader,
                family: crescendo::family_text(&atr).map(str::to_owned),
                contactless: crescendo::is_contactless(&atr),
                atr,
                id,
                serial: identity.and_then(piv::Identity::serial),
                guid: identity.and_then(piv::Identity::guid),
                expiry: identity.and_then(|identity| date(identity.expiry()?)),
                pin: state.pin,
                pin_reference: state
                    .discovery
                    .as_ref()
                    .map_or(PinReference::Application, Discovery::pin_reference),
                vci: state.discovery.as_ref().is_some_and(Discovery::vci),
                keys,
                overview,
                offers,
            })
        })
    }

    /// What the card tells beside PIV; `None` where somebody is logged in, and over contactless. A card that is no Crescendo
    /// is sent nothing but SELECT.
    ///
    /// # Errors
    /// As [`Device::info`].
    pub fn look_around(&mut self) -> Result<Option<Overview>, Error> {
        self.with_token(|token| {
            let family = token.family();
            token.aside(|card| crescendo::overview(card, family))
        })
    }

    /// What a Crescendo tells beside PIV, where nobody is logged in.
    fn overview(&mut self) -> Result<Option<Overview>, Error> {
        self.with_token(|token| match token.family() {
            Family::Standard => Ok(None),
            family => token.aside(|card| crescendo::overview(card, family)),
        })
    }
}

/// What a key is for, in the words of SP 800-73.
#[must_use]
pub fn purpose(key: KeyReference) -> String {
    match (key, key.retired_number()) {
        (_, Some(number)) => format!("retired key management {number}"),
        (KeyReference::PIV_AUTHENTICATION, _) => "PIV authentication".to_owned(),
        (KeyReference::DIGITAL_SIGNATURE, _) => "digital signature".to_owned(),
        (KeyReference::KEY_MANAGEMENT, _) => "key management".to_owned(),
        _ => "card authentication".to_owned(),
    }
}

/// `20411231` as `2041-12-31`.
fn date(digits: &str) -> Option<String> {
    let whole = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date("20411231").as_deref(), Some("2041-12-31"));
        assert_eq!(date("2041123"), None);
        assert_eq!(date("2041123x"), None);
    }

    #[test]
    fn every_key_has_a_purpose() {
        assert_eq!(purpose(KeyReference::CARD_AUTHENTICATION), "card authentication");
        assert_eq!(purpose(KeyReference::from_number(0x95).unwrap()), "retired key management 20");
    }
}
