//! Objects of fwupd's, for as long as it lends them to us: one method for each thing that is done with them.

use std::{
    ffi::{CStr, c_uint},
    marker::PhantomData,
    ptr,
    sync::Mutex,
};

use link::HidLink;

use super::{
    class::parent,
    report::Reports,
    table::{Error, ErrorPlace, Pointer, table, text},
};
use crate::{
    phases::{PROTOCOL, REAPPEARANCE, Seen, not_set_up},
    problem::{INTERNAL, Problem},
};

/// A device of our class.
#[derive(Clone, Copy)]
pub(crate) struct Device<'c>(Pointer, PhantomData<&'c ()>);

/// The progress of one phase.
#[derive(Clone, Copy)]
pub(crate) struct Progress<'c>(Pointer, PhantomData<&'c ()>);

/// What fwupd says it is doing (FwupdStatus).
#[derive(Clone, Copy)]
pub(crate) enum Status {
    Decompressing = 3,
    DeviceRestart = 4,
    DeviceWrite = 5,
    DeviceVerify = 6,
    DeviceBusy = 12,
}

// FwupdDeviceFlags
const UPDATABLE: u64 = 1 << 1;
const IS_BOOTLOADER: u64 = 1 << 13;
const WAIT_FOR_REPLUG: u64 = 1 << 14;
const ANOTHER_WRITE_REQUIRED: u64 = 1 << 18;
const SELF_RECOVERY: u64 = 1 << 28;
const SIGNED_PAYLOAD: u64 = 1 << 47;
const EMULATED: u64 = 1 << 49;
const EMULATION_TAG: u64 = 1 << 50;

/// FwupdRequestFlags: clients say it in their own words and language.
const ALLOW_GENERIC_MESSAGE: u64 = 1 << 0;

/// FwupdRequestKind
const IMMEDIATE: c_uint = 2;

const PRESS_UNLOCK: &CStr = c"org.freedesktop.fwupd.request.press-unlock";

/// FwupdVersionFormat
const QUAD: c_uint = 5;

/// FuContextFlags: what is said to devices is being recorded.
const SAVE_EVENTS: c_uint = 1 << 0;

/// FuIoChannelOpenFlags
const READ: c_uint = 1 << 0;
const WRITE: c_uint = 1 << 1;

/// Under which a device keeps what we know of it.
const SEEN: &CStr = c"crescendo-seen";

