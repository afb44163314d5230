//! The functions of fwupd and GLib, found by name in the process that has loaded the plugin.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    mem,
    sync::OnceLock,
};

use super::layout::Layout;

/// A pointer to an instance or a class; also to a GBytes, which is none.
pub(super) type Pointer = *mut c_void;

/// A GType.
pub(super) type Type = usize;

/// Where a function puts its error: `GError **`.
pub(super) type ErrorPlace = *mut *mut Error;

/// A GError.
#[repr(C)]
pub(super) struct Error {
    pub(super) domain: u32,
    pub(super) code: c_int,
    pub(super) message: *const c_char,
}

/// A GTypeQuery.
#[repr(C)]
pub(super) struct Query {
    pub(super) kind: Type,
    pub(super) name: *const c_char,
    pub(super) class_size: c_uint,
    pub(super) instance_size: c_uint,
}

macro_rules! functions {
    ($($name:ident: fn($($parameter:ty),*) $(-> $result:ty)?;)*) => {
        /// Every function that is used, each found.
        pub(super) struct Table { $(pub(super) $name: unsafe extern "C" fn($($parameter),*) $(-> $result)?,)* }

        impl Table {
            /// The name of the first one that is not there, if one is not.
            pub(super) fn find() -> Result<Self, &'static str> {
                $(let $name = symbol(stringify!($name)).ok_or(stringify!($name))?;)*
                // SAFETY: each has these parameters in every version of `layout.rs`, and nothing is called before the
                // version is known to be one of them.
                Ok(Self { $($name: unsafe { mem::transmute::<Pointer, unsafe extern "C" fn($($parameter),*) $(-> $result)?>($name) },)* })
            }
        }
    };
}

functions! {
    fwupd_error_quark: fn() -> u32;
    fwupd_plugin_add_flag: fn(Pointer, u64);
    fwupd_device_has_flag: fn(Pointer, u64) -> c_int;
    fwupd_device_add_protocol: fn(Pointer, *const c_char);
    fwupd_device_add_request_flag: fn(Pointer, u64);
    fwupd_device_set_serial: fn(Pointer, *const c_char);
    fwupd_request_new: fn() -> Pointer;
    fwupd_request_set_kind: fn(Pointer, c_uint);
    fwupd_request_set_id: fn(Pointer, *const c_char);
    fwupd_request_set_message: fn(Pointer, *const c_char);
    fwupd_request_add_flag: fn(Pointer, u64);

    fu_plugin_get_type: fn() -> Type;
    fu_plugin_add_udev_subsystem: fn(Pointer, *const c_char);
    fu_plugin_add_device_gtype: fn(Pointer, Type);
    fu_hidraw_device_get_type: fn() -> Type;
    fu_hidraw_device_set_report: fn(Pointer, *const u8, usize, c_uint, ErrorPlace) -> c_int;
    fu_udev_device_read: fn(Pointer, *mut u8, usize, *mut usize, c_uint, c_uint, ErrorPlace) -> c_int;
    fu_udev_device_read_sysfs_bytes: fn(Pointer, *const c_char, isize, c_uint, ErrorPlace) -> Pointer;
    fu_udev_device_add_open_flag: fn(Pointer, c_uint);
    fu_device_add_flag: fn(Pointer, u64);
    fu_device_remove_flag: fn(Pointer, u64);
    fu_device_add_private_flag: fn(Pointer, *const c_char);
    fu_device_set_remove_delay: fn(Pointer, c_uint);
    fu_device_set_version: fn(Pointer, *const c_char);
    fu_device_set_version_format: fn(Pointer, c_uint);
    fu_device_add_instance_id: fn(Pointer, *const c_char);
    fu_device_get_vid: fn(Pointer) -> u16;
    fu_device_get_pid: fn(Pointer) -> u16;
    fu_device_get_physical_id: fn(Pointer) -> *const c_char;
    fu_device_set_physical_id: fn(Pointer, *const c_char);
    fu_device_set_logical_id: fn(Pointer, *const c_char);
    fu_device_get_context: fn(Pointer) -> Pointer;
    fu_device_emit_request: fn(Pointer, Pointer, Pointer, ErrorPlace) -> c_int;
    fu_context_has_flag: fn(Pointer, c_uint) -> c_int;
    fu_firmware_new_from_bytes: fn(Pointer) -> Pointer;
    fu_input_stream_read_bytes: fn(Pointer, usize, usize, Pointer, ErrorPlace) -> Pointer;
    fu_progress_set_id: fn(Pointer, *const c_char);
    fu_progress_add_step: fn(Pointer, c_uint, c_uint, *const c_char);
    fu_progress_set_percentage_full: fn(Pointer, usize, usize);
    fu_progress_set_status: fn(Pointer, c_uint);

    g_bytes_get_data: fn(Pointer, *mut usize) -> *const u8;
    g_bytes_unref: fn(Pointer);
    g_error_new_literal: fn(u32, c_int, *const c_char) -> *mut Error;
    g_error_free: fn(*mut Error);
    g_object_ref: fn(Pointer) -> Pointer;
    g_object_unref: fn(Pointer);
    g_object_get_data: fn(Pointer, *const c_char) -> Pointer;
    g_object_set_data_full: fn(Pointer, *const c_char, Pointer, Option<unsafe extern "C" fn(Pointer)>);
    g_type_query: fn(Type, *mut Query);
    g_type_from_name: fn(*const c_char) -> Type;
    g_type_class_ref: fn(Type) -> Pointer;
    g_type_register_static_simple: fn(
        Type, *const c_char, c_uint, Option<unsafe extern "C" fn(Pointer, Pointer)>,
        c_uint, Option<unsafe extern "C" fn(Pointer, Pointer)>, c_uint
    ) -> Type;
}

