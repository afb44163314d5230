//! The class of our devices: a FuHidrawDevice with seven slots of its own.

use std::{
    ffi::{CStr, c_int},
    ptr,
    sync::OnceLock,
};

use super::{
    entry,
    layout::Layout,
    object::Device,
    table::{ErrorPlace, Fwupd, Pointer, Query, Type, fwupd},
};

const NAME: &CStr = c"FuCrescendoDevice";

/// A slot that takes nothing but its device.
type Slot = unsafe extern "C" fn(Pointer, ErrorPlace) -> c_int;

/// What stood in the slots that we fill and still call.
#[derive(Clone, Copy)]
pub(super) struct Parent {
    pub(super) probe: Slot,
    pub(super) setup: Slot,
}

static PARENT: OnceLock<Parent> = OnceLock::new();

/// # Panics
/// Before there is a device. The entries catch it.
pub(super) fn parent() -> Parent {
    *PARENT.get().expect("a class is made before its instances")
}

/// Makes the class, if what is in memory is what is known.
///
/// # Errors
/// A sentence that says what is not.
pub(super) fn register(fwupd: &'static Fwupd) -> Result<Type, String> {
    let table = &fwupd.table;
    // SAFETY: a name, looked up.
    if unsafe { (table.g_type_from_name)(NAME.as_ptr()) } != 0 {
        return Err("this plugin is installed twice, and this one of the two does nothing".to_owned());
    }
    // SAFETY: functions that take nothing and return types.
    let (plugin, device) = unsafe { ((table.fu_plugin_get_type)(), (table.fu_hidraw_device_get_type)()) };
    let sizes = (query(fwupd, plugin).class_size, query(fwupd, device).class_size);
    let known = (fwupd.layout.plugin_class, fwupd.layout.device_class);
    if sizes != known {
        return Err(format!(
            "the classes of this fwupd have {} and {} bytes, and not {} and {} as those of the {} that is known",
            sizes.0, sizes.1, known.0, known.1, fwupd.layout.version
        ));
    }
    if !slots_are_as_known(fwupd, device) {
        return Err("the device class of this fwupd is not laid out as the one that is known".to_owned());
    }
    let Query { class_size, instance_size, .. } = query(fwupd, device);
    // SAFETY: a class of the parent's own sizes, with two functions of ours.
    let made = unsafe {
        let make = table.g_type_register_static_simple;
        make(device, NAME.as_ptr(), class_size, Some(class_init), instance_size, Some(instance_init), 0)
    };
    if made == 0 { Err("GObject did not take the device class".to_owned()) } else { Ok(made) }
}

fn query(fwupd: &Fwupd, kind: Type) -> Query {
    let mut query = Query { kind: 0, name: ptr::null(), class_size: 0, instance_size: 0 };
    // SAFETY: it fills the query in, or leaves it.
    unsafe { (fwupd.table.g_type_query)(kind, &mut query) };
    query
}

/// FuHidrawDevice probes and sets up, and does no updates.
fn slots_are_as_known(fwupd: &Fwupd, device: Type) -> bool {
    let (filled, empty) = fwupd.layout.filled_and_empty();
    // SAFETY: the class is of the size that is known, stays for good, and all slots lie in it.
    unsafe {
        let class = (fwupd.table.g_type_class_ref)(device);
        let is_empty = |slot: &usize| place::<Pointer>(class, *slot).read().is_null();
        !class.is_null() && !filled.iter().any(is_empty) && empty.iter().all(is_empty)
    }
}

/// # Safety
/// The slot lies in what `class` points to.
pub(super) unsafe fn place<T>(class: Pointer, slot: usize) -> *mut T {
    // SAFETY: as the caller says.
    unsafe { class.byte_add(slot).cast() }
}

unsafe extern "C" fn class_init(class: Pointer, _: Pointer) {
    let Layout {
        probe, setup, prepare_firmware, detach, write_firmware, attach, reload, set_progress, ..
    } = *fwupd().layout;
    // SAFETY: the class begins as a copy of its parent's, whose size and slots are known.
    unsafe {
        PARENT.get_or_init(|| Parent {
            probe: place::<Slot>(class, probe).read(),
            setup: place::<Slot>(class, setup).read(),
        });
        place::<Slot>(class, probe).write(entry::probe);
        place::<Slot>(class, setup).write(entry::setup);
        place::<Slot>(class, reload).write(entry::reload);
        place::<entry::Prepare>(class, prepare_firmware).write(entry::prepare_firmware);
        place::<entry::Step>(class, detach).write(entry::detach);
        place::<entry::Step>(class, attach).write(entry::attach);
        place::<entry::Write>(class, write_firmware).write(entry::write_firmware);
        place::<entry::Weights>(class, set_progress).write(entry::set_progress);
    }
}

unsafe extern "C" fn instance_init(device: Pointer, _: Pointer) {
    entry::enter(ptr::null_mut(), (), || {
        // SAFETY: GObject calls this with an instance of our class.
        unsafe { Device::of(device) }.init();
        Ok(())
    });
}
