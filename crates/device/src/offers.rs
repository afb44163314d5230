//! What can be done with a device, by what it is and in what state: only what can work is offered, and of the rest the reason is
//! told. That a device is managed is known only after a right PIN was answered with a refusal; until then it is offered what
//! a standalone one can do.

use std::fmt;

use piv::{Family, PinState};

use crate::{Device, Error, State};

/// What a person can do with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enter the PIN.
    Authenticate,
    /// Change the PIN.
    ChangePin,
    /// Set a new PIN in place of a blocked one.
    Unblock,
    /// See the PUK.
    ShowPuk,
    /// Ask for the pairing code.
    Pairing,
    /// Drop what is remembered of it.
    ClearCache,
    /// Look at its certificates.
    Certificates,
    /// Make keys, write and delete certificates.
    ChangeCertificates,
    /// One-time passwords.
    Otp,
    /// Take it back to the state of delivery.
    Recycle,
    /// Set it up.
    Personalize,
    /// Give it other firmware.
    UpdateFirmware,
}

/// Why something cannot be done with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// No card in the reader.
    NoCard,
    /// It was not read yet, or could not be.
    NotRead,
    /// It has no PIV application.
    NotPiv,
    /// It is a key without a card side.
    NoCardSide,
    /// It is as delivered.
    Factory,
    /// It is set up already.
    NotFactory,
    /// The PIN was entered already.
    Authenticated,
    /// The PIN is blocked.
    Blocked,
    /// The card has no such PIN.
    NoPin,
    /// No PIN goes there over contactless.
    Contactless,
    /// It is for contact readers.
    ContactNeeded,
    /// It has no pairing code.
    NoPairingCode,
    /// It is no Crescendo.
    NoCrescendo,
    /// Only keys have that.
    NoKey,
    /// A management system keeps it to itself.
    Managed,
    /// Its key side was not found.
    NoKeySide,
    /// It does not speak the update protocol.
    NoUpdateProtocol,
}

/// An action, and why it cannot be done; `None`: it can.
pub type Offer = (Action, Option<WhyNot>);

impl Action {
    /// All of them, in the order people are shown them.
    pub const ALL: [Self; 12] = [
        Self::Authenticate,
        Self::ChangePin,
        Self::Unblock,
        Self::ShowPuk,
        Self::Pairing,
        Self::ClearCache,
        Self::Certificates,
        Self::ChangeCertificates,
        Self::Otp,
        Self::Recycle,
        Self::Personalize,
        Self::UpdateFirmware,
    ];

    /// Its name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::ChangePin => "change-pin",
            Self::Unblock => "unblock",
            Self::ShowPuk => "show-puk",
            Self::Pairing => "pairing-code",
            Self::ClearCache => "clear-cache",
            Self::Certificates => "certificates",
            Self::ChangeCertificates => "change-certificates",
            Self::Otp => "one-time-passwords",
            Self::Recycle => "recycle",
            Self::Personalize => "personalize",
            Self::UpdateFirmware => "update-firmware",
        }
    }
}

impl WhyNot {
    /// Its name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCard => "no-card",
            Self::NotRead => "not-read",
            Self::NotPiv => "not-piv",
            Self::NoCardSide => "no-card-side",
            Self::Factory => "factory",
            Self::NotFactory => "not-factory",
            Self::Authenticated => "authenticated",
            Self::Blocked => "pin-blocked",
            Self::NoPin => "no-pin",
            Self::Contactless => "contactless",
            Self::ContactNeeded => "contact-needed",
            Self::NoPairingCode => "no-pairing-code",
            Self::NoCrescendo => "no-crescendo",
            Self::NoKey => "no-key",
            Self::Managed => "managed",
            Self::NoKeySide => "no-key-side",
            Self::NoUpdateProtocol => "no-update-protocol",
        }
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCard => "no card is in the reader",
            Self::NotRead => "it could not be read",
            Self::NotPiv => "it has no PIV application",
            Self::NoCardSide => "it is a security key without a card side",
            Self::Factory => "it is in factory state: personalize it first",
            Self::NotFactory => "it is personalized already: recycle it first",
            Self::Authenticated => "it is authenticated already",
            Self::Blocked => "its PIN is blocked: unblock it first, with the PUK or through the help desk",
            Self::NoPin => "it has no PIN",
            Self::Contactless => "on this contactless reader it takes no PIN",
            Self::ContactNeeded => "that needs a contact reader",
            Self::NoPairingCode => "it has no pairing code",
            Self::NoCrescendo => "that is known of Crescendo devices only",
            Self::NoKey => "only keys have that",
            Self::Managed => "it is managed: do it in its credential management system",
            Self::NoKeySide => "no USB key that belongs to it was found",
            Self::NoUpdateProtocol => "its firmware update is not supported by this program",
        })
    }
}

