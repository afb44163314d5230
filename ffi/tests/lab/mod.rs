//! A machine that is made up, for the functions that C calls: simulated readers, keys and files behind a context, a
//! person who answers what is asked, and what the functions gave, as values.

#![allow(dead_code, unused_imports, unsafe_code, clippy::undocumented_unsafe_blocks)]

mod files;
mod person;

use std::{ffi::c_char, ptr, slice, sync::Arc};

use crescendo::*;
use device::{Environment, MessagingPolicy};
use sim::{Personality, SimCard, SimClock, SimCodes, SimKeys, SimReaders, SimStore};

pub(crate) use self::{
    files::Files,
    person::{Asked, Person, Told},
};

pub(crate) const READER: &str = "Some Reader 00 00";
pub(crate) const PIN: &str = "123456";
pub(crate) const WRONG: &str = "999999";

/// The machine, and a context over it.
pub(crate) struct Lab {
    pub(crate) clock: SimClock,
    pub(crate) readers: SimReaders,
    pub(crate) keys: SimKeys,
    pub(crate) files: Files,
    pub(crate) store: SimStore,
    pub(crate) signers: SimStore,
    pub(crate) codes: SimCodes,
    context: *mut crescendo_context,
}

impl Lab {
    /// No reader, no key.
    pub(crate) fn empty() -> Self {
        Self::with_messaging(MessagingPolicy::default())
    }

    pub(crate) fn with_messaging(messaging: MessagingPolicy) -> Self {
        let clock = SimClock::default();
        let mut lab = Self {
            keys: SimKeys::new(&clock),
            clock,
            readers: SimReaders::new(),
            files: Files::default(),
            store: SimStore::default(),
            signers: SimStore::default(),
            codes: SimCodes::default(),
            context: ptr::null_mut(),
        };
        lab.context = lab.another_context(messaging);
        lab
    }

    /// One reader with such a card in it.
    pub(crate) fn new(personality: Personality) -> (Self, SimCard) {
        let lab = Self::empty();
        let card = lab.insert(READER, personality);
        (lab, card)
    }

    /// Puts a new card into a reader.
    pub(crate) fn insert(&self, reader: &str, personality: Personality) -> SimCard {
        let card = SimCard::new(personality);
        self.readers.put(reader, &card);
        card
    }

    pub(crate) fn context(&self) -> *const crescendo_context {
        self.context
    }

    fn another_context(&self, messaging: MessagingPolicy) -> *mut crescendo_context {
        let environment = Environment {
            store: Arc::new(self.store.clone()),
            signers: Arc::new(self.signers.clone()),
            codes: Arc::new(self.codes.clone()),
            clock: Arc::new(self.clock.clone()),
            messaging: Arc::new(messaging),
        };
        let machine = Machine::over(
            Arc::new(self.readers.clone()),
            Arc::new(self.keys.clone()),
            Arc::new(self.files.clone()),
            environment,
        );
        let clock = self.clock.clone();
        let machine = machine.pausing(move |time| clock.pass(time));
        let mut context = ptr::null_mut();
        ok(unsafe { context_over(machine, &mut context) });
        context
    }

    /// The only device.
    #[track_caller]
    pub(crate) fn device(&self) -> Opened {
        self.open(None)
    }

    #[track_caller]
    pub(crate) fn open(&self, name: Option<&str>) -> Opened {
        let (name, length) = text_if(name);
        let mut device = ptr::null_mut();
        ok(unsafe { crescendo_device_open(self.context, name, length, &mut device) });
        Opened(device)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        unsafe { crescendo_context_free(self.context) };
    }
}

/// A device that is freed at the end.
pub(crate) struct Opened(*mut crescendo_device);

impl Opened {
    pub(crate) fn get(&self) -> *const crescendo_device {
        self.0
    }

    /// Reads a member of what is known of it.
    pub(crate) fn summary<T>(&self, read: impl FnOnce(&crescendo_summary) -> T) -> T {
        let mut summary = ptr::null();
        ok(unsafe { crescendo_device_summary(self.0, false, &mut summary) });
        let seen = read(unsafe { &*summary });
        unsafe { crescendo_summary_free(summary) };
        seen
    }

    pub(crate) fn name(&self) -> String {
        self.summary(|summary| read(summary.name).unwrap())
    }

    pub(crate) fn id(&self) -> String {
        self.summary(|summary| read(summary.id).unwrap())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        unsafe { crescendo_device_free(self.0) };
    }
}

/// A text as it is given to C functions: where it is, and how long.
pub(crate) fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

pub(crate) fn text_if(given: Option<&str>) -> (*const c_char, usize) {
    given.map_or((ptr::null(), 0), text)
}

/// A text of a result; `None` where it has none.
pub(crate) fn read(text: crescendo_text) -> Option<String> {
    if text.data.is_null() {
        return None;
    }
    let bytes = unsafe { slice::from_raw_parts(text.data.cast::<u8>(), text.length + 1) };
    assert_eq!(bytes.last(), Some(&0), "a NUL follows");
    Some(String::from_utf8(bytes[..text.length].to_vec()).unwrap())
}

/// The items of a list in a result.
pub(crate) fn items<'a, T>(count: usize, items: *const *const T) -> Vec<&'a T> {
    assert_eq!(count == 0, items.is_null());
    (0..count).map(|place| unsafe { &**items.add(place) }).collect()
}

/// The bytes in a buffer, which is freed.
pub(crate) fn taken(buffer: *mut crescendo_buffer) -> Vec<u8> {
    let (mut bytes, mut length) = (ptr::null(), 0);
    ok(unsafe { crescendo_buffer_bytes(buffer, &mut bytes, &mut length) });
    let kept = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), length) }.to_vec();
    unsafe { crescendo_buffer_free(buffer) };
    kept
}

/// The same as a text.
pub(crate) fn taken_text(buffer: *mut crescendo_buffer) -> String {
    String::from_utf8(taken(buffer)).unwrap()
}

/// What went wrong last in this thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) status: crescendo_status,
    pub(crate) tries: i32,
    pub(crate) message: String,
    /// Their names.
    pub(crate) candidates: Vec<String>,
}

pub(crate) fn last() -> Last {
    let error = unsafe { &*crescendo_last_error() };
    let candidates = items(error.candidate_count, error.candidates);
    Last {
        status: error.status,
        tries: error.tries,
        message: read(error.message).unwrap_or_default(),
        candidates: candidates.iter().map(|candidate| read(candidate.name).unwrap()).collect(),
    }
}

/// The call succeeded.
#[track_caller]
pub(crate) fn ok(status: crescendo_status) {
    assert_eq!(status, crescendo_status::Ok, "{:?}", last());
    assert_eq!(last().status, crescendo_status::Ok);
}

/// The call failed like this, and said so in a message.
#[track_caller]
pub(crate) fn fails(status: crescendo_status, expected: crescendo_status) -> Last {
    let last = last();
    assert_eq!((status, last.status), (expected, expected), "{last:?}");
    assert!(!last.message.is_empty());
    last
}
