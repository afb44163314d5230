//! What may be wrong with one argument of a call, and what the call says to that.

use super::fine;
use super::header::{Function, Header};
use super::roles::{Role, limits};

/// A place in the call that asks: nobody makes or frees one, and it is gone with that call.
pub(crate) const ANSWER: &str = "crescendo_answer";

/// One argument, or one member of a structure that is an argument, which is not as it should be.
#[derive(Debug)]
pub(super) struct Wrong {
    /// `callbacks.cancel`
    pub(super) place: String,
    pub(super) label: &'static str,
    /// What is put where, in C.
    pub(super) changes: Vec<(String, String)>,
    pub(super) expected: Expected,
}

/// What a call returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This status, and the message names what is wrong.
    Status(&'static str, Names),
    /// Anything but a complaint.
    NoComplaint,
    /// It cannot fail.
    Nothing,
}

/// What has to be in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    Type(String),
    Place(String),
    /// The place for a result, which all have in common.
    Result(String),
}

impl Header {
    /// Everything that may be wrong with this argument. `place` is its name, with that of the structure that it is in.
    pub(super) fn wrong(&self, function: &Function, place: &str, role: &Role) -> Result<Vec<Wrong>, String> {
        let with = |label, value: &str, expected: Expected| Wrong {
            place: place.to_owned(),
            label,
            changes: vec![(place.to_owned(), value.to_owned())],
            expected,
        };
        let named = || Names::Place(place.to_owned());
        let null = |names| match fine::null(&function.name, place) {
            Some(_) => Expected::NoComplaint,
            None => Expected::Status("NULL_POINTER", names),
        };
        Ok(match role {
            Role::Handle(own) => self.no_handle(own, null(Names::Type(own.clone())), with),
            Role::Place(_) => vec![with("NULL", "NULL", null(Names::Result(place.to_owned())))],
            Role::Result(own) => {
                let other = if own == "crescendo_devices" { "the_summary" } else { "the_devices" };
                let other = format!("(const void *){other}");
                vec![
                    with("NULL", "NULL", Expected::Nothing),
                    with("of another kind", &other, Expected::Nothing),
                ]
            }
            Role::Text(length) => {
                let mut all = no_text(place, length, true, &null(named()));
                let terminated = ("NULL", "NULL", beside(place, length), "CRESCENDO_TERMINATED");
                all.push(two(place, terminated, null(named())));
                all
            }
            // Bytes may have a zero among them.
            Role::Bytes(length) => {
                let mut all = no_text(place, length, false, &null(named()));
                let terminated = ("without a length", BYTE, beside(place, length), "CRESCENDO_TERMINATED");
                all.push(two(place, terminated, Expected::Status("INVALID_LENGTH", named())));
                all
            }
            Role::Texts(count) => no_texts(place, count, &null(named())),
            Role::Number(base) => {
                let values = no_choices(base, &function.name, place)?;
                values.into_iter().map(|(label, value, expected)| with(label, value, expected)).collect()
            }
            Role::Callback => vec![with("NULL", "NULL", Expected::NoComplaint)],
            Role::Sized(own) => {
                let mut all = vec![with("NULL", "NULL", null(Names::Type(own.clone())))];
                all.extend(wrong_sizes(place, own));
                for (member, role) in self.roles(function, &self.structures[own])?.into_iter().skip(1) {
                    all.extend(self.wrong(function, &format!("{place}.{}", member.name), &role)?);
                }
                all
            }
            Role::Length | Role::User => Vec::new(),
        })
    }

