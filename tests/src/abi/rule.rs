//! What may change while the number of the interface stays: whatever a program that was built before does not notice.
//!
//! New constants, values, structures and functions; members at the end of a structure that the library makes; and members past
//! the end of one that a program makes with its size in it, which the library goes by. Not into the padding there: the library
//! could not tell it from what an old program left in it.
//!
//! With another number it is another library, beside the one of before: there anything may be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Abi, Growth, Struct};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is.
    pub what: String,
    /// Whether programs that were built before do not notice it.
    pub is_compatible: bool,
}

/// What has changed since it was recorded.
#[must_use]
pub fn changes(recorded: &Abi, now: &Abi) -> Vec<Change> {
    let mut found = Changes(Vec::new());
    if now.version > recorded.version {
        found.adds(format!("interface {} begins", now.version));
        return found.0;
    }
    found.equal("the number", "", (&recorded.version, &now.version));
    for (name, value) in found.kept("constant", &recorded.constants, &now.constants) {
        found.equal(name, "", value);
    }
    for (name, (before, after)) in found.kept("enum", &recorded.enums, &now.enums) {
        found.equal(name, "size", (&before.size, &after.size));
        for (value, numbers) in found.kept("value", &before.values, &after.values) {
            found.equal(value, "", numbers);
        }
        for number in after.values.values().copied().collect::<BTreeSet<_>>() {
            if after.values.values().filter(|other| **other == number).count() > 1 {
                found.breaks(format!("{name}: two values are {number}"));
            }
        }
    }
    for (name, (before, after)) in found.kept("struct", &recorded.structs, &now.structs) {
        found.structure(name, before, after);
    }
    for (name, prototypes) in found.kept("function", &recorded.functions, &now.functions) {
        found.equal(name, "", prototypes);
    }
    found.0
}

struct Changes(Vec<Change>);

impl Changes {
    fn breaks(&mut self, what: String) {
        self.0.push(Change { what, is_compatible: false });
    }

    fn adds(&mut self, what: String) {
        self.0.push(Change { what, is_compatible: true });
    }

