//! What a program lends the library: how a person is asked and told, and how what takes long is ended.

use std::{
    cell::Cell,
    ffi::{c_char, c_void},
    mem, ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use device::{Device, Error, PinPolicy, PinState};

use crate::{
    call::enter,
    crescendo_cancel, crescendo_status, crescendo_text,
    failure::Failure,
    handle,
    result::Keep,
    text::{self, Secret},
};

/// How a person is asked and told. A function may be NULL, and the whole structure too where nothing has to be asked. It is
/// used for as long as the call takes that it was given to, in the thread of that call. No function may unwind, throw or jump
/// out of the library. The card may be held while one runs, so calls for any device, reader or key return
/// CRESCENDO_STATUS_REENTERED in there, but for crescendo_pin_check.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_callbacks {
    /// sizeof(crescendo_callbacks)
    pub size: usize,
    /// Handed to each function.
    pub user: *mut c_void,
    /// Asks a person. It gives the answer with crescendo_answer_set and returns true; or returns false to cancel, without
    /// anything having been sent. A new PIN is confirmed by entering it twice: that is this function's to do.
    pub ask: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            question: *const crescendo_question,
            answer: *mut crescendo_answer,
        ) -> bool,
    >,
    /// Asks a person whether that is meant: `count` lines name what is lost. true: it is done; false: nothing is done.
    pub confirm:
        Option<unsafe extern "C" fn(user: *mut c_void, lines: *const crescendo_text, count: usize) -> bool>,
    /// Tells a person how far it is, at least twice a second while a button, a change or an update is waited for. false cancels
    /// it, as soon as that leaves the device well. What the card does by itself, as making an RSA key, is not told of.
    pub tell: Option<unsafe extern "C" fn(user: *mut c_void, progress: *const crescendo_progress) -> bool>,
    /// Ends it from another thread; or NULL.
    pub cancel: *const crescendo_cancel,
}

/// What a person is asked for.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_question_kind {
    /// The PIN of the device.
    Pin = 1,
    /// A new PIN.
    NewPin = 2,
    /// The PUK.
    Puk = 3,
    /// A new PUK.
    NewPuk = 4,
    /// The pairing code: eight digits.
    PairingCode = 5,
    /// The administration key (XAUTH), in hexadecimal.
    AdministrationKey = 6,
    /// The management key (9B), in hexadecimal.
    ManagementKey = 7,
    /// The response of the help desk to the `challenge`, in hexadecimal.
    Response = 8,
    /// The passphrase of a file.
    Passphrase = 9,
}

/// A question to a person.
#[repr(C)]
pub struct crescendo_question {
    /// What is asked for.
    pub kind: crescendo_question_kind,
    /// How many tries are left, or -1 where that is not known.
    pub tries: i32,
    /// The name of the device.
    pub device: crescendo_text,
    /// The fewest characters that are taken; 0 where there is no such limit.
    pub min: u32,
    /// The most characters that are taken; 0 where there is no such limit.
    pub max: u32,
    /// Digits alone are taken.
    pub digits: bool,
    /// Why the answer before was not taken, of which nothing was sent; no text at the first time.
    pub problem: crescendo_text,
    /// What the help desk is told; no text otherwise.
    pub challenge: crescendo_text,
    /// The device ID, which the help desk is told too; no text otherwise.
    pub device_id: crescendo_text,
    /// All that is wanted of a new PIN, in words, as in "6 to 8 digits, not the old PIN"; no text otherwise.
    pub rules: crescendo_text,
}

/// Where an answer goes. It is there while the callback runs.
pub struct crescendo_answer {
    _private: (),
}

/// What an operation is doing.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_step {
    /// It looks for the key.
    Finding = 1,
    /// The button of the key has to be pressed, within `left_ms`.
    PressButton = 2,
    /// The key comes back in update mode.
    Detaching = 3,
    /// `done` of `total` bytes are in the key.
    Writing = 4,
    /// The key checks what was written; from here on it is not cancelled.
    Finishing = 5,
    /// The key comes back with its firmware.
    Attaching = 6,
    /// The new firmware is made the one to stay.
    Confirming = 7,
    /// A change of readers is waited for.
    Waiting = 8,
}

/// How far an operation is.
#[repr(C)]
pub struct crescendo_progress {
    /// What it is doing.
    pub step: crescendo_step,
    /// How much of the whole operation is done, 0 to 100; -1 where nobody knows.
    pub percent: i32,
    /// Bytes that are done, where there are some to be counted; else 0.
    pub done: u64,
    /// Bytes in all; else 0.
    pub total: u64,
    /// How much time is left for what a person has to do, in milliseconds; else 0.
    pub left_ms: u64,
}

#[repr(C)]
struct AnswerSlot {
    mark: u64,
    text: Option<Secret>,
}

const ANSWER: u64 = 0x6372_6573_6100_0001;

