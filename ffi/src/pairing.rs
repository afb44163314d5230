//! The pairing code (SP 800-73-5 part 2, 4.3) and what else makes a card work on contactless readers (D7).

use std::{ffi::c_char, ptr};

use device::{Forgotten, Interface, Next, Pairing, PairingCode, PinPolicy, Retrieved, Signer};

use crate::{
    call::enter,
    callbacks::{self, Asking, Question},
    crescendo_buffer, crescendo_callbacks, crescendo_device, crescendo_question_kind, crescendo_status,
    crescendo_text, handle,
    result::{self, Answer, Keep},
    secret, text,
};

/// How a card is reached, and so what it takes.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_interface {
    /// Contacts, USB.
    Contact = 1,
    /// Contactless, and the card has no virtual contact interface: no PIN is sent.
    Plain = 2,
    /// Contactless, and there should be secure messaging, but the card is not believed, or it failed: neither PIN nor code is
    /// sent.
    Closed = 3,
    /// Contactless, with secure messaging; the card waits for its pairing code.
    Unpaired = 4,
    /// Contactless, with secure messaging: as over contact.
    Vci = 5,
}

/// What a person does next, so that a card works on contactless readers.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_pairing_next {
    /// Nothing.
    Nothing = 1,
    /// Nothing can be done: the card is for contact readers.
    StayWithContact = 2,
    /// Retrieve the code and keep it, now that the card is in a contact reader: crescendo_pairing_retrieve.
    Retrieve = 3,
    /// Have the card vouched for: put it into a contact reader and retrieve its code, or install the certificate of its issuer.
    Vouch = 4,
    /// Give the card its code: crescendo_pairing_set, or put it into a contact reader and retrieve it.
    GiveCode = 5,
}

/// What became of the signer of a card that was in a contact reader.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_signer {
    /// It is known from now on: the card is believed on contactless readers.
    Learnt = 1,
    /// The card offers no secure messaging, so there is nothing to learn.
    NotOffered = 2,
    /// There is no place to keep it.
    NotKept = 3,
    /// The card did not prove who it is: `problem` tells why.
    Failed = 4,
}

/// What is known of a card and its pairing code.
#[repr(C)]
pub struct crescendo_pairing_info {
    /// How it is reached.
    pub interface: crescendo_interface,
    /// What a person does next.
    pub next: crescendo_pairing_next,
    /// Its reader is contactless, whatever it is treated as.
    pub contactless: bool,
    /// It says that it has the virtual contact interface.
    pub vci: bool,
    /// It says that it asks for a pairing code there.
    pub wants_code: bool,
    /// A code of it is kept for this login session. Whether it is the right one is found out when it is used.
    pub kept: bool,
    /// Who has signed it was learnt in a contact reader, or at first use.
    pub learnt: bool,
    /// Certificates are installed that vouch for cards. With those, one that they do not vouch for has to be learnt.
    pub anchors: bool,
    /// A card that nobody vouches for is believed when it is first seen.
    pub first_use: bool,
    /// The cipher suite of its secure messaging, as in "CS2 (P-256, SHA-256, AES-128)"; no text without.
    pub suite: crescendo_text,
    /// Why it is CRESCENDO_INTERFACE_CLOSED.
    pub problem: crescendo_text,
}

/// What a card has told in a contact reader, beside its code.
#[repr(C)]
pub struct crescendo_retrieved {
    /// Whether it has a pairing code; one without asks for none.
    pub has_code: bool,
    /// Whether that is kept now.
    pub kept: bool,
    /// What became of its signer.
    pub signer: crescendo_signer,
    /// Why the signer is CRESCENDO_SIGNER_FAILED.
    pub problem: crescendo_text,
}

// SAFETY: marks of their own; their pointers come from the `Keep`.
unsafe impl Answer for crescendo_pairing_info {
    const MARK: u64 = 0x6372_6573_7210_0002;
}

// SAFETY: as above.
unsafe impl Answer for crescendo_retrieved {
    const MARK: u64 = 0x6372_6573_7210_0003;
}

/// Tells what is known of the card and its pairing code. Neither PIN nor code is sent; on a contactless reader the card is asked to
/// prove who it is. The result is freed with crescendo_pairing_info_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pairing_status(
    device: *const crescendo_device,
    status: *mut *const crescendo_pairing_info,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(status)?;
        let told = opened.with(|device| Ok(device.pairing()?))?;
        // SAFETY: the header's conventions.
        unsafe { result::give(status, |keep| info(&told, keep)) }
    })
}

