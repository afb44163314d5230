//! What a test does to a card of two interfaces: moves it, and switches its secure messaging.

use super::{Interface, SecureMessaging, SimCard};

impl SimCard {
    /// The interface it is on; a new card is on the contact interface.
    pub fn interface(&self) -> Interface {
        self.with(|state| state.chip.piv.messaging.interface)
    }

    /// Puts it on the other interface: out of one reader and into another, with another answer to reset. A card that is
    /// not in a reader stays out of it.
    pub fn set_interface(&self, interface: Interface) {
        self.with(|state| state.change_interface(interface));
        self.ring();
    }

    /// How secure messaging is set up.
    pub fn secure_messaging(&self) -> SecureMessaging {
        self.with(|state| state.chip.personality.secure_messaging.clone())
    }

    /// Sets secure messaging up anew. PINs and logins stay as they are; the session does unless it is one with another key
    /// or signer.
    pub fn set_secure_messaging(&self, settings: SecureMessaging) {
        self.with(|state| {
            let chip = &mut state.chip;
            state.log.note("secure messaging set up anew");
            chip.personality.secure_messaging = settings;
            chip.piv.change_messaging(&chip.personality);
        });
    }

    /// The card forgets its session keys, as after another program's key establishment.
    pub fn lose_session(&self) {
        self.with(super::State::lose_session);
    }

    /// Whether there are session keys.
    pub fn has_session(&self) -> bool {
        self.with(|state| state.chip.piv.messaging.channel.is_some())
    }

    /// The four keys of the session: of confirmation, MAC, encryption and response MAC; none without one. For tests that look
    /// for copies elsewhere: no real card tells them.
    pub fn session_keys(&self) -> Vec<Vec<u8>> {
        self.with(|state| {
            let channel = state.chip.piv.messaging.channel.as_ref();
            channel.map_or(Vec::new(), |channel| channel.keys().map(<[u8]>::to_vec).into())
        })
    }

    /// Whether the pairing code was verified in this session.
    pub fn is_paired(&self) -> bool {
        self.with(|state| state.chip.piv.messaging.paired)
    }
}