/// Answers a question: `length` bytes of UTF-8, or CRESCENDO_TERMINATED. They are copied, and the copy is wiped after use. In the
/// callback that was given `answer`, and nowhere else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_answer_set(
    answer: *mut crescendo_answer,
    text: *const c_char,
    length: usize,
) -> crescendo_status {
    enter(|| {
        let slot = answer.cast::<AnswerSlot>();
        if slot.is_null() {
            return Err(Failure::Null("crescendo_answer"));
        }
        // SAFETY: the header's conventions: whatever it is, it begins with a mark.
        if !slot.is_aligned() || unsafe { ptr::addr_of!((*slot).mark).read() } != ANSWER {
            return Err(Failure::Handle("crescendo_answer"));
        }
        // SAFETY: the header's conventions; and it is an answer, which nothing else refers to while its callback runs.
        unsafe {
            (*slot).text = Some(text::secret(text, length, "the answer")?.ok_or(Failure::Null("the answer"))?)
        };
        Ok(())
    })
}

/// A question, as the code behind the shells puts it.
pub(crate) struct Question<'a> {
    pub(crate) kind: crescendo_question_kind,
    /// What it is called in a message.
    pub(crate) what: &'static str,
    pub(crate) device: &'a str,
    pub(crate) tries: Option<u8>,
    pub(crate) shape: Option<PinPolicy>,
    pub(crate) problem: Option<String>,
    pub(crate) challenge: Option<&'a str>,
    pub(crate) device_id: Option<&'a str>,
    pub(crate) rules: Option<String>,
}

impl<'a> Question<'a> {
    pub(crate) fn new(kind: crescendo_question_kind, device: &'a str) -> Self {
        let what = match kind {
            crescendo_question_kind::Pin => "the PIN",
            crescendo_question_kind::NewPin => "the new PIN",
            crescendo_question_kind::Puk => "the PUK",
            crescendo_question_kind::NewPuk => "the new PUK",
            crescendo_question_kind::PairingCode => "the pairing code",
            crescendo_question_kind::AdministrationKey => "the administration key",
            crescendo_question_kind::ManagementKey => "the management key",
            crescendo_question_kind::Response => "the response",
            crescendo_question_kind::Passphrase => "the passphrase",
        };
        Self {
            kind,
            what,
            device,
            tries: None,
            shape: None,
            problem: None,
            challenge: None,
            device_id: None,
            rules: None,
        }
    }
}

/// The callbacks of one call.
pub(crate) struct Asking {
    functions: Option<crescendo_callbacks>,
    cancel: Option<Arc<AtomicBool>>,
}

impl Asking {
    /// # Safety
    /// `callbacks` is null, or as the header wants it for as long as this is there.
    pub(crate) unsafe fn of(callbacks: *const crescendo_callbacks) -> Result<Self, Failure> {
        if callbacks.is_null() {
            return Ok(Self { functions: None, cancel: None });
        }
        // SAFETY: the caller's: the size is the first of it.
        if unsafe { callbacks.cast::<usize>().read() } != mem::size_of::<crescendo_callbacks>() {
            return Err(Failure::Size("crescendo_callbacks"));
        }
        // SAFETY: the caller's, and it has the size.
        let functions = unsafe { callbacks.read() };
        let cancel = if functions.cancel.is_null() {
            None
        } else {
            // SAFETY: the caller's.
            Some(unsafe { handle::value(functions.cancel) }?)
        };
        Ok(Self { functions: Some(functions), cancel })
    }