impl Device<'_> {
    /// # Safety
    /// It is an instance of our class, and stays one for `'c`.
    pub(super) unsafe fn of(device: Pointer) -> Self {
        Self(device, PhantomData)
    }

    /// What holds for every device of ours.
    pub(super) fn init(self) {
        let table = table();
        // SAFETY: it is a device, and these take what they are given.
        unsafe {
            (table.fu_udev_device_add_open_flag)(self.0, READ);
            (table.fu_udev_device_add_open_flag)(self.0, WRITE);
            (table.fu_device_add_flag)(self.0, UPDATABLE | SIGNED_PAYLOAD | SELF_RECOVERY);
            // Matched by model and hardware: one pair of USB ids may serve several.
            (table.fu_device_add_private_flag)(self.0, c"no-generic-guids".as_ptr());
            (table.fu_device_set_remove_delay)(self.0, REAPPEARANCE.as_millis() as c_uint);
            (table.fu_device_set_version_format)(self.0, QUAD);
            (table.fwupd_device_add_protocol)(self.0, text(PROTOCOL).as_ptr());
            (table.fwupd_device_add_request_flag)(self.0, ALLOW_GENERIC_MESSAGE);
        }
    }

    pub(crate) fn parent_probe(self) -> Result<(), Problem> {
        // SAFETY: the slot of the parent class, with what it takes.
        outcome(|error| unsafe { (parent().probe)(self.0, error) })
    }

    pub(crate) fn parent_setup(self) -> Result<(), Problem> {
        // SAFETY: as above.
        outcome(|error| unsafe { (parent().setup)(self.0, error) })
    }

    /// USB vendor and product.
    pub(crate) fn usb_id(self) -> (u16, u16) {
        // SAFETY: it is a device.
        unsafe { ((table().fu_device_get_vid)(self.0), (table().fu_device_get_pid)(self.0)) }
    }

    /// Of the interface that the hidraw node belongs to.
    pub(crate) fn report_descriptor(self) -> Result<Vec<u8>, Problem> {
        const ATTRIBUTE: &CStr = c"device/report_descriptor";
        const PATIENCE: c_uint = 1000;
        let mut error = ptr::null_mut();
        // SAFETY: it is a device; -1: the whole file.
        let bytes = unsafe {
            let read = table().fu_udev_device_read_sysfs_bytes;
            read(self.0, ATTRIBUTE.as_ptr(), -1, PATIENCE, &mut error)
        };
        // SAFETY: one of both is there, and now ours.
        unsafe { content(bytes, error) }
    }

    /// fwupd knows a device by where it is and what it calls itself. A key may number its interfaces differently in its
    /// two modes, or have a USB serial number in one of them alone: the port is what stays.
    pub(crate) fn is_known_by_its_port(self) {
        // SAFETY: it is a device; the string is its own, and copied before it is replaced.
        unsafe {
            let place = (table().fu_device_get_physical_id)(self.0);
            if !place.is_null() {
                let place = CStr::from_ptr(place).to_string_lossy().into_owned();
                let port = place.split_once("/input").map_or(&place[..], |(port, _)| port);
                (table().fu_device_set_physical_id)(self.0, text(port).as_ptr());
            }
            // With none, fwupd would set the serial number at its next look.
            (table().fu_device_set_logical_id)(self.0, c"key".as_ptr());
        }
    }

    pub(crate) fn show_version(self, version: &str) {
        // SAFETY: it is a device; the string is copied.
        unsafe { (table().fu_device_set_version)(self.0, text(version).as_ptr()) }
    }

    pub(crate) fn show_serial(self, serial: &str) {
        // SAFETY: as above.
        unsafe { (table().fwupd_device_set_serial)(self.0, text(serial).as_ptr()) }
    }

    pub(crate) fn add_instance(self, id: &str) {
        // SAFETY: as above.
        unsafe { (table().fu_device_add_instance_id)(self.0, text(id).as_ptr()) }
    }

    pub(crate) fn is_in_update_mode(self, it_is: bool) {
        let table = table();
        let change = if it_is { table.fu_device_add_flag } else { table.fu_device_remove_flag };
        // SAFETY: it is a device.
        unsafe { change(self.0, IS_BOOTLOADER) }
    }

    /// It is about to leave, and fwupd waits for it.
    pub(crate) fn will_come_back(self) {
        // SAFETY: it is a device.
        unsafe { (table().fu_device_add_flag)(self.0, WAIT_FOR_REPLUG) }
    }

    /// All phases, once more.
    pub(crate) fn needs_another_write(self) {
        // SAFETY: it is a device.
        unsafe { (table().fu_device_add_flag)(self.0, ANOTHER_WRITE_REQUIRED) }
    }

    pub(crate) fn is_to_be_written_again(self) -> bool {
        self.has(ANOTHER_WRITE_REQUIRED)
    }

    /// It is played from a recording.
    pub(crate) fn is_replayed(self) -> bool {
        self.has(EMULATED)
    }

    /// It is being recorded, or played from a recording.
    pub(crate) fn is_recorded(self) -> bool {
        self.has(EMULATION_TAG) || self.is_replayed()
    }

    /// What is said to it may be recorded, or is played from a recording: before its setup fwupd does not tell which of
    /// the devices it records.
    pub(crate) fn may_be_recorded(self) -> bool {
        // SAFETY: it is a device, and has a context from its construction on.
        let recording = unsafe {
            let context = (table().fu_device_get_context)(self.0);
            !context.is_null() && (table().fu_context_has_flag)(context, SAVE_EVENTS) != 0
        };
        recording || self.is_replayed()
    }

    fn has(self, flag: u64) -> bool {
        // SAFETY: it is a device.
        unsafe { (table().fwupd_device_has_flag)(self.0, flag) != 0 }
    }

    /// Shows the person at the machine that the button has to be pressed.
    pub(crate) fn ask_for_the_button(self, progress: Progress<'_>) -> Result<(), Problem> {
        let table = table();
        // SAFETY: a request of our own, let go of at the end; the strings are copied.
        unsafe {
            let request = (table.fwupd_request_new)();
            (table.fwupd_request_set_kind)(request, IMMEDIATE);
            (table.fwupd_request_set_id)(request, PRESS_UNLOCK.as_ptr());
            (table.fwupd_request_add_flag)(request, ALLOW_GENERIC_MESSAGE);
            (table.fwupd_request_set_message)(
                request,
                c"Press the button of the key within 30 seconds.".as_ptr(),
            );
            let emitted = outcome(|error| (table.fu_device_emit_request)(self.0, request, progress.0, error));
            (table.g_object_unref)(request);
            emitted
        }
    }

    /// The way to it. It may be kept: it keeps the device.
    pub(crate) fn link(self) -> Box<dyn HidLink> {
        // SAFETY: our class is a FuHidrawDevice.
        Box::new(unsafe { Reports::of(self.0) })
    }

    /// Keeps what is known of it, in place of what was.
    pub(crate) fn remember(self, seen: Seen) {
        let kept = Box::into_raw(Box::new(Mutex::new(seen)));
        // SAFETY: the device owns it from here on, and has `forget` called once when it goes.
        unsafe { (table().g_object_set_data_full)(self.0, SEEN.as_ptr(), kept.cast(), Some(forget)) }
    }

    /// Looks at what is known of it.
    pub(crate) fn seen<T>(self, look: impl FnOnce(&mut Seen) -> T) -> Result<T, Problem> {
        // SAFETY: what is kept under this name was put there by `remember`, and stays at least as long as this call.
        let kept = unsafe {
            let kept: *const Mutex<Seen> = (table().g_object_get_data)(self.0, SEEN.as_ptr()).cast();
            kept.as_ref()
        };
        let mut seen = kept.and_then(|kept| kept.try_lock().ok()).ok_or_else(not_set_up)?;
        Ok(look(&mut seen))
    }

    /// Nothing more is sent to it.
    pub(crate) fn leave_alone(self) {
        // A device that is not known is sent nothing either.
        let _ = self.seen(|seen| seen.left_alone = true);
    }
}

