//! C_WaitForSlotEvent, in the thread that calls it.

use std::{sync::atomic::Ordering, time::Duration};

use cryptoki_sys::CK_SLOT_ID;

use crate::{Error, Provider};

impl Provider {
    /// C_WaitForSlotEvent: a slot whose reader or card came or went since this was last told.
    ///
    /// # Errors
    /// [`Error::NoEvent`] when not blocking, [`Error::NotInitialized`] when C_Finalize ended the waiting.
    pub fn wait_for_slot_event(&self, block: bool) -> Result<CK_SLOT_ID, Error> {
        loop {
            self.refresh()?;
            if let Some(slot) = self.all_slots().iter().find(|slot| slot.tell_event()) {
                return Ok(slot.id);
            }
            if !block {
                return Err(Error::NoEvent);
            }
            self.wait()?;
        }
    }

    /// Waits for the readers to differ from what was last seen.
    fn wait(&self) -> Result<(), Error> {
        let known = self.last_seen();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let waited = if self.finalized.load(Ordering::SeqCst) {
            Ok(known)
        } else {
            self.seams.readers.wait(&known, None)
        };
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if self.finalized.load(Ordering::SeqCst) {
            return Err(Error::NotInitialized);
        }
        waited.map(drop).map_err(Error::from)
    }

    /// Wakes those who wait. More than once, because one may just be on its way into the wait.
    pub(crate) fn end_waiting(&self) {
        let mut patience = 1000;
        while self.waiting.load(Ordering::SeqCst) > 0 && patience > 0 {
            self.seams.readers.cancel();
            std::thread::sleep(Duration::from_millis(1));
            patience -= 1;
        }
    }
}