    /// Whether somebody has cancelled it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::SeqCst))
    }

    /// # Errors
    /// [`Failure::Cancelled`]
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        if self.is_cancelled() { Err(Failure::Cancelled) } else { Ok(()) }
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.functions.is_some_and(|functions| functions.ask.is_some())
    }

    /// What a person answers.
    ///
    /// # Errors
    /// [`Failure::NoCallback`], [`Failure::Cancelled`].
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Secret, Failure> {
        self.go_on()?;
        let functions = self.functions.ok_or(Failure::NoCallback(question.what))?;
        let ask = functions.ask.ok_or(Failure::NoCallback(question.what))?;
        let mut keep = Keep::default();
        let shown = crescendo_question {
            kind: question.kind,
            tries: question.tries.map_or(-1, i32::from),
            device: keep.text(question.device),
            min: question.shape.map_or(0, |shape| shape.min.into()),
            max: question.shape.map_or(0, |shape| shape.max.into()),
            digits: question.shape.is_some_and(|shape| shape.digits),
            problem: keep.text_if(question.problem.as_deref()),
            challenge: keep.text_if(question.challenge),
            device_id: keep.text_if(question.device_id),
            rules: keep.text_if(question.rules.as_deref()),
        };
        let mut slot = AnswerSlot { mark: ANSWER, text: None };
        let _inside = Inside::new();
        // SAFETY: the program's own function, by the header's conventions; what it is given outlives the call.
        let answered = unsafe { ask(functions.user, &shown, ptr::from_mut(&mut slot).cast()) };
        slot.mark = 0;
        match slot.text {
            Some(text) if answered => Ok(text),
            _ => Err(Failure::Cancelled),
        }
    }

    /// What was given with the call, or what a person enters, again until it has the form that `parse` wants.
    ///
    /// # Errors
    /// Of `parse`, for what was given; as [`Asking::ask`].
    pub(crate) fn entered<T>(
        &self,
        given: Option<Secret>,
        mut question: Question<'_>,
        parse: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        if let Some(given) = given {
            return Ok(parse(&given)?);
        }
        loop {
            match parse(&self.ask(&question)?) {
                Ok(value) => return Ok(value),
                Err(error) => question.problem = Some(error.to_string()),
            }
        }
    }

    /// Whether what is lost is meant to be: `yes` says that it was asked already.
    ///
    /// # Errors
    /// [`Failure::NoCallback`], [`Failure::Cancelled`].
    pub(crate) fn confirm(&self, yes: bool, lines: &[String]) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let functions = self.functions.ok_or(Failure::NoCallback("a confirmation"))?;
        let confirm = functions.confirm.ok_or(Failure::NoCallback("a confirmation"))?;
        let mut keep = Keep::default();
        let lines: Vec<_> = lines.iter().map(|line| keep.text(line)).collect();
        let _inside = Inside::new();
        // SAFETY: the program's own function, by the header's conventions; what it is given outlives the call.
        if unsafe { confirm(functions.user, lines.as_ptr(), lines.len()) } {
            Ok(())
        } else {
            Err(Failure::Cancelled)
        }
    }

    /// Tells how far it is, also when it was cancelled and cannot be ended yet. `false`: it is to be ended.
    pub(crate) fn tell(&self, progress: &crescendo_progress) -> bool {
        let goes_on = match self.functions {
            Some(crescendo_callbacks { tell: Some(tell), user, .. }) => {
                let _inside = Inside::new();
                // SAFETY: the program's own function, by the header's conventions; what it is given outlives the call.
                unsafe { tell(user, progress) }
            }
            _ => true,
        };
        goes_on && !self.is_cancelled()
    }
}

thread_local! {
    /// How many callbacks this thread is in.
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
}

/// A callback, for as long as it runs.
struct Inside;

impl Inside {
    fn new() -> Self {
        CALLBACKS.set(CALLBACKS.get() + 1);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CALLBACKS.set(CALLBACKS.get() - 1);
    }
}

/// Makes sure that this is no callback: the card may be held while one runs, and whoever waits for it there waits for ever.
///
/// # Errors
/// [`Failure::Reentered`]
pub(crate) fn outside() -> Result<(), Failure> {
    if CALLBACKS.get() == 0 { Ok(()) } else { Err(Failure::Reentered) }
}

/// How far an operation is that waits for a button.
pub(crate) fn waiting(step: crescendo_step, left: Duration) -> crescendo_progress {
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    crescendo_progress { step, percent: -1, done: 0, total: 0, left_ms }
}

/// The tries that a device tells of.
pub(crate) fn tries(state: PinState) -> Option<u8> {
    match state {
        PinState::Tries(tries) => Some(tries),
        PinState::Blocked | PinState::ContactOnly => Some(0),
        PinState::Verified | PinState::Absent => None,
    }
}

/// As [`pin`], but that nobody is asked who has authenticated: for what uses no key, and does not find out or change the PIN.
///
/// # Errors
/// As [`pin`].
pub(crate) fn kept_pin(
    asking: &Asking,
    device: &mut Device,
    given: Option<Secret>,
) -> Result<device::Pin, Failure> {
    asking.go_on()?;
    match device.remembered_pin()?.filter(|_| given.is_none()) {
        Some(kept) => Ok(kept),
        None => pin(asking, device, given),
    }
}

/// The PIN that a device has: what was given, or what a person enters, until it looks like a PIN of this device. No try is
/// spent on anything else, and nobody is asked for one that is blocked.
///
/// # Errors
/// [`Failure::Device`] for a PIN that was given and can be none, and for a blocked one; as [`Asking::ask`].
pub(crate) fn pin(
    asking: &Asking,
    device: &mut Device,
    given: Option<Secret>,
) -> Result<device::Pin, Failure> {
    asking.go_on()?;
    if let Some(given) = given {
        return Ok(device.entry()?.pin(given.as_bytes())?);
    }
    let (tries, shape, name) = (device.tries()?, device.entry()?, device.name());
    let mut question =
        Question { tries, shape: Some(shape), ..Question::new(crescendo_question_kind::Pin, &name) };
    loop {
        match shape.pin(asking.ask(&question)?.as_bytes()) {
            Ok(pin) => return Ok(pin),
            Err(error) => question.problem = Some(error.to_string()),
        }
    }
}
