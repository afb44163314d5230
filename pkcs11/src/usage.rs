//! What a key may be used for: PIV cards do not say, so the certificate or the standard's own table decides.

use cryptoki_sys::*;
use piv::{Certificate, KeyReference};

use crate::mechanism::{Mechanism, TABLE};

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub sign: bool,
    /// Decrypt and unwrap.
    pub decrypt: bool,
    pub derive: bool,
}

impl Usage {
    /// On cards of federal agencies the key references mean what SP 800-73 says; elsewhere people put what they like
    /// there, and the certificate's keyUsage decides, if it has one (OpenSC does the same).
    pub(crate) fn of(reference: KeyReference, certificate: &Certificate, federal: bool) -> Self {
        let rsa = certificate.key.algorithm().is_rsa();
        match certificate.key_usage {
            Some(stated) if !federal => Self {
                sign: stated.digital_signature() || stated.non_repudiation(),
                decrypt: rsa && (stated.key_encipherment() || stated.data_encipherment()),
                derive: !rsa && stated.key_agreement(),
            },
            _ => Self::by_reference(reference, rsa),
        }
    }

    /// Many systems let people log on by decrypting with 9A.
    pub(crate) fn by_reference(reference: KeyReference, rsa: bool) -> Self {
        let management = reference.is_key_management();
        Self {
            sign: !management,
            decrypt: rsa && (management || reference == KeyReference::PIV_AUTHENTICATION),
            derive: !rsa && management,
        }
    }

    /// The mechanisms a key of this type may be used with.
    pub(crate) fn mechanisms(self, key_type: CK_KEY_TYPE) -> impl Iterator<Item = &'static Mechanism> {
        let sign = if self.sign { CKF_SIGN } else { 0 };
        let decrypt = if self.decrypt { CKF_DECRYPT | CKF_UNWRAP } else { 0 };
        let derive = if self.derive { CKF_DERIVE } else { 0 };
        let uses = sign | decrypt | derive;
        TABLE.iter().filter(move |row| row.key_type() == Some(key_type) && row.uses & uses != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_reference_as_the_table_has_it() {
        let usage = |key, rsa| {
            let usage = Usage::by_reference(key, rsa);
            (usage.sign, usage.decrypt, usage.derive)
        };
        assert_eq!(usage(KeyReference::PIV_AUTHENTICATION, true), (true, true, false));
        assert_eq!(usage(KeyReference::PIV_AUTHENTICATION, false), (true, false, false));
        assert_eq!(usage(KeyReference::DIGITAL_SIGNATURE, true), (true, false, false));
        assert_eq!(usage(KeyReference::KEY_MANAGEMENT, false), (false, false, true));
        assert_eq!(usage(KeyReference::KEY_MANAGEMENT, true), (false, true, false));
        assert_eq!(usage(KeyReference::CARD_AUTHENTICATION, false), (true, false, false));
    }
}
