//! How a command reached the card, and what it may do for that (SP 800-73 part 1, tables 2 and 5; part 2, table 3).

use super::objects::{CHUID, DISCOVERY, SIGNER};

/// Each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    /// Plain, over contactless.
    Contactless,
    /// In secure messaging over contactless, with no virtual contact interface.
    Secured,
    /// The virtual contact interface.
    Vci,
    /// The contact interface, plain or protected.
    Contact,
}

impl Access {
    /// Whether a container may be read, as far as that is a matter of the interface.
    pub(super) fn reads(self, tag: u32) -> bool {
        const CARD_AUTHENTICATION: u32 = 0x5FC101;
        const BIOMETRIC_TEMPLATES: u32 = 0x7F61;
        self >= Self::Vci
            || matches!(tag, CHUID | CARD_AUTHENTICATION | DISCOVERY | BIOMETRIC_TEMPLATES | SIGNER)
    }

    /// Whether the card command exists here at all: writing and unblocking are for the contact interface.
    pub(super) fn knows(self, ins: u8) -> bool {
        self == Self::Contact || !matches!(ins, 0x2C | 0x47 | 0xD8 | 0xDB | 0xF6 | 0xFA..=0xFC | 0xFE | 0xFF)
    }
}