    fn no_handle(
        &self,
        own: &str,
        null: Expected,
        with: impl Fn(&'static str, &str, Expected) -> Wrong,
    ) -> Vec<Wrong> {
        let invalid = || Expected::Status("INVALID_HANDLE", Names::Type(own.to_owned()));
        let mut all = vec![with("NULL", "NULL", null)];
        if own != ANSWER {
            all.push(with("freed", &format!("freed_{own}"), invalid()));
        }
        for other in self.handles.iter().filter(|other| *other != own && *other != ANSWER) {
            all.push(with("of another kind", &format!("(void *)the_{other}"), invalid()));
        }
        all.push(with("misaligned", &format!("(void *)((char *)the_{own} + 1)"), invalid()));
        all
    }
}

/// More than anything can have, up to what overflows.
const TOO_LONG: [&str; 4] = ["SIZE_MAX - 1", "SIZE_MAX / 2", "(size_t)1 << 40", "(size_t)1 << 30"];
const BYTE: &str = "(const void *)\"x\"";
const TOO_MANY: [&str; 3] = ["SIZE_MAX", "SIZE_MAX / sizeof(char *)", "(size_t)1 << 40"];
/// No character begins so, goes on so, is written so, or is one at all.
const NOT_UTF8: [&str; 4] = [r#""\xFF\xFE""#, r#""\xC3(""#, r#""\xC0\x80""#, r#""\xED\xA0\x80""#];

fn no_text(place: &str, length: &str, is_text: bool, null: &Expected) -> Vec<Wrong> {
    let status = |name| Expected::Status(name, Names::Place(place.to_owned()));
    let with = |label, text: &str, length_of_it: &str, expected| {
        two(place, (label, text, beside(place, length), length_of_it), expected)
    };
    let mut all = vec![
        with("NULL", "NULL", "0", null.clone()),
        with("NULL with a length", "NULL", "1", status("NULL_POINTER")),
        with("NULL with a length", "NULL", "SIZE_MAX - 1", status("NULL_POINTER")),
    ];
    let text = if is_text { "\"x\"" } else { BYTE };
    all.extend(TOO_LONG.iter().map(|long| with("too long", text, long, status("INVALID_LENGTH"))));
    if is_text {
        let text = |text: &&str| with("not UTF-8", text, "CRESCENDO_TERMINATED", status("NOT_UTF8"));
        all.extend(NOT_UTF8.iter().map(text));
        all.push(with("not UTF-8", r#""\xC3\xA4""#, "1", status("NOT_UTF8")));
    }
    all
}

fn no_texts(place: &str, count: &str, null: &Expected) -> Vec<Wrong> {
    let status = |name| Expected::Status(name, Names::Place(place.to_owned()));
    let with = |label, texts: &str, number: &str, expected| {
        two(place, (label, texts, beside(place, count), number), expected)
    };
    let mut all = vec![
        with("NULL", "NULL", "0", null.clone()),
        with("NULL with a number", "NULL", "1", status("NULL_POINTER")),
        with("NULL among them", "null_text", "1", status("NULL_POINTER")),
        with("not UTF-8", "not_utf8_text", "1", status("NOT_UTF8")),
    ];
    all.extend(TOO_MANY.iter().map(|many| with("too many", "right_texts", many, status("INVALID_LENGTH"))));
    all
}

/// A place, and the one of its length or number.
fn two(place: &str, put: (&'static str, &str, String, &str), expected: Expected) -> Wrong {
    let (label, value, other, its) = put;
    let changes = vec![(place.to_owned(), value.to_owned()), (other, its.to_owned())];
    Wrong { place: place.to_owned(), label, changes, expected }
}

/// The parameter or member `name` that goes with the one at `place`.
pub(super) fn beside(place: &str, name: &str) -> String {
    place.rsplit_once('.').map_or_else(|| name.to_owned(), |(structure, _)| format!("{structure}.{name}"))
}

fn wrong_sizes(place: &str, own: &str) -> Vec<Wrong> {
    let right = format!("sizeof({own})");
    let sizes = ["0", "1", "8", "SIZE_MAX", &format!("{right} - 1"), &format!("{right} + 8")];
    let size = |size: &&str| Wrong {
        place: place.to_owned(),
        label: "wrong size",
        changes: vec![(format!("{place}.size"), (*size).to_owned())],
        expected: Expected::Status("INVALID_SIZE", Names::Type(own.to_owned())),
    };
    sizes.iter().map(size).collect()
}

type Value = (&'static str, &'static str, Expected);

/// Values that are none of the choices; and of numbers that are no choice, the least and the most.
fn no_choices(base: &str, function: &str, place: &str) -> Result<Vec<Value>, String> {
    let invalid = || Expected::Status("INVALID_VALUE", Names::Place(place.to_owned()));
    let values: &[&str] = match base {
        _ if fine::number(function, place).is_some() => &[],
        "int32_t" => &["0", "-1", "INT32_MIN", "INT32_MAX", "0x10001"],
        "uint8_t" => &["0", "0xFF", "0x42"],
        _ => &[],
    };
    let is_fine = |value: &str| value == "0" && fine::zero(function, place).is_some();
    let expected = |value| if is_fine(value) { Expected::NoComplaint } else { invalid() };
    if !values.is_empty() {
        return Ok(values.iter().map(|value| ("out of range", *value, expected(value))).collect());
    }
    // What is meant to be lost is lost.
    if base == "bool" && place.ends_with("yes") {
        return Ok(Vec::new());
    }
    let limits = limits(base).ok_or_else(|| format!("{function}: {place} is no number"))?;
    Ok(limits.into_iter().map(|value| ("extreme", value, Expected::NoComplaint)).collect())
}
