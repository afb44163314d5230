//! The binary interface of `libcrescendo`, as programs that were built rely on it: what `ffi/abi/` has recorded, what the header
//! and the library have now, and whether a program that knows the one can live with the other.

mod header;
mod layout;
mod rule;

use std::collections::BTreeMap;
use std::fmt;

pub use layout::{current, exported};
pub use rule::{Change, changes};

/// A binary interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abi {
    /// Its number, CRESCENDO_ABI_VERSION: a part of the soname and of the version of every symbol.
    pub version: u32,
    /// Constants that programs have compiled in, by name.
    pub constants: BTreeMap<String, u64>,
    /// Enumerations, by name.
    pub enums: BTreeMap<String, Enum>,
    /// Structures that a program looks into, by name.
    pub structs: BTreeMap<String, Struct>,
    /// Functions, by name: the types of what they return and take.
    pub functions: BTreeMap<String, String>,
}

/// An enumeration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enum {
    /// In bytes.
    pub size: u64,
    /// Names and numbers.
    pub values: BTreeMap<String, i64>,
}

/// A structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// Who makes it, and so what may become of it.
    pub growth: Growth,
    /// In bytes.
    pub size: u64,
    /// In bytes.
    pub align: u64,
    /// In the order of the header.
    pub members: Vec<Member>,
}

/// Whether a structure can have more members one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// The library makes it, and a program reads it through a pointer: it may grow at its end.
    Result,
    /// A program makes it, and tells its size in the first member: it may grow, past its end.
    Sized,
    /// A program makes it, or holds it within another or in a row: it stays as it is.
    Fixed,
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it is called.
    pub name: String,
    /// What it is, in C.
    pub kind: String,
    /// In bytes.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

const GROWTHS: [(Growth, &str); 3] =
    [(Growth::Result, "result"), (Growth::Sized, "sized"), (Growth::Fixed, "fixed")];

/// As it is recorded: a line for each thing, and lines that are set in for what is in it.
impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "abi {}", self.version)?;
        for (name, value) in &self.constants {
            writeln!(f, "constant {name} {value}")?;
        }
        for (name, Enum { size, values }) in &self.enums {
            writeln!(f, "enum {name} {size}")?;
            let mut values: Vec<_> = values.iter().collect();
            values.sort_by_key(|(_, number)| **number);
            for (name, number) in values {
                writeln!(f, "    {name} {number}")?;
            }
        }
        for (name, Struct { growth, size, align, members }) in &self.structs {
            let growth = GROWTHS.iter().find(|(it, _)| it == growth).map_or("", |(_, word)| word);
            writeln!(f, "struct {name} {growth} {size} {align}")?;
            for Member { name, kind, offset, size } in members {
                writeln!(f, "    {name} {offset} {size} {kind}")?;
            }
        }
        for (name, prototype) in &self.functions {
            writeln!(f, "function {name} {prototype}")?;
        }
        Ok(())
    }
}

impl Abi {
    /// What was recorded.
    ///
    /// # Errors
    /// The first line that cannot be.
    pub fn read(recorded: &str) -> Result<Self, String> {
        let mut abi = Self::default();
        let mut within = None;
        for line in recorded.lines() {
            let known = match line.strip_prefix("    ") {
                Some(part) => within.as_ref().and_then(|name: &String| abi.part(name, part)),
                None => abi.thing(line).map(|name| within = Some(name)),
            };
            known.ok_or_else(|| format!("this cannot be: {line}"))?;
        }
        Ok(abi)
    }

    /// A line that is not set in; the name of what it tells of.
    fn thing(&mut self, line: &str) -> Option<String> {
        let (word, rest) = line.split_once(' ')?;
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let key = name.to_owned();
        match word {
            "abi" => self.version = name.parse().ok()?,
            "constant" => drop(self.constants.insert(key, rest.parse().ok()?)),
            "enum" => {
                drop(self.enums.insert(key, Enum { size: rest.parse().ok()?, values: BTreeMap::new() }))
            }
            "struct" => {
                let [growth, size, align] = rest.split(' ').collect::<Vec<_>>().try_into().ok()?;
                let (growth, _) = *GROWTHS.iter().find(|(_, word)| *word == growth)?;
                let (size, align) = (size.parse().ok()?, align.parse().ok()?);
                drop(self.structs.insert(key, Struct { growth, size, align, members: Vec::new() }));
            }
            "function" => drop(self.functions.insert(key, rest.into())),
            _ => return None,
        }
        Some(name.to_owned())
    }

    /// A line that is set in, below `name`.
    fn part(&mut self, name: &str, line: &str) -> Option<()> {
        let (part, rest) = line.split_once(' ')?;
        if let Some(of) = self.enums.get_mut(name) {
            of.values.insert(part.into(), rest.parse().ok()?);
        } else {
            let [offset, size, kind] = rest.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
            let (offset, size) = (offset.parse().ok()?, size.parse().ok()?);
            let member = Member { name: part.into(), kind: kind.into(), offset, size };
            self.structs.get_mut(name)?.members.push(member);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = "\
abi 1
constant A 3
enum e 4
    E_ONE 1
    E_TWO 2
struct s result 16 8
    kind 0 4 e
    ask 8 8 bool (*)(void *, const s *)
function f int32_t (const s *, size_t)
";

    #[test]
    fn what_is_written_is_read_again() {
        let abi = Abi::read(RECORDED).unwrap();
        assert_eq!(abi.structs["s"].members[1].kind, "bool (*)(void *, const s *)");
        assert_eq!(abi.functions["f"], "int32_t (const s *, size_t)");
        assert_eq!(abi.to_string(), RECORDED);
    }

    #[test]
    fn what_cannot_be_is_told() {
        for line in ["constant A x", "enum e", "struct s big 1 1", "    a 1", "thing"] {
            let recorded = format!("abi 1\n{line}\n");
            assert_eq!(Abi::read(&recorded), Err(format!("this cannot be: {line}")));
        }
    }
}
