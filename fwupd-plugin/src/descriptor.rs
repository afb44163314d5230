//! What a HID interface is for: usage page and usage of its first collection (HID 1.11, section 6.2.2).

const USAGE_PAGE: u8 = 0x04;
const USAGE: u8 = 0x08;
const COLLECTION: u8 = 0xA0;
const LONG_ITEM: u8 = 0xFE;

/// Usage page and usage of the first collection of a report descriptor, if it has one.
pub(crate) fn first_usage(mut descriptor: &[u8]) -> Option<(u16, u16)> {
    let (mut page, mut usage) = (None, None);
    loop {
        let (&prefix, rest) = descriptor.split_first()?;
        if prefix == LONG_ITEM {
            let length = usize::from(*rest.first()?);
            descriptor = rest.get(2 + length..)?;
            continue;
        }
        let length = [0, 1, 2, 4][usize::from(prefix & 0x03)];
        let (data, rest) = rest.split_at_checked(length)?;
        match prefix & 0xFC {
            USAGE_PAGE => page = Some(number(data)),
            USAGE => usage = usage.or(Some((number(data), length))),
            COLLECTION => return whole(page, usage?),
            _ => {}
        }
        descriptor = rest;
    }
}

/// A usage of four bytes brings its own page.
fn whole(page: Option<u32>, (usage, length): (u32, usize)) -> Option<(u16, u16)> {
    let page = if length == 4 { usage >> 16 } else { page? };
    Some((u16::try_from(page).ok()?, usage as u16))
}

fn number(data: &[u8]) -> u32 {
    data.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIDO: [u8; 34] = [
        0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95,
        0x40, 0x81, 0x02, 0x09, 0x21, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, 0x91, 0x02, 0xC0,
    ];

    #[test]
    fn a_fido_interface_a_keyboard_and_update_mode() {
        assert_eq!(first_usage(&FIDO), Some((0xF1D0, 0x01)));
        assert_eq!(first_usage(&[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0xC0]), Some((0x01, 0x06)));
        assert_eq!(first_usage(&[0x06, 0xC0, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0xC0]), Some((0xFFC0, 0x01)));
    }

    #[test]
    fn a_usage_may_bring_its_page() {
        assert_eq!(first_usage(&[0x0B, 0x01, 0x00, 0xD0, 0xF1, 0xA1, 0x01]), Some((0xF1D0, 0x01)));
        assert_eq!(first_usage(&[0xFE, 0x01, 0x33, 0x44, 0x05, 0x01, 0x09, 0x02, 0xA1, 0x00]), Some((1, 2)));
    }

    #[test]
    fn what_is_cut_short_is_for_nothing() {
        for length in 0..6 {
            assert_eq!(first_usage(&FIDO[..length]), None, "{length}");
        }
        assert_eq!(first_usage(&[0x09, 0x01, 0xA1, 0x01]), None, "no page");
        assert_eq!(first_usage(&[0xFE, 0xFF]), None);
        assert_eq!(first_usage(&[0x00; 5000]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = first_usage(&bytes);
        }
    }
}