/// What is known of a device that decides what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) kind: Kind,
    pub(crate) family: Family,
    pub(crate) is_key: bool,
    pub(crate) pin: PinState,
    /// Over contact; over contactless with or without a way for a PIN.
    pub(crate) contact: bool,
    pub(crate) takes_pin: bool,
    pub(crate) wants_code: bool,
    pub(crate) managed: bool,
    /// It has no identity and no label: as delivered, as far as a card by the standard shows that.
    pub(crate) blank: bool,
    /// Whether the key side can be updated; `None`: there is none.
    pub(crate) updatable: Option<bool>,
}

/// A [`State`] without what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Empty,
    Unread,
    NotPiv,
    Key,
    Factory,
    Piv,
}

impl Kind {
    pub(crate) fn of(state: &State) -> Self {
        match state {
            State::Empty => Self::Empty,
            State::Unread | State::Unreadable(_) => Self::Unread,
            State::NotPiv => Self::NotPiv,
            State::Key => Self::Key,
            State::Factory => Self::Factory,
            State::Recognised | State::OtherPiv => Self::Piv,
        }
    }
}

impl Standing {
    pub(crate) fn offers(&self) -> Vec<Offer> {
        Action::ALL.into_iter().map(|action| (action, self.why_not(action))).collect()
    }

    fn why_not(&self, action: Action) -> Option<WhyNot> {
        if action == Action::UpdateFirmware {
            return match self.updatable {
                Some(true) => None,
                Some(false) => Some(WhyNot::NoUpdateProtocol),
                None => Some(WhyNot::NoKeySide),
            };
        }
        match self.kind {
            Kind::Empty => return Some(WhyNot::NoCard),
            Kind::Unread => return Some(WhyNot::NotRead),
            Kind::NotPiv => return Some(WhyNot::NotPiv),
            Kind::Key => return Some(WhyNot::NoCardSide),
            Kind::Factory | Kind::Piv => {}
        }
        match action {
            Action::ClearCache | Action::Certificates => None,
            Action::Authenticate if self.pin == PinState::Verified => Some(WhyNot::Authenticated),
            Action::Authenticate => self.no_pin(),
            Action::ChangePin => self.in_factory_state().or_else(|| self.no_pin()),
            Action::Unblock => self.no_contact().or_else(|| self.in_factory_state()),
            Action::ShowPuk => {
                self.no_contact().or_else(|| self.no_administration()).or_else(|| self.no_pin())
            }
            Action::Pairing if !self.contact => Some(WhyNot::ContactNeeded),
            Action::Pairing if !self.wants_code => Some(WhyNot::NoPairingCode),
            Action::Pairing => self.no_pin(),
            Action::ChangeCertificates => {
                self.no_contact().or_else(|| self.managed.then_some(WhyNot::Managed))
            }
            Action::Otp if self.family == Family::Standard => Some(WhyNot::NoCrescendo),
            Action::Otp if !self.is_key => Some(WhyNot::NoKey),
            Action::Otp => self.no_contact(),
            Action::Recycle => self.no_contact().or_else(|| self.no_administration()),
            Action::Personalize if self.as_delivered().is_none() => Some(WhyNot::NotFactory),
            Action::Personalize => self.no_contact(),
            Action::UpdateFirmware => None,
        }
    }

    /// What is done by whoever administers a device.
    fn no_administration(&self) -> Option<WhyNot> {
        if self.managed { Some(WhyNot::Managed) } else { self.as_delivered() }
    }

    fn as_delivered(&self) -> Option<WhyNot> {
        let is_blank = self.family == Family::Standard && self.blank;
        (self.kind == Kind::Factory || is_blank).then_some(WhyNot::Factory)
    }

    /// A Crescendo that is to be personalized first; of a card by the standard that is less certain.
    fn in_factory_state(&self) -> Option<WhyNot> {
        (self.kind == Kind::Factory).then_some(WhyNot::Factory)
    }

    pub(crate) fn no_contact(&self) -> Option<WhyNot> {
        (!self.contact).then_some(WhyNot::ContactNeeded)
    }

    fn no_pin(&self) -> Option<WhyNot> {
        match self.pin {
            _ if !self.takes_pin => Some(WhyNot::Contactless),
            PinState::Blocked | PinState::Tries(0) => Some(WhyNot::Blocked),
            PinState::ContactOnly => Some(WhyNot::ContactNeeded),
            PinState::Absent => Some(WhyNot::NoPin),
            PinState::Verified | PinState::Tries(_) => None,
        }
    }
}

