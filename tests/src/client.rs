//! The module in this very process, through the `cryptoki` crate.

use std::thread::sleep;
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::PIN;

/// An initialised module. Only for tests that run [`alone`](crate::alone).
#[derive(Debug)]
pub struct Client {
    /// The library.
    pub library: Pkcs11,
}

impl Client {
    /// Loads the shipped module and initialises it.
    ///
    /// # Panics
    /// When either fails.
    #[must_use]
    pub fn start() -> Self {
        Self::load(&crate::Files::get().module)
    }

    /// The same with a module by name.
    ///
    /// # Panics
    /// When it cannot be loaded or initialised.
    #[must_use]
    pub fn load(module: &std::path::Path) -> Self {
        let library = Pkcs11::new(module).expect("the module loads");
        library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("C_Initialize");
        Self { library }
    }

    /// The slot with the token in it. Waits a moment: a reader may be seen later than its card.
    ///
    /// # Panics
    /// When no token comes.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.wait_for(true).expect("one slot has a token")
    }

    /// Waits until no slot has a token.
    ///
    /// # Panics
    /// When the token stays.
    pub fn gone(&self) {
        let _ = self.wait_for(false);
    }

    /// A read-only session.
    ///
    /// # Panics
    /// When C_OpenSession fails.
    #[must_use]
    pub fn session(&self) -> Session {
        self.library.open_ro_session(self.slot()).expect("C_OpenSession")
    }

    /// A session of a user who has given the right PIN.
    ///
    /// # Panics
    /// When the PIN is refused.
    #[must_use]
    pub fn logged_in(&self) -> Session {
        let session = self.session();
        session.login(UserType::User, Some(&pin(PIN))).expect("C_Login");
        session
    }

    fn wait_for(&self, present: bool) -> Option<Slot> {
        for _ in 0..400 {
            let slots = self.library.get_slots_with_token().expect("C_GetSlotList");
            if slots.is_empty() != present {
                return slots.first().copied();
            }
            sleep(Duration::from_millis(50));
        }
        panic!("a token should be {}", if present { "there" } else { "gone" });
    }
}

/// A PIN as `cryptoki` wants it.
#[must_use]
pub fn pin(digits: &str) -> AuthPin {
    AuthPin::new(digits.into())
}

/// The private key with this CKA_ID.
///
/// # Panics
/// When there is none, or more than one.
#[must_use]
pub fn key(session: &Session, id: u8) -> ObjectHandle {
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(vec![id])];
    let found = session.find_objects(&template).expect("C_FindObjects");
    assert_eq!(found.len(), 1, "private keys with id {id:02}");
    found[0]
}
