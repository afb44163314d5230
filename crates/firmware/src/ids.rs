//! The USB ids of keys in update mode (part 2 of the protocol): what is built in, and what an administrator adds in a
//! file. Nothing is sent to any other device that shows the usage page of update mode.

use crate::{UPDATE_MODE_IDS, UsbId};

/// The USB ids by which a key in update mode is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateIds {
    /// Those that are built in first, each once.
    pub ids: Vec<UsbId>,
    /// The numbers of the lines, from 1, that are not understood. They add nothing.
    pub bad_lines: Vec<usize>,
}

/// What is built in.
impl Default for UpdateIds {
    fn default() -> Self {
        Self { ids: UPDATE_MODE_IDS.to_vec(), bad_lines: Vec::new() }
    }
}

impl UpdateIds {
    /// What is built in, and the ids in the text of a file: one a line as in `1209:0002`, vendor and product in four
    /// hexadecimal digits each; empty lines and what follows a `#` are nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut known = Self::default();
        for (line, number) in text.lines().zip(1..) {
            match line.split('#').next().unwrap_or_default().trim() {
                "" => {}
                id => match usb_id(id) {
                    Some(id) if known.ids.contains(&id) => {}
                    Some(id) => known.ids.push(id),
                    None => known.bad_lines.push(number),
                },
            }
        }
        known
    }
}

fn usb_id(text: &str) -> Option<UsbId> {
    let (vendor, product) = text.split_once(':')?;
    Some((number(vendor)?, number(product)?))
}

fn number(digits: &str) -> Option<u16> {
    let all_digits = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all_digits.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_built_in_stays() {
        assert_eq!(UpdateIds::parse(""), UpdateIds::default());
        assert_eq!(UpdateIds::parse("\u{feff}").ids, UPDATE_MODE_IDS);
    }

    #[test]
    fn ids_are_added_once_and_in_either_case() {
        let known = UpdateIds::parse("# ours\n1209:0003\n\n  AbCd:eF01  # another\n1209:0002\r\n1209:0003\n");
        assert_eq!(known.ids, [(0x1209, 0x0002), (0x1209, 0x0003), (0xABCD, 0xEF01)]);
        assert!(known.bad_lines.is_empty());
    }

    #[test]
    fn lines_that_are_not_understood_are_named_and_the_others_count() {
        let known =
            UpdateIds::parse("1209\n1209:3\n1209:00003\n+209:0003\n1209:0003:1\n1209 0003\n1209:0004\nä");
        assert_eq!(known.bad_lines, [1, 2, 3, 4, 5, 6, 8]);
        assert_eq!(known.ids.last(), Some(&(0x1209, 0x0004)));
    }

    proptest! {
        #[test]
        fn any_text_ends(text in ".{0,200}") {
            prop_assert!(UpdateIds::parse(&text).ids.starts_with(UPDATE_MODE_IDS));
        }
    }
}
