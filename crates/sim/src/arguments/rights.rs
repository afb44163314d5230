//! Switches: who may write on the card.

use crescendo_sim::{AdministrationKey, Form, ManagementKey, Personality, administration_key};

/// Who may write.
#[derive(clap::Args)]
pub(super) struct Rights {
    /// What follows the family in the name of a Crescendo, and decides on its first administration key: standard, fips or
    /// iclass.
    #[arg(long, default_value = "standard")]
    form: Form,
    /// The issuer keeps every right to write for its server (Crescendo).
    #[arg(long)]
    managed: bool,
    /// XAUTH key 1: 32 hexadecimal digits for AES-128, 48 for 3DES, `none` (Crescendo). Without: all zero, as delivered.
    #[arg(long, value_name = "KEY", value_parser = administration_key)]
    xauth: Option<AdministrationKey>,
    /// Key 9B: 3des, aes-128, aes-192 or aes-256, a colon, hexadecimal digits (piv, piv-dual, piv-extended).
    #[arg(long, value_name = "KIND:HEX", value_parser = ManagementKey::read)]
    management_key: Option<ManagementKey>,
    /// There are OATH applications (key-v3; c2300-key has them anyway).
    #[arg(long)]
    oath: bool,
    /// RESET CARD does not touch FIDO (key-v3; the 2300 family does not anyway).
    #[arg(long)]
    fido_survives: bool,
}

impl Rights {
    pub(super) fn of(&self, base: Personality) -> Personality {
        Personality {
            form: self.form,
            managed: self.managed,
            xauth: self.xauth.clone().unwrap_or(base.xauth),
            management: self.management_key.clone().unwrap_or(base.management),
            oath: base.oath || self.oath,
            fido_survives: base.fido_survives || self.fido_survives,
            ..base
        }
    }
}
