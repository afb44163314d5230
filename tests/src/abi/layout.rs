//! What a header and a library have now: sizes and offsets as the C compiler has them, symbols as the linker has.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::header::Header;
use super::{Abi, Growth};

/// What this header makes of a program that is compiled against it.
///
/// # Errors
/// What in it cannot be read or compiled.
pub fn current(header: &Path) -> Result<Abi, String> {
    let declared = Header::read(header)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (source, program) = (folder.path().join("layout.c"), folder.path().join("layout"));
    fs::write(&source, teller(&declared, header)).map_err(|error| error.to_string())?;
    said(Command::new("gcc").args(["-std=c11", "-o"]).arg(&program).arg(source))?;
    Abi::read(&said(&mut Command::new(program))?)
}

/// What a library exports: names, and the version that each has.
///
/// # Errors
/// When it is no library.
pub fn exported(library: &Path) -> Result<BTreeMap<String, String>, String> {
    let listed = said(Command::new("nm").args(["--dynamic", "--defined-only"]).arg(library))?;
    let symbols = listed.lines().filter_map(|line| line.splitn(3, ' ').nth(2));
    let versioned = symbols.map(|symbol| symbol.split_once("@@").unwrap_or((symbol, "")));
    // The version itself is a symbol too.
    Ok(versioned
        .filter(|(name, _)| !name.starts_with("CRESCENDO_"))
        .map(|(name, version)| (name.into(), version.into()))
        .collect())
}

fn said(command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
}

/// A program that prints what [`Abi::read`] reads.
fn teller(header: &Header, path: &Path) -> String {
    let mut c = format!("#include \"{}\"\n#include <stdio.h>\nint main(void)\n{{\n", path.display());
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(c, "    {text}").expect("a string takes text");
    line(format_args!("printf(\"abi %llu\\n\", (unsigned long long)CRESCENDO_ABI_VERSION);"));
    for name in header.constants.iter().filter(|name| *name != "CRESCENDO_ABI_VERSION") {
        line(format_args!("printf(\"constant {name} %llu\\n\", (unsigned long long){name});"));
    }
    for (name, values) in &header.enums {
        line(format_args!("printf(\"enum {name} %zu\\n\", sizeof({name}));"));
        for value in values {
            line(format_args!("printf(\"    {value} %lld\\n\", (long long){value});"));
        }
    }
    for (name, members) in &header.structs {
        let growth = match growth(header, name) {
            Growth::Result => "result",
            Growth::Sized => "sized",
            Growth::Fixed => "fixed",
        };
        line(format_args!(
            "printf(\"struct {name} {growth} %zu %zu\\n\", sizeof({name}), _Alignof({name}));"
        ));
        for (member, kind) in members {
            let size = format!("sizeof((({name} *)0)->{member})");
            line(format_args!(
                "printf(\"    {member} %zu %zu {kind}\\n\", offsetof({name}, {member}), {size});"
            ));
        }
    }
    for (name, prototype) in &header.functions {
        line(format_args!("puts(\"function {name} {prototype}\");"));
    }
    c + "    return 0;\n}\n"
}

/// Who makes a structure is told by where it is used.
fn growth(header: &Header, name: &str) -> Growth {
    let rows = header.structs.values().any(|members| is_in_a_row(members, name));
    let taken = header.functions.iter().any(|(function, prototype)| {
        let kinds = prototype.split(['(', ',', ')']).map(str::trim);
        kinds.enumerate().any(|(place, kind)| {
            // What is returned, and what is freed, the library has made.
            let is_own = place == 0 || function.ends_with("_free");
            kind == name
                || kind
                    .strip_suffix(" *")
                    .is_some_and(|of| !is_own && of.trim_start_matches("const ") == name)
        })
    });
    let is_sized =
        header.structs[name].first().is_some_and(|(member, kind)| (&**member, &**kind) == ("size", "size_t"));
    if is_sized && !rows {
        Growth::Sized
    } else if rows || taken {
        Growth::Fixed
    } else {
        Growth::Result
    }
}

/// Whether structures of this name lie in another, or one after the other: then their number stands beside the pointer to them.
fn is_in_a_row(members: &[(String, String)], name: &str) -> bool {
    let pointer = format!("const {name} *");
    let is_number = |place: usize| {
        members.get(place).is_some_and(|(member, _)| member.ends_with("count") || member.ends_with("length"))
    };
    members.iter().enumerate().any(|(place, (_, kind))| {
        let is_counted = is_number(place + 1) || place.checked_sub(1).is_some_and(is_number);
        kind.split('[').next() == Some(name)
            || (*kind == pointer && is_counted)
            // What a callback is given.
            || kind.contains(&format!("{pointer}, size_t"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "
        #include <stdbool.h>
        #include <stddef.h>
        #include <stdint.h>
        #define CRESCENDO_ABI_VERSION 2
        #define CRESCENDO_MOST SIZE_MAX
        typedef int32_t e; enum e { E_ONE = 1 };
        typedef struct text { const char *data; size_t length; } text;
        typedef struct row { char c; } row;
        typedef struct shown { char c; } shown;
        typedef struct filled { char c; } filled;
        typedef struct options { size_t size; const row *rows; size_t rows_count; } options;
        typedef struct item { bool yes; text name; } item;
        typedef struct list { size_t count; const item *const *items; const shown *one; } list;
        e make(const options *options, const list **result);
        e fill(filled *place);
        const shown *show(void);
        void list_free(const list *it);
    ";

    #[test]
    fn the_compiler_tells_sizes_and_the_uses_tell_who_makes_what() {
        let folder = tempfile::tempdir().unwrap();
        let header = folder.path().join("x.h");
        fs::write(&header, HEADER).unwrap();
        let abi = current(&header).unwrap();
        assert_eq!((abi.version, abi.constants["CRESCENDO_MOST"]), (2, u64::MAX));
        assert_eq!((abi.enums["e"].size, abi.enums["e"].values["E_ONE"]), (4, 1));
        let growths = ["text", "row", "filled", "options", "item", "list", "shown"];
        let growths = growths.map(|name| abi.structs[name].growth);
        use Growth::{Fixed, Result, Sized};
        assert_eq!(growths, [Fixed, Fixed, Fixed, Sized, Result, Result, Result]);
        let name = &abi.structs["item"].members[1];
        assert_eq!((name.offset, name.size, &name.kind[..]), (8, 16, "text"));
    }

    #[test]
    fn what_is_no_header_or_library_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "#define CRESCENDO_ABI_VERSION 1\ntypedef struct s { what x; } s;\n").unwrap();
        assert!(current(&file).unwrap_err().contains("what"));
        assert!(exported(&file).is_err());
    }
}
