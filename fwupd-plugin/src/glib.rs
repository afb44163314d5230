//! fwupd itself: its functions by name, its classes by layouts that are known for exact versions, and its objects as
//! values that are safe to use. The one place in this crate with unsafe code.
//!
//! Nothing of fwupd or GLib is linked or included: both are in the process that loads the plugin. `table.rs` finds their
//! functions, `class.rs` makes the class of our devices, `object.rs` wraps objects, `entry.rs` is what fwupd calls.

#![allow(unsafe_code)]

mod class;
mod entry;
mod layout;
mod object;
mod report;
mod table;

pub use entry::fu_plugin_init_vfuncs;
pub(crate) use object::{Device, Progress, Status};
pub(crate) use table::warn;
