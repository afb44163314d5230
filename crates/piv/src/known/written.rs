//! What our own writes change of what is known: exactly the objects that were written, and all of it where the card is no
//! longer the one it was. Other processes take up what is read back, at their next look.

use super::Known;
use crate::{Error, ObjectId, piv::Piv};

impl Known {
    /// We have written this object, or tried to: nothing is known of it any more, here and in the store.
    pub(crate) fn note_write(&mut self, object: ObjectId) {
        self.cache.forget(object);
        self.looks.forget(object);
        self.forget_parsed(object);
        self.refused.retain(|key, _| key.certificate() != object);
        self.stored.unsaved = true;
        if object == ObjectId::CHUID {
            self.forget_card();
        }
    }

    /// Reads what was written, so that this process and others know it at once. What is read without a PIN is what is kept.
    pub(crate) fn read_back(&mut self, piv: &mut Piv<'_>, object: ObjectId) -> Result<(), Error> {
        if object.is_public() && self.state.is_some() {
            self.fresh(piv, object)?;
            self.take_up(object);
        }
        Ok(())
    }

    /// The card is another one from now on: it has another name, or was reset to the state of delivery.
    pub(crate) fn forget_card(&mut self) {
        self.forget_stored();
        self.met = None;
        self.identity_due = false;
    }
}
