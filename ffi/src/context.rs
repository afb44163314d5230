//! The machine that a program works on.

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use device::{Cache, Devices, Environment, MessagingPolicy};
use link::{HidDevices, Readers, System};

use crate::{
    call::enter,
    crescendo_status,
    handle::{self, Handle},
};

/// The machine: its readers and keys, what is remembered of cards, and what its owner has decided. Everything begins with one; a
/// program may have several, which know nothing of each other. Made with crescendo_context_new, freed with
/// crescendo_context_free. Any number of threads may use one at once.
pub struct crescendo_context {
    _private: (),
}

// SAFETY: a mark of its own.
unsafe impl Handle for crescendo_context {
    const MARK: u64 = 0x6372_6573_7800_0001;
    const NAME: &'static str = "crescendo_context";
    type Value = Machine;
}

/// What is behind a context.
pub struct Machine {
    pub(crate) readers: Arc<dyn Readers>,
    pub(crate) hid: Arc<dyn HidDevices>,
    pub(crate) system: Arc<dyn System>,
    pub(crate) environment: Environment,
    pub(crate) devices: Devices,
    pub(crate) cache: Cache,
    /// Where that is, if it is in files.
    pub(crate) cache_folder: Option<PathBuf>,
    /// Lets time pass.
    pub(crate) pause: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Machine {
    /// A machine over these seams.
    pub fn over(
        readers: Arc<dyn Readers>,
        hid: Arc<dyn HidDevices>,
        system: Arc<dyn System>,
        environment: Environment,
    ) -> Self {
        Self {
            devices: Devices::new(readers.clone(), environment.clone()).with_keys(hid.clone()),
            cache: Cache::new(environment.store.clone()),
            cache_folder: None,
            pause: Arc::new(thread::sleep),
            readers,
            hid,
            system,
            environment,
        }
    }

    /// The same with another way to let time pass.
    #[must_use]
    pub fn pausing(self, pause: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { pause: Arc::new(pause), ..self }
    }

    /// The machine this runs on, and what its owner has decided.
    fn here() -> Self {
        let host::Messaging { anchors, first_use, contactless_is_contact, always } = host::messaging();
        let policy = MessagingPolicy::with_anchors(&anchors);
        let environment = Environment {
            store: host::store(),
            signers: host::signers(),
            codes: host::codes(),
            clock: host::clock(),
            messaging: Arc::new(MessagingPolicy { first_use, contactless_is_contact, always, ..policy }),
        };
        let cache_folder = host::store_folder();
        Self { cache_folder, ..Self::over(host::readers(), host::hid_devices(), host::system(), environment) }
    }
}

/// Gives C a context over any machine: for tests.
///
/// # Safety
/// As [`crescendo_context_new`].
#[doc(hidden)]
pub unsafe fn context_over(machine: Machine, context: *mut *mut crescendo_context) -> crescendo_status {
    // SAFETY: the caller's.
    enter(|| unsafe { handle::give(machine, context) })
}

/// Makes a context of this machine. Nothing is asked of any reader or key, and no service has to run. It heeds the settings
/// that the README tells of (/etc/crescendo, and variables of the environment, some of which later calls read too: no thread changes
/// the environment meanwhile). With CRESCENDO_LOG=debug there, the library tells on standard error what it does, never a PIN, a key
/// or content. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_context_new(context: *mut *mut crescendo_context) -> crescendo_status {
    enter(|| {
        host::begin_log();
        // SAFETY: the header's conventions.
        unsafe { handle::give(Machine::here(), context) }
    })
}

/// Frees a context. NULL is none. Devices that were opened with it stay usable. No other thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_context_free(context: *mut crescendo_context) {
    // SAFETY: the header's conventions.
    unsafe { handle::free(context) }
}
