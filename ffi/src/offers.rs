//! What can be done with a device, and why not what cannot (D12).

use device::{Action, Offer, WhyNot};

use crate::{
    call::enter,
    crescendo_device, crescendo_status, crescendo_text, handle,
    result::{self, Answer, Keep},
};

/// What a person can do with a device.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_action {
    /// Enter the PIN.
    Authenticate = 1,
    /// Change the PIN.
    ChangePin = 2,
    /// Set a new PIN in place of a blocked one.
    Unblock = 3,
    /// See the PUK.
    ShowPuk = 4,
    /// Ask for the pairing code.
    Pairing = 5,
    /// Drop what is remembered of it.
    ClearCache = 6,
    /// Look at its certificates.
    Certificates = 7,
    /// Make keys, write and delete certificates.
    ChangeCertificates = 8,
    /// One-time passwords.
    Otp = 9,
    /// Take it back to the state of delivery.
    Recycle = 10,
    /// Set it up.
    Personalize = 11,
    /// Give it other firmware.
    UpdateFirmware = 12,
}

/// Why something cannot be done with a device.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_why_not {
    /// It can be done, or nobody knows better.
    Offered = 0,
    /// No card is in the reader.
    NoCard = 1,
    /// It could not be read.
    NotRead = 2,
    /// It has no PIV application.
    NotPiv = 3,
    /// It is a key without a card side.
    NoCardSide = 4,
    /// It is as delivered: personalize it first.
    Factory = 5,
    /// It is set up already: recycle it first.
    NotFactory = 6,
    /// The PIN was entered already.
    Authenticated = 7,
    /// The PIN is blocked: unblock it first.
    Blocked = 8,
    /// The card has no such PIN.
    NoPin = 9,
    /// On this contactless reader it takes no PIN.
    Contactless = 10,
    /// That needs a contact reader.
    ContactNeeded = 11,
    /// It has no pairing code.
    NoPairingCode = 12,
    /// It is no Crescendo.
    NoCrescendo = 13,
    /// Only keys have that.
    NoKey = 14,
    /// A management system keeps it to itself. That is known only after a right PIN was refused the right to do something.
    Managed = 15,
    /// No USB key that belongs to it was found.
    NoKeySide = 16,
    /// It does not speak the update protocol.
    NoUpdateProtocol = 17,
}

/// An action, and whether it can be done.
#[repr(C)]
pub struct crescendo_offer {
    /// The action.
    pub action: crescendo_action,
    /// Why it cannot be done; CRESCENDO_WHY_NOT_OFFERED: it can.
    pub why_not: crescendo_why_not,
    /// The reason as a sentence for a person; no text where it can be done.
    pub sentence: crescendo_text,
}

/// What can be done with a device, in the order people are shown it.
#[repr(C)]
pub struct crescendo_offers {
    /// How many actions.
    pub count: usize,
    /// Each of them.
    pub items: *const *const crescendo_offer,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_offers {
    const MARK: u64 = 0x6372_6573_7210_0005;
}

/// Tells what can be done with the device, by what it is and in what state, after reading what was not read yet; and why not what
/// cannot. An action that is asked for all the same fails, some only after a PIN was entered. The result is freed with
/// crescendo_offers_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_offers(
    device: *const crescendo_device,
    offers: *mut *const crescendo_offers,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(offers)?;
        let offered = opened.with(|device| {
            device.load();
            device.find_key_side();
            Ok(device.offers())
        })?;
        // SAFETY: the header's conventions.
        unsafe {
            result::give(offers, |keep| {
                let items: Vec<_> = offered.iter().map(|offered| offer(offered, keep)).collect();
                crescendo_offers { count: items.len(), items: keep.list(items) }
            })
        }
    })
}

/// Frees them. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_offers_free(offers: *const crescendo_offers) {
    // SAFETY: the header's conventions.
    unsafe { result::free(offers) }
}

fn offer(&(action, why_not): &Offer, keep: &mut Keep) -> crescendo_offer {
    let sentence = why_not.map(|why| why.to_string());
    crescendo_offer {
        action: self::action(action),
        why_not: why_not.map_or(crescendo_why_not::Offered, self::why_not),
        sentence: keep.text_if(sentence.as_deref()),
    }
}

fn action(action: Action) -> crescendo_action {
    match action {
        Action::Authenticate => crescendo_action::Authenticate,
        Action::ChangePin => crescendo_action::ChangePin,
        Action::Unblock => crescendo_action::Unblock,
        Action::ShowPuk => crescendo_action::ShowPuk,
        Action::Pairing => crescendo_action::Pairing,
        Action::ClearCache => crescendo_action::ClearCache,
        Action::Certificates => crescendo_action::Certificates,
        Action::ChangeCertificates => crescendo_action::ChangeCertificates,
        Action::Otp => crescendo_action::Otp,
        Action::Recycle => crescendo_action::Recycle,
        Action::Personalize => crescendo_action::Personalize,
        Action::UpdateFirmware => crescendo_action::UpdateFirmware,
    }
}

fn why_not(why: WhyNot) -> crescendo_why_not {
    match why {
        WhyNot::NoCard => crescendo_why_not::NoCard,
        WhyNot::NotRead => crescendo_why_not::NotRead,
        WhyNot::NotPiv => crescendo_why_not::NotPiv,
        WhyNot::NoCardSide => crescendo_why_not::NoCardSide,
        WhyNot::Factory => crescendo_why_not::Factory,
        WhyNot::NotFactory => crescendo_why_not::NotFactory,
        WhyNot::Authenticated => crescendo_why_not::Authenticated,
        WhyNot::Blocked => crescendo_why_not::Blocked,
        WhyNot::NoPin => crescendo_why_not::NoPin,
        WhyNot::Contactless => crescendo_why_not::Contactless,
        WhyNot::ContactNeeded => crescendo_why_not::ContactNeeded,
        WhyNot::NoPairingCode => crescendo_why_not::NoPairingCode,
        WhyNot::NoCrescendo => crescendo_why_not::NoCrescendo,
        WhyNot::NoKey => crescendo_why_not::NoKey,
        WhyNot::Managed => crescendo_why_not::Managed,
        WhyNot::NoKeySide => crescendo_why_not::NoKeySide,
        WhyNot::NoUpdateProtocol => crescendo_why_not::NoUpdateProtocol,
    }
}
