//! What a card tells of itself beside PIV, for people who look at it: which applications it has, their versions, its room,
//! the rules for its PIN. Nothing but SELECT is sent to a card that is no Crescendo.

use super::{
    OtpSlot,
    manager::{free_memory, read_chip_id},
    otp,
};
use crate::{Applications, Error, Family, PinPolicy, tlv};

const ACA: [u8; 7] = [0xA0, 0x00, 0x00, 0x00, 0x79, 0x10, 0x00];
const CARD_MANAGER: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00];
const FIDO: [u8; 8] = [0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01];

/// What a card tells of itself beside PIV.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The applications that were looked for.
    pub applications: Vec<Application>,
    /// The slots for one-time passwords.
    pub otp: Vec<OtpSlot>,
    /// How many bytes are free, for information only.
    pub free_memory: Option<u32>,
    /// The rules for its PIN.
    pub pin_policy: Option<PinPolicy>,
    /// The answer to GET PIV PROPERTIES.
    pub properties: Option<Vec<u8>>,
}

/// One application of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What people call it.
    pub name: String,
    /// Whether the card has it.
    pub found: bool,
    /// Its version or label, where it says so.
    pub version: Option<String>,
}

/// Looks around, while nobody is logged in; at most 16 APDUs and what GET RESPONSE takes.
///
/// # Errors
/// Of the link; what the card refuses to tell is not told.
pub fn overview(card: &mut Applications<'_, '_>, family: Family) -> Result<Overview, Error> {
    let mut overview = Overview::default();
    overview.applications.push(Application {
        name: "PIV".to_owned(),
        found: true,
        version: label(card.piv_template()),
    });
    let aca = selected(card, &ACA)?;
    overview.pin_policy = if aca.is_some() { told(card.pin_policy())?.flatten() } else { None };
    overview.applications.push(application("access control (ACA)", aca.as_deref()));
    if family != Family::Standard {
        overview.properties = card.piv_properties()?;
        if let Some(properties) = &overview.properties
            && overview.applications[0].version.is_none()
        {
            overview.applications[0].version =
                otp::version(tlv::only(properties, 0x53).unwrap_or(properties));
        }
    }
    for number in 1..=otp::SLOTS {
        let answer = selected(card, &otp::aid(number)?)?;
        overview
            .applications
            .push(application(&format!("one-time passwords (OATH), slot {number}"), answer.as_deref()));
        overview.otp.extend(answer.map(|answer| otp::parse(number, &answer)));
    }
    let manager = if family == Family::Standard {
        selected(card, &CARD_MANAGER)?.is_some()
    } else {
        let is_there = told(read_chip_id(card))?.flatten().is_some();
        overview.free_memory = if is_there { told(free_memory(card))?.flatten() } else { None };
        is_there
    };
    overview.applications.push(Application {
        name: "card manager".to_owned(),
        found: manager,
        version: None,
    });
    let fido = selected(card, &FIDO)?;
    overview.applications.push(Application { name: "FIDO".to_owned(), found: fido.is_some(), version: None });
    Ok(overview)
}

fn selected(card: &mut Applications<'_, '_>, aid: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    Ok(told(card.select(aid))?.flatten())
}

/// What is refused is not told; what is wrong with the way to the card is an error.
fn told<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.is_transport() => Err(error),
        other => Ok(other.ok()),
    }
}

fn application(name: &str, answer: Option<&[u8]>) -> Application {
    let body = answer.and_then(|answer| tlv::find(tlv::find(answer, 0x6F)?, 0xA5));
    Application { name: name.to_owned(), found: answer.is_some(), version: body.and_then(otp::version) }
}

/// The label in what SELECT of PIV answers (SP 800-73-5 part 2, 3.1.1).
fn label(template: &[u8]) -> Option<String> {
    let text = tlv::find(tlv::find(template, 0x61)?, 0x50)?;
    std::str::from_utf8(text).ok().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_labels_as_measured_and_printed() {
        let aca = b"\x6F\x12\x84\x07\xA0\0\0\0\x79\x10\0\xA5\x07\x01\x05\x10\x03\0\x03\x01";
        let expected =
            Application { name: "ACA".to_owned(), found: true, version: Some("3.0.3.1".to_owned()) };
        assert_eq!(application("ACA", Some(aca)), expected);
        assert_eq!(application("ACA", Some(b"\x6F\x00")).version, None);
        let piv = b"\x61\x37\x4F\x0B\xA0\0\0\x03\x08\0\0\x10\0\x01\0\x79\x07\x4F\x05\xA0\0\0\x03\x08\x50\x1FHID Global ActivID Applet 3.0.3";
        assert_eq!(label(piv).as_deref(), Some("HID Global ActivID Applet 3.0.3"));
        assert_eq!(label(&piv[..20]), None);
    }
}