    /// What is in both. It notes what went, and what came.
    fn kept<'a, T>(
        &mut self,
        what: &str,
        before: &'a BTreeMap<String, T>,
        after: &'a BTreeMap<String, T>,
    ) -> Vec<(&'a str, (&'a T, &'a T))> {
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            self.breaks(format!("{what} {name} is gone"));
        }
        for name in after.keys().filter(|name| !before.contains_key(*name)) {
            self.adds(format!("{what} {name} is new"));
        }
        let both = before.iter().filter_map(|(name, value)| Some((&**name, (value, after.get(name)?))));
        both.collect()
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, what: &str, (before, after): (&T, &T)) {
        if before != after {
            let of = if what.is_empty() { String::new() } else { format!(" of {what}") };
            self.breaks(format!("{name} was{of} {before:?} and is{of} {after:?}"));
        }
    }

    fn structure(&mut self, name: &str, before: &Struct, after: &Struct) {
        for (place, member) in before.members.iter().enumerate() {
            match after.members.get(place) {
                Some(now) if now == member => {}
                Some(now) => self.breaks(format!("{name}: {member:?} has become {now:?}")),
                None => self.breaks(format!("{name}: {} is gone", member.name)),
            }
        }
        for member in after.members.iter().skip(before.members.len()) {
            let fits = match before.growth {
                Growth::Result => true,
                Growth::Sized => member.offset >= before.size,
                Growth::Fixed => false,
            };
            let what = format!("{name}: {} is new", member.name);
            if fits { self.adds(what) } else { self.breaks(what) }
        }
        // The library aligns what it makes; and what it makes may become what nobody can add to.
        if before.growth != Growth::Result {
            self.equal(name, "alignment", (&before.align, &after.align));
            self.equal(name, "growth", (&before.growth, &after.growth));
        } else if after.growth == Growth::Sized {
            self.equal(name, "growth", (&before.growth, &after.growth));
        }
        if before.growth == Growth::Fixed || before.members.len() == after.members.len() {
            self.equal(name, "size", (&before.size, &after.size));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "\
abi 1
constant MOST 3
enum state 4
    STATE_ONE 1
    STATE_TWO 2
struct callbacks sized 24 8
    size 0 8 size_t
    user 8 8 void *
    quick 16 1 bool
struct error result 16 8
    status 0 4 state
    text 8 8 const char *
struct text fixed 16 8
    data 0 8 const char *
    length 8 8 size_t
function last const error * (void)
function make state (const callbacks *, const error **)
";

    /// What comes of replacing one text by another: what is compatible, and what is not.
    fn after(replaced: &str, by: &str) -> (Vec<String>, Vec<String>) {
        assert!(FIRST.contains(replaced), "{replaced}");
        let now = Abi::read(&FIRST.replacen(replaced, by, 1)).unwrap();
        let found = changes(&Abi::read(FIRST).unwrap(), &now);
        let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|change| change.is_compatible);
        let names = |changes: Vec<Change>| changes.into_iter().map(|change| change.what).collect();
        (names(good), names(bad))
    }

    #[track_caller]
    fn breaks(replaced: &str, by: &str) {
        let (_, bad) = after(replaced, by);
        assert!(!bad.is_empty(), "{replaced:?} became {by:?}, and nobody minds");
    }

    #[track_caller]
    fn adds(replaced: &str, by: &str, what: &str) {
        assert_eq!(after(replaced, by), (vec![what.to_owned()], Vec::new()));
    }

    #[test]
    fn nothing_has_changed() {
        assert_eq!(after("abi 1", "abi 1"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_removed_or_renamed_breaks_programs() {
        breaks("constant MOST 3\n", "");
        breaks("    STATE_TWO 2\n", "");
        breaks("    STATE_TWO 2\n", "    STATE_OTHER 2\n");
        breaks("    text 8 8 const char *\n", "");
        breaks("    text 8 8 const char *\n", "    message 8 8 const char *\n");
        breaks("    quick 16 1 bool\n", "");
        breaks("function last const error * (void)\n", "");
    }

    #[test]
    fn what_moves_or_becomes_another_thing_breaks_programs() {
        breaks("abi 1", "abi 0");
        breaks("constant MOST 3", "constant MOST 4");
        breaks("enum state 4", "enum state 1");
        breaks("STATE_TWO 2", "STATE_TWO 3");
        breaks("text 8 8 const char *", "text 16 8 const char *");
        breaks("text 8 8 const char *", "text 8 8 size_t");
        breaks("status 0 4 state\n    text 8 8 const char *", "text 0 8 const char *\n    status 8 4 state");
        breaks("const callbacks *, const error **", "const callbacks *, size_t, const error **");
        breaks("function last const error *", "function last error *");
        breaks("struct error result 16 8", "struct error sized 16 8");
        breaks("struct callbacks sized 24 8", "struct callbacks fixed 24 8");
        breaks("struct callbacks sized 24 8", "struct callbacks sized 24 16");
    }

    #[test]
    fn what_is_new_harms_nobody() {
        adds("abi 1\n", "abi 1\nconstant LEAST 1\n", "constant LEAST is new");
        adds("    STATE_TWO 2\n", "    STATE_TWO 2\n    STATE_THREE 3\n", "value STATE_THREE is new");
        adds("function last", "function first void (void)\nfunction last", "function first is new");
        adds("struct text", "struct other fixed 1 1\n    a 0 1 bool\nstruct text", "struct other is new");
    }

    #[test]
    fn another_interface_begins_anew() {
        let without = FIRST.replacen("function last const error * (void)\n", "", 1);
        adds(FIRST, &without.replacen("abi 1", "abi 2", 1), "interface 2 begins");
    }

    #[test]
    fn a_number_has_one_meaning() {
        breaks("    STATE_TWO 2\n", "    STATE_TWO 2\n    STATE_THREE 2\n");
    }

    #[test]
    fn results_grow_at_their_end_alone() {
        let member = "    text 8 8 const char *\n";
        let grown =
            "error result 24 8\n    status 0 4 state\n    text 8 8 const char *\n    more 16 8 size_t\n";
        let before = "error result 16 8\n    status 0 4 state\n    text 8 8 const char *\n";
        adds(before, grown, "error: more is new");
        // In the padding too: the library makes it, and old programs do not look there.
        let row = "    last 8 1 bool\n";
        let first = Abi::read(&FIRST.replacen(member, row, 1)).unwrap();
        let now = Abi::read(&FIRST.replacen(member, &format!("{row}    more 9 1 bool\n"), 1)).unwrap();
        assert!(changes(&first, &now).iter().all(|change| change.is_compatible));
        breaks(member, "    more 8 8 size_t\n    text 16 8 const char *\n");
    }

    #[test]
    fn what_a_program_makes_grows_past_its_end_alone() {
        let before = "callbacks sized 24 8\n    size 0 8 size_t\n    user 8 8 void *\n    quick 16 1 bool\n";
        let grown = before.replace("24", "32") + "    more 24 8 size_t\n";
        adds(before, &grown, "callbacks: more is new");
        // Of a program that was built before this is whatever was in its memory.
        breaks("    quick 16 1 bool\n", "    quick 16 1 bool\n    more 17 1 bool\n");
    }

    #[test]
    fn what_lies_in_other_things_does_not_grow() {
        let before = "struct text fixed 16 8\n    data 0 8 const char *\n    length 8 8 size_t\n";
        breaks(before, &(before.replace("16", "24") + "    more 16 8 size_t\n"));
        breaks("struct text fixed 16 8", "struct text fixed 24 8");
    }
}