/// fwupd, once it is known to be of a version that is known.
pub(super) struct Fwupd {
    pub(super) table: Table,
    pub(super) layout: &'static Layout,
}

static FWUPD: OnceLock<Fwupd> = OnceLock::new();

impl Fwupd {
    /// Keeps it, for everything that is called later.
    pub(super) fn keep(self) -> &'static Self {
        FWUPD.get_or_init(|| self)
    }
}

/// Every function of fwupd's.
///
/// # Panics
/// Before `fu_plugin_init_vfuncs` has found them. There are no objects before that, and the entries catch it.
pub(super) fn table() -> &'static Table {
    &fwupd().table
}

pub(super) fn fwupd() -> &'static Fwupd {
    FWUPD.get().expect("fwupd is met before its objects are")
}

/// The version of the fwupd that has loaded this, as in `2.0.20`; this function of libfwupd's is in its stable ABI.
pub(super) fn version() -> Option<String> {
    let function = symbol("fwupd_version_string")?;
    // SAFETY: it takes nothing and returns a string that lives as long as the process.
    let version = unsafe { mem::transmute::<Pointer, unsafe extern "C" fn() -> *const c_char>(function)() };
    // SAFETY: as above.
    (!version.is_null()).then(|| unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned())
}

/// Something in fwupd's log that everybody should see.
pub(crate) fn warn(sentence: &str) {
    const WARNING: c_int = 1 << 4;
    let Some(function) = symbol("g_log") else {
        eprintln!("crescendo: {sentence}");
        return;
    };
    let sentence = text(sentence);
    // SAFETY: g_log takes a domain, a level, and a format, whose one argument is a string.
    unsafe {
        type Log = unsafe extern "C" fn(*const c_char, c_int, *const c_char, ...);
        mem::transmute::<Pointer, Log>(function)(
            c"FuPluginCrescendo".as_ptr(),
            WARNING,
            c"%s".as_ptr(),
            sentence.as_ptr(),
        );
    }
}

/// Text for C, which ends at a zero.
pub(super) fn text(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

fn symbol(name: &str) -> Option<Pointer> {
    let name = text(name);
    // SAFETY: the name is a string, and looking it up changes nothing.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}
