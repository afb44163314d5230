//! What of fwupd's memory this plugin knows, by exact version: class sizes, and where in the classes our functions go.
//!
//! Byte offsets on 64-bit machines. A version is added here when the tests of the guest have passed on it, and not
//! before: some of fwupd's functions have changed their parameters and kept their names.

/// One version of fwupd.
pub(super) struct Layout {
    pub(super) version: &'static str,
    /// The size of `FuPluginClass`.
    pub(super) plugin_class: u32,
    /// The size of `FuHidrawDeviceClass`.
    pub(super) device_class: u32,
    /// In `FuPluginClass`.
    pub(super) constructed: usize,
    // The others are in `FuDeviceClass`.
    pub(super) write_firmware: usize,
    pub(super) detach: usize,
    pub(super) attach: usize,
    pub(super) probe: usize,
    /// Takes a GInputStream.
    pub(super) prepare_firmware: usize,
    pub(super) setup: usize,
    pub(super) reload: usize,
    pub(super) set_progress: usize,
}

const LAYOUTS: &[Layout] = &[Layout {
    version: "2.0.20",
    plugin_class: 496,
    device_class: 480,
    constructed: 248,
    write_firmware: 200,
    detach: 216,
    attach: 224,
    probe: 248,
    prepare_firmware: 264,
    setup: 280,
    reload: 328,
    set_progress: 440,
}];

/// The versions above in words. Who installs the plugin reads them out of the file, by this very form.
pub(super) const KNOWN: &str = "crescendo-fwupd knows fwupd 2.0.20;";

impl Layout {
    /// Of exactly this version, as fwupd writes it.
    pub(super) fn of(version: &str) -> Option<&'static Self> {
        // What is known is known of 64-bit machines.
        let wide = size_of::<usize>() == 8;
        LAYOUTS.iter().find(|layout| wide && layout.version == version)
    }

    /// Slots that FuHidrawDevice fills, and slots that it leaves empty.
    pub(super) fn filled_and_empty(&self) -> ([usize; 2], [usize; 6]) {
        let Self { write_firmware, detach, attach, prepare_firmware, reload, set_progress, .. } = *self;
        let empty = [write_firmware, detach, attach, prepare_firmware, reload, set_progress];
        ([self.probe, self.setup], empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exact() {
        assert!(Layout::of("2.0.20").is_some());
        for near in ["2.0.2", "2.0.200", "2.0.21", "2.0.20-1", "", "2.1.8"] {
            assert!(Layout::of(near).is_none(), "{near}");
        }
    }

    #[test]
    fn the_sentence_names_every_version() {
        let versions: Vec<_> = LAYOUTS.iter().map(|layout| layout.version).collect();
        assert_eq!(KNOWN, format!("crescendo-fwupd knows fwupd {};", versions.join(" ")));
    }

    #[test]
    fn slots_lie_within_their_classes_and_apart() {
        for layout in LAYOUTS {
            let (filled, empty) = layout.filled_and_empty();
            let mut slots: Vec<_> = filled.iter().chain(&empty).collect();
            slots.sort();
            slots.dedup();
            assert_eq!(slots.len(), 8);
            assert!(slots.iter().all(|slot| *slot % 8 == 0 && **slot + 8 <= layout.device_class as usize));
            assert!(layout.constructed + 8 <= layout.plugin_class as usize);
        }
    }
}
