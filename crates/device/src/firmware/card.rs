//! What cards say of themselves as security keys: CTAP2 in APDUs (CTAP 2.1, section 11.3).
//!
//! SELECT of the FIDO application ends the login at the PIV application, whoever's it is. So a card is asked only where an
//! empty VERIFY in the same transaction says that nobody is logged in.

use link::{LinkError, Transmit};
use piv::{Exchange, Family, PinReference, PinState, Piv};

use super::Firmware;
use crate::{Device, Devices, Error, State};

/// Of SELECT: there is no such application.
const NOT_FOUND: u16 = 0x6A82;

/// A card in a reader, or a key as the card that it is too, with a FIDO application as far as is known.
#[derive(Clone, Debug)]
pub struct Card {
    /// What a person calls it.
    pub name: String,
    /// The device ID: the serial number of the token.
    pub id: Option<String>,
    /// The reader it is in.
    pub reader: String,
    /// What it says of its firmware; it is never [`Firmware::Updatable`].
    pub firmware: Firmware,
}

/// The PIV cards that go by this ID, name or reader, whole or in part; without a name, all. Left out are those without a
/// FIDO application. Where somebody is logged in, or the card does not tell, it is [`Firmware::Silent`] with that reason.
///
/// # Errors
/// [`Error::Link`] when the readers could not be asked. Where no reader service runs there are no cards.
pub fn cards(devices: &Devices, wanted: Option<&str>) -> Result<Vec<Card>, Error> {
    let devices = match devices.cards() {
        Err(Error::Link(LinkError::NoService)) => return Ok(Vec::new()),
        devices => devices?,
    };
    let meant = |device: &Device| wanted.is_none_or(|wanted| goes_by(device, wanted));
    let loaded = devices.into_iter().filter_map(|mut device| {
        let is_piv = !matches!(device.load(), State::Empty | State::NotPiv);
        is_piv.then_some(device)
    });
    Ok(loaded.filter(meant).filter_map(|device| card(&device)).collect())
}

fn goes_by(device: &Device, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let name = device.name();
    let names = [Some(device.reader()), Some(&name), device.id(), device.serial()];
    !wanted.is_empty() && names.into_iter().flatten().any(|name| name.to_lowercase().contains(&wanted))
}

/// One that has been loaded, as a FIDO card; `None`: it has no FIDO application.
pub(crate) fn card(device: &Device) -> Option<Card> {
    let firmware = match (device.state(), device.connect()) {
        (State::Unreadable(error), _) => Firmware::Silent(error.to_string()),
        (_, Err(error)) => Firmware::Silent(error.to_string()),
        (_, Ok(mut connection)) => {
            let family = Family::of(connection.atr());
            match connection.begin() {
                Ok(mut transaction) => ask(&mut *transaction.link, family)?,
                Err(error) => Firmware::Silent(error.to_string()),
            }
        }
    };
    Some(Card {
        name: device.name(),
        id: device.id().map(str::to_owned),
        reader: device.reader().to_owned(),
        firmware,
    })
}

/// 4 APDUs, and what GET RESPONSE takes. `None`: there is no FIDO application.
fn ask(link: &mut dyn Transmit, family: Family) -> Option<Firmware> {
    let pin =
        Piv::select(Exchange::new(link), family).and_then(|mut piv| piv.pin_state(PinReference::Application));
    let why_not = match pin {
        Ok(PinState::Tries(_) | PinState::Blocked | PinState::ContactOnly) => None,
        Ok(PinState::Verified) => {
            Some("it was not asked, because somebody is logged in and would be logged out".to_owned())
        }
        Ok(PinState::Absent) | Err(piv::Error::Refused { .. }) => {
            Some("it was not asked, because it does not tell whether somebody is logged in".to_owned())
        }
        Err(error) => Some(error.to_string()),
    };
    if let Some(why_not) = why_not {
        return Some(Firmware::Silent(why_not));
    }
    match fido::Info::of_card(link) {
        Ok(info) => Some(info.into()),
        Err(fido::Error::Status(NOT_FOUND)) => None,
        Err(error) => Some(Firmware::Silent(error.to_string())),
    }
}