impl Device {
    /// What can be done with this device, as far as it was read, and why not what cannot.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        self.standing().offers()
    }

    /// Whether this can be done with the device, as far as it shows: before anybody is asked for anything.
    ///
    /// # Errors
    /// [`Error::NotOffered`] with the reason.
    pub fn demand_offered(&mut self, action: Action) -> Result<(), Error> {
        self.load();
        self.why_not(action).map_or(Ok(()), |why| Err(Error::NotOffered(why)))
    }

    /// Why this cannot be done with the device; `None`: it can, or nobody knows better.
    #[must_use]
    pub fn why_not(&self, action: Action) -> Option<WhyNot> {
        self.standing().why_not(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Standing = Standing {
        kind: Kind::Piv,
        family: Family::C4000,
        is_key: true,
        pin: PinState::Tries(6),
        contact: true,
        takes_pin: true,
        wants_code: false,
        managed: false,
        blank: false,
        updatable: Some(true),
    };

    fn refused(standing: Standing) -> Vec<(Action, WhyNot)> {
        standing.offers().into_iter().filter_map(|(action, why)| Some((action, why?))).collect()
    }

    #[test]
    fn a_personalized_key_is_offered_all_but_what_it_has_no_use_for() {
        let expected = [(Action::Pairing, WhyNot::NoPairingCode), (Action::Personalize, WhyNot::NotFactory)];
        assert_eq!(refused(KEY), expected);
    }

    #[test]
    fn a_blocked_one_is_offered_the_way_out() {
        let blocked = Standing { pin: PinState::Blocked, ..KEY };
        let refused = refused(blocked);
        for action in [Action::Authenticate, Action::ChangePin, Action::ShowPuk] {
            assert!(refused.contains(&(action, WhyNot::Blocked)), "{action:?}");
        }
        assert_eq!(blocked.why_not(Action::Unblock), None);
    }

    #[test]
    fn factory_state_is_for_personalizing() {
        let factory = Standing { kind: Kind::Factory, ..KEY };
        assert_eq!(factory.why_not(Action::Personalize), None);
        for action in [Action::ChangePin, Action::ShowPuk, Action::Recycle, Action::Unblock] {
            assert_eq!(factory.why_not(action), Some(WhyNot::Factory), "{action:?}");
        }
    }

    #[test]
    fn a_managed_one_is_offered_less_with_the_reason() {
        let managed = Standing { managed: true, ..KEY };
        for action in [Action::Recycle, Action::ShowPuk, Action::ChangeCertificates] {
            assert_eq!(managed.why_not(action), Some(WhyNot::Managed), "{action:?}");
        }
        assert_eq!(managed.why_not(Action::ChangePin), None);
    }

    #[test]
    fn a_card_of_another_make_has_what_the_standard_has() {
        let plain = Standing { family: Family::Standard, is_key: false, updatable: None, ..KEY };
        assert_eq!(plain.why_not(Action::Otp), Some(WhyNot::NoCrescendo));
        for action in [Action::ShowPuk, Action::Recycle] {
            assert_eq!(plain.why_not(action), None, "{action:?}");
        }
        let blank = Standing { blank: true, ..plain };
        assert_eq!(plain.why_not(Action::Personalize), Some(WhyNot::NotFactory));
        assert_eq!(blank.why_not(Action::Personalize), None);
        assert_eq!(blank.why_not(Action::Recycle), Some(WhyNot::Factory));
        assert_eq!(blank.why_not(Action::ChangePin), None, "that is less certain");
        assert_eq!(plain.why_not(Action::UpdateFirmware), Some(WhyNot::NoKeySide));
        assert_eq!(plain.why_not(Action::ChangeCertificates), None);
        assert_eq!(Standing { is_key: false, ..KEY }.why_not(Action::Otp), Some(WhyNot::NoKey));
    }

    #[test]
    fn contactless_and_nothing_at_all_say_so() {
        let air = Standing { contact: false, takes_pin: false, ..KEY };
        assert_eq!(air.why_not(Action::Authenticate), Some(WhyNot::Contactless));
        assert_eq!(air.why_not(Action::Recycle), Some(WhyNot::ContactNeeded));
        for (kind, why) in
            [(Kind::Empty, WhyNot::NoCard), (Kind::NotPiv, WhyNot::NotPiv), (Kind::Key, WhyNot::NoCardSide)]
        {
            let nothing = Standing { kind, ..KEY };
            assert_eq!(nothing.why_not(Action::Certificates), Some(why));
            assert_eq!(nothing.why_not(Action::UpdateFirmware), None, "the key side is another matter");
        }
    }
}
