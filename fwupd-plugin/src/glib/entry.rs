//! What fwupd calls. No panic reaches it: each of these ends in an error of ours instead.

use std::{
    ffi::{c_int, c_uint},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use super::{
    class::{place, register},
    layout::{KNOWN, Layout},
    object::{Device, Progress, Status, content},
    table::{ErrorPlace, Fwupd, Pointer, Table, fwupd, table, text, version, warn},
};
use crate::{
    phases::{self, LARGEST_IMAGE},
    problem::{INTERNAL, INVALID_FILE, Problem},
};

pub(super) type Prepare = unsafe extern "C" fn(Pointer, Pointer, Pointer, u64, ErrorPlace) -> Pointer;
pub(super) type Step = unsafe extern "C" fn(Pointer, Pointer, ErrorPlace) -> c_int;
pub(super) type Write = unsafe extern "C" fn(Pointer, Pointer, Pointer, u64, ErrorPlace) -> c_int;
pub(super) type Weights = unsafe extern "C" fn(Pointer, Pointer);

/// What every plugin has: fwupd calls it once it has loaded the file, with the slots of the plugin, all empty. In a fwupd
/// that is not known they stay so, and the log says why.
///
/// # Safety
/// `slots` points to the `FuPluginVfuncs` of a plugin that is being loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fu_plugin_init_vfuncs(slots: Pointer) {
    enter(ptr::null_mut(), (), || {
        match met() {
            // SAFETY: the slots are of a version that is known, so this one lies in them.
            Ok(fwupd) => unsafe {
                place::<unsafe extern "C" fn(Pointer)>(slots, fwupd.layout.constructed).write(constructed)
            },
            Err(why) => {
                warn(&format!("the crescendo plugin does nothing: {why}: {KNOWN} see docs/fleets.md"))
            }
        }
        Ok(())
    });
}

/// Looks whether this fwupd is one that is known. Nothing of it has been touched when it is not.
fn met() -> Result<&'static Fwupd, String> {
    let version = version().ok_or("this is no fwupd, or one that does not say its version")?;
    let layout = Layout::of(&version).ok_or_else(|| format!("fwupd {version} is not known to it"))?;
    let table = Table::find().map_err(|name| format!("this fwupd {version} has no {name}"))?;
    Ok(Fwupd { table, layout }.keep())
}

/// The plugin object is there: makes the device class and says which devices it is for.
unsafe extern "C" fn constructed(plugin: Pointer) {
    const DISABLED: u64 = 1 << 0;
    enter(ptr::null_mut(), (), || {
        let table = table();
        match register(fwupd()) {
            // SAFETY: fwupd calls this with the plugin.
            Ok(class) => unsafe {
                (table.fu_plugin_add_udev_subsystem)(plugin, c"hidraw".as_ptr());
                (table.fu_plugin_add_device_gtype)(plugin, class);
            },
            Err(why) => {
                warn(&format!("the crescendo plugin is off: {why}"));
                // SAFETY: as above.
                unsafe { (table.fwupd_plugin_add_flag)(plugin, DISABLED) };
            }
        }
        Ok(())
    });
}

/// # Safety
/// This and the next: fwupd calls them with a device of our class, and what their slots say.
pub(super) unsafe extern "C" fn probe(device: Pointer, error: ErrorPlace) -> c_int {
    // SAFETY: as above.
    done(error, || phases::probe(unsafe { Device::of(device) }))
}

pub(super) unsafe extern "C" fn setup(device: Pointer, error: ErrorPlace) -> c_int {
    // SAFETY: as above.
    done(error, || phases::setup(unsafe { Device::of(device) }))
}

pub(super) unsafe extern "C" fn reload(device: Pointer, error: ErrorPlace) -> c_int {
    // SAFETY: as above.
    done(error, || phases::reload(unsafe { Device::of(device) }))
}

/// The bytes of the image as a FuFirmware, once they have been checked: fwupd hands it to `write_firmware`.
pub(super) unsafe extern "C" fn prepare_firmware(
    device: Pointer,
    stream: Pointer,
    _progress: Pointer,
    _flags: u64,
    error: ErrorPlace,
) -> Pointer {
    enter(error, ptr::null_mut(), || {
        let mut failed = ptr::null_mut();
        // SAFETY: fwupd's stream; progress may be missing.
        let bytes = unsafe {
            let read = table().fu_input_stream_read_bytes;
            read(stream, 0, LARGEST_IMAGE + 1, ptr::null_mut(), &mut failed)
        };
        // SAFETY: what was made of it is ours and lives until the end of this block; a FuFirmware keeps what it needs.
        unsafe {
            if bytes.is_null() {
                return content(bytes, failed).map(|_| ptr::null_mut());
            }
            let firmware = (table().fu_firmware_new_from_bytes)(bytes);
            let file = content(bytes, failed)?;
            let fits = if file.len() > LARGEST_IMAGE {
                Err(Problem::new(INVALID_FILE, "the file is larger than any key's memory"))
            } else {
                phases::prepare(Device::of(device), file)
            };
            fits.map(|()| firmware).inspect_err(|_| (table().g_object_unref)(firmware))
        }
    })
}

pub(super) unsafe extern "C" fn detach(device: Pointer, progress: Pointer, error: ErrorPlace) -> c_int {
    // SAFETY: as above.
    done(error, || phases::detach(unsafe { Device::of(device) }, unsafe { Progress::of(progress) }))
}

pub(super) unsafe extern "C" fn attach(device: Pointer, _progress: Pointer, error: ErrorPlace) -> c_int {
    // SAFETY: as above.
    done(error, || phases::attach(unsafe { Device::of(device) }))
}

/// Writes what `prepare_firmware` checked, which is what fwupd hands back.
pub(super) unsafe extern "C" fn write_firmware(
    device: Pointer,
    _firmware: Pointer,
    progress: Pointer,
    _flags: u64,
    error: ErrorPlace,
) -> c_int {
    // SAFETY: as above.
    done(error, || phases::write(unsafe { Device::of(device) }, unsafe { Progress::of(progress) }))
}

pub(super) unsafe extern "C" fn set_progress(_device: Pointer, progress: Pointer) {
    let shares: [(Status, c_uint, _); 5] = [
        (Status::Decompressing, 0, c"prepare-fw"),
        (Status::DeviceRestart, 25, c"detach"),
        (Status::DeviceWrite, 65, c"write"),
        (Status::DeviceRestart, 9, c"attach"),
        (Status::DeviceBusy, 1, c"reload"),
    ];
    enter(ptr::null_mut(), (), || {
        // SAFETY: as above.
        unsafe { Progress::of(progress) }.phases(shares);
        Ok(())
    });
}

fn done(error: ErrorPlace, work: impl FnOnce() -> Result<(), Problem>) -> c_int {
    enter(error, 0, || work().map(|()| 1))
}

/// Does the work; what goes wrong goes where fwupd wants it, and `failed` is answered.
pub(super) fn enter<T>(error: ErrorPlace, failed: T, work: impl FnOnce() -> Result<T, Problem>) -> T {
    let problem = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => return result,
        Ok(Err(problem)) => problem,
        Err(_) => Problem::new(INTERNAL, "the crescendo plugin failed by a fault of its own"),
    };
    if error.is_null() {
        warn(&problem.message);
    } else {
        // SAFETY: fwupd gives a place for one error, and is handed one.
        unsafe {
            let domain = (table().fwupd_error_quark)();
            error.write((table().g_error_new_literal)(domain, problem.code, text(&problem.message).as_ptr()));
        }
    }
    failed
}