/// Asks the card for its pairing code, in a contact reader, and learns who has signed it: with both it works on contactless
/// readers. `pin` NULL: the callback `ask` is called. One wrong PIN costs one try, and what can be no PIN costs none. The device is
/// locked afterwards, unless it was not before.
///
/// `keep`: the code is kept until this person logs out of this machine, for all of their programs;
/// CRESCENDO_STATUS_NOT_KEPT: there is no place that ends with the login. `code` is the code, 8 digits, freed with
/// crescendo_buffer_free, which wipes it; NULL is written there for a card that asks for none. `code` may be NULL if nobody is to
/// see it. `retrieved` tells the rest, and is freed with crescendo_retrieved_free; it may be NULL, too.
/// CRESCENDO_STATUS_NO_PAIRING_CODE: there was neither code nor signer. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pairing_retrieve(
    device: *const crescendo_device,
    pin: *const c_char,
    pin_length: usize,
    keep: bool,
    callbacks: *const crescendo_callbacks,
    code: *mut *mut crescendo_buffer,
    retrieved: *mut *const crescendo_retrieved,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) = unsafe {
            (handle::value(device)?, text::secret(pin, pin_length, "the PIN")?, Asking::of(callbacks)?)
        };
        let told = opened.with(|device| {
            asking.go_on()?;
            device.demand_contact()?;
            let pin = callbacks::kept_pin(&asking, device, given)?;
            let told = device.retrieve_pairing_code(&pin)?;
            if let (true, Some(code)) = (keep, &told.code) {
                device.keep_pairing_code(code)?;
            }
            Ok(told)
        })?;
        // SAFETY: the header's conventions, and neither is null.
        unsafe {
            match &told.code {
                Some(told) if !code.is_null() => secret::give(told.digits(), code)?,
                None if !code.is_null() => code.write(ptr::null_mut()),
                _ => {}
            }
            if retrieved.is_null() {
                return Ok(());
            }
            result::give(retrieved, |kept| self::retrieved(&told, keep, kept))
        }
    })
}

/// Keeps a pairing code until this person logs out of this machine, for all of their programs. `code` NULL: the callback `ask` is
/// called. On a contactless reader the card is asked whether it is the right one, CRESCENDO_STATUS_WRONG_CODE, and `checked`
/// becomes true; in a contact reader it cannot be asked. A wrong code costs nothing, and no PIN is sent. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pairing_set(
    device: *const crescendo_device,
    code: *const c_char,
    code_length: usize,
    callbacks: *const crescendo_callbacks,
    checked: *mut bool,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(code, code_length, "the pairing code")?,
                Asking::of(callbacks)?,
            )
        };
        result::demand(checked)?;
        let was_checked = opened.with(|device| {
            asking.go_on()?;
            let name = device.name();
            let shape = Some(EIGHT_DIGITS);
            let question = Question { shape, ..Question::new(crescendo_question_kind::PairingCode, &name) };
            let code = asking.entered(given, question, |text| Ok(PairingCode::new(text.as_bytes())?))?;
            Ok(device.set_pairing_code(&code)?)
        })?;
        // SAFETY: the header's conventions, and it is not null.
        unsafe { checked.write(was_checked) };
        Ok(())
    })
}

/// Forgets the pairing code that is kept of the card, and if `signer` says so, who has signed it: then it is put into a contact
/// reader before it is used without contacts again. The card itself is not changed. `code_forgotten` and `signer_forgotten` tell
/// whether there was one to be forgotten. A program that uses the card now goes on until it is closed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pairing_forget(
    device: *const crescendo_device,
    signer: bool,
    code_forgotten: *mut bool,
    signer_forgotten: *mut bool,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(code_forgotten)?;
        result::demand(signer_forgotten)?;
        let Forgotten { code, signer } = opened.with(|device| Ok(device.forget_pairing_code(signer)?))?;
        // SAFETY: the header's conventions, and they are not null.
        unsafe {
            code_forgotten.write(code);
            signer_forgotten.write(signer);
        }
        Ok(())
    })
}

/// Frees it. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pairing_info_free(status: *const crescendo_pairing_info) {
    // SAFETY: the header's conventions.
    unsafe { result::free(status) }
}

/// Frees it. NULL is none. The code is a buffer of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_retrieved_free(retrieved: *const crescendo_retrieved) {
    // SAFETY: the header's conventions.
    unsafe { result::free(retrieved) }
}

/// What a pairing code looks like.
const EIGHT_DIGITS: PinPolicy = PinPolicy { min: 8, max: 8, digits: true };

fn info(told: &Pairing, keep: &mut Keep) -> crescendo_pairing_info {
    crescendo_pairing_info {
        interface: match told.interface {
            Interface::Contact => crescendo_interface::Contact,
            Interface::Plain => crescendo_interface::Plain,
            Interface::Closed => crescendo_interface::Closed,
            Interface::Unpaired => crescendo_interface::Unpaired,
            Interface::Vci => crescendo_interface::Vci,
        },
        next: match told.next() {
            Next::Nothing => crescendo_pairing_next::Nothing,
            Next::StayWithContact => crescendo_pairing_next::StayWithContact,
            Next::Retrieve => crescendo_pairing_next::Retrieve,
            Next::Vouch => crescendo_pairing_next::Vouch,
            Next::GiveCode => crescendo_pairing_next::GiveCode,
        },
        contactless: told.contactless,
        vci: told.vci,
        wants_code: told.wants_code,
        kept: told.kept,
        learnt: told.learnt,
        anchors: told.anchors,
        first_use: told.first_use,
        suite: keep.text_if(told.suite.map(device::Suite::name)),
        problem: keep.text_if(told.problem.as_deref()),
    }
}

fn retrieved(told: &Retrieved, kept: bool, keep: &mut Keep) -> crescendo_retrieved {
    let (signer, problem) = match &told.signer {
        Signer::Learnt => (crescendo_signer::Learnt, None),
        Signer::NotOffered => (crescendo_signer::NotOffered, None),
        Signer::NotKept => (crescendo_signer::NotKept, None),
        Signer::Failed(error) => (crescendo_signer::Failed, Some(error.to_string())),
    };
    let has_code = told.code.is_some();
    crescendo_retrieved {
        has_code,
        kept: has_code && kept,
        signer,
        problem: keep.text_if(problem.as_deref()),
    }
}
