//! Switches: the contactless interface and secure messaging.

use crescendo_sim::{Personality, SecureMessaging, Signer, Suite, Vci, pairing_code};

/// By another name, or clap would take the inner option for a switch without value.
type SuiteOrNone = Option<Suite>;

/// The contactless interface and secure messaging; what is not given is as the profile has it.
#[derive(clap::Args)]
pub(super) struct Contactless {
    /// The card lies on a contactless reader.
    #[arg(long = "contactless")]
    pub(super) begins: bool,
    /// The suite of secure messaging: cs2, cs7 or none.
    #[arg(long, value_parser = suite)]
    suite: Option<SuiteOrNone>,
    /// The virtual contact interface: code, open or none.
    #[arg(long)]
    vci: Option<Vci>,
    /// Who vouches for the secure messaging key: direct, intermediate, intermediate-ecdsa; to be refused: expired,
    /// no-usage, no-ca, other-root, other-card.
    #[arg(long)]
    signer: Option<Signer>,
    /// The pairing code, 8 digits.
    #[arg(long, value_name = "DIGITS", value_parser = pairing_code)]
    pairing_code: Option<String>,
    /// So many of the last tries of a PIN are for the contact interface alone.
    #[arg(long, value_name = "N")]
    contact_tries: Option<u8>,
    /// Any plain command ends a session.
    #[arg(long)]
    strict_plain: bool,
}

impl Contactless {
    pub(super) fn of(&self, base: Personality) -> Personality {
        let usual = base.secure_messaging;
        let secure_messaging = SecureMessaging {
            suite: self.suite.unwrap_or(usual.suite),
            vci: self.vci.unwrap_or(usual.vci),
            signer: self.signer.unwrap_or(usual.signer),
            pairing_code: self.pairing_code.clone().unwrap_or(usual.pairing_code),
            contact_tries: self.contact_tries.unwrap_or(usual.contact_tries),
            strict_plain: self.strict_plain,
        };
        Personality { secure_messaging, ..base }
    }
}

fn suite(text: &str) -> Result<SuiteOrNone, String> {
    if text == "none" { Ok(None) } else { text.parse().map(Some) }
}
