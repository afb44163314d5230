//! A plugin by which fwupd updates keys that announce this project's protocol.
//!
//! fwupd drives an update in phases and in its own time; [`firmware::phases`] is made of the same phases, and this crate
//! puts one on the other. Read in this order: `phases.rs` (what is done in each phase), `updates.rs` (what is kept
//! between two of them), `problem.rs` (how errors become fwupd's), `glib.rs` (fwupd itself, without its headers).
//!
//! fwupd promises no plugin that its insides stay as they are. So this one knows exact versions, looks whether what it
//! finds in memory is what it knows, and else does nothing but say so.

#![deny(unsafe_op_in_unsafe_fn)]

mod descriptor;
mod files;
mod glib;
mod phases;
mod problem;
mod store;
mod updates;

pub use glib::fu_plugin_init_vfuncs;