impl Progress<'_> {
    /// # Safety
    /// It is a FuProgress, and stays one for `'c`.
    pub(super) unsafe fn of(progress: Pointer) -> Self {
        Self(progress, PhantomData)
    }

    pub(crate) fn status(self, status: Status) {
        // SAFETY: it is a FuProgress.
        unsafe { (table().fu_progress_set_status)(self.0, status as c_uint) }
    }

    pub(crate) fn percentage(self, done: usize, total: usize) {
        // SAFETY: it is a FuProgress.
        unsafe { (table().fu_progress_set_percentage_full)(self.0, done, total) }
    }

    /// The phases of an update and their share of its time, of 100.
    pub(super) fn phases(self, phases: [(Status, c_uint, &CStr); 5]) {
        // SAFETY: it is a FuProgress; the strings are copied.
        unsafe {
            (table().fu_progress_set_id)(self.0, c"crescendo".as_ptr());
            for (status, share, name) in phases {
                (table().fu_progress_add_step)(self.0, status as c_uint, share, name.as_ptr());
            }
        }
    }
}

unsafe extern "C" fn forget(seen: Pointer) {
    // SAFETY: `remember` made it, and this is called once.
    drop(unsafe { Box::from_raw(seen.cast::<Mutex<Seen>>()) });
}

/// The bytes in a GBytes that is ours, or the error that came in its place.
///
/// # Safety
/// `bytes` is null or a GBytes of ours; where it is null, `error` is null or ours.
pub(super) unsafe fn content(bytes: Pointer, error: *mut Error) -> Result<Vec<u8>, Problem> {
    if bytes.is_null() {
        // SAFETY: as the caller says.
        return Err(unsafe { taken(error) });
    }
    let mut length = 0;
    // SAFETY: the bytes stay as long as the GBytes, which is let go of last.
    unsafe {
        let data = (table().g_bytes_get_data)(bytes, &mut length);
        let content =
            if data.is_null() { Vec::new() } else { std::slice::from_raw_parts(data, length).to_vec() };
        (table().g_bytes_unref)(bytes);
        Ok(content)
    }
}

/// The result of a function that answers whether it worked, and else sets an error.
fn outcome(work: impl FnOnce(ErrorPlace) -> i32) -> Result<(), Problem> {
    let mut error = ptr::null_mut();
    // SAFETY: where it failed it has set the error.
    if work(&mut error) != 0 { Ok(()) } else { Err(unsafe { taken(error) }) }
}

/// An error of fwupd's.
///
/// # Safety
/// `error` is null or a GError that is ours; it is freed.
pub(super) unsafe fn taken(error: *mut Error) -> Problem {
    // SAFETY: as the caller says.
    let Some(known) = (unsafe { error.as_ref() }) else {
        return Problem::new(INTERNAL, "fwupd did not say why");
    };
    // SAFETY: a GError has a message.
    let message = unsafe { CStr::from_ptr(known.message) }.to_string_lossy().into_owned();
    // SAFETY: asks for a number.
    let of_fwupd = known.domain == unsafe { (table().fwupd_error_quark)() };
    let problem = Problem::new(if of_fwupd { known.code } else { INTERNAL }, message);
    // SAFETY: it is ours, and not used any more.
    unsafe { (table().g_error_free)(error) }
    problem
}
