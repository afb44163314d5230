//! The header as it is made: what cbindgen writes, in sections, and laid out for a reader.

use crate::{
    layout,
    sections::{HANDLES, SECTIONS, place, sources},
};

/// The end of the text that cbindgen puts on top, and of what it puts around the declarations.
const INCLUDES: &str = "#include <stdint.h>\n";
const GUARD_ENDS: &str = "#endif  /* CRESCENDO_H */\n";

/// Enumerations are 32 bits wide. C can say so from C23 on; before that their type is an integer.
const ENUM: &str = "\
// Enumerations have 32 bits in every language, so that a number that is new to a program does no harm.
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define CRESCENDO_ENUM(name) enum name : int32_t; typedef enum name name; enum name : int32_t
#else
#define CRESCENDO_ENUM(name) typedef int32_t name; enum
#endif
";

/// What `include/crescendo.h` has to be.
pub(crate) fn header() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let mut config = cbindgen::Config::from_file(format!("{folder}/cbindgen.toml")).unwrap();
    // Those too that are parameters: as numbers, because a program may give any.
    config.export.include = enumerations(&sources());
    let bindings = cbindgen::Builder::new().with_crate(folder).with_config(config).generate().unwrap();
    let mut written = Vec::new();
    bindings.write(&mut written);
    let written = String::from_utf8(written).unwrap();
    let (top, rest) = written.split_once(INCLUDES).expect("what cbindgen.toml puts on top");
    let top = top.trim_start();
    let blocks = rest.split("\n\n").map(str::trim).filter(|block| declares(block).is_some());
    format!(
        "{top}{INCLUDES}\n{ENUM}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n{}\n\
         #ifdef __cplusplus\n}}\n#endif\n\n{GUARD_ENDS}",
        in_sections(blocks)
    )
}

fn enumerations(sources: &[(String, String)]) -> Vec<String> {
    let names = sources.iter().flat_map(|(_, text)| text.split("\npub enum ").skip(1));
    names.filter_map(|rest| Some(rest.split_once(' ')?.0.to_owned())).collect()
}

fn in_sections<'a>(blocks: impl Iterator<Item = &'a str>) -> String {
    let sources = sources();
    let mut placed = Vec::new();
    for (index, block) in blocks.enumerate() {
        let name = declares(block).unwrap();
        let (section, at) = place(&sources, name)
            .unwrap_or_else(|| panic!("{name} is in no file that SECTIONS of tests/header/sections.rs has"));
        let section = if is_handle(block) { HANDLES } else { section };
        // Types in the order that cbindgen found: one that is used comes before the one that uses it.
        let order = if is_function(block) { (1, at) } else { (0, (index, "", 0)) };
        placed.push(((section, order), layout::block(block)));
    }
    placed.sort();
    let mut text = String::new();
    let mut current = None;
    for ((section, _), block) in placed {
        if current != Some(section) {
            current = Some(section);
            text += &banner(SECTIONS[section].0);
        }
        text += &format!("\n{block}\n");
    }
    text
}

fn banner(title: &str) -> String {
    let rule = "=".repeat(layout::WIDTH.saturating_sub(title.len() + 12));
    format!("\n\n/* ==== {title} {rule} */\n")
}

/// The name that a block of the header declares: of a constant, a type or a function.
pub(crate) fn declares(block: &str) -> Option<&str> {
    let line = declaration(block)?;
    if line == "typedef struct {" {
        return block.rsplit_once("} ")?.1.strip_suffix(';');
    }
    let word = |text: &'static str| {
        let rest = line.strip_prefix(text)?;
        rest.split(|end: char| !end.is_alphanumeric() && end != '_').next()
    };
    let known = ["CRESCENDO_ENUM(", "#define ", "enum ", "typedef struct "];
    known.iter().find_map(|text| word(text)).filter(|name| !name.is_empty()).or_else(|| function(line))
}

/// Whether a block declares a function.
pub(crate) fn is_function(block: &str) -> bool {
    declaration(block).and_then(function).is_some()
}

fn is_handle(block: &str) -> bool {
    declaration(block)
        .is_some_and(|line| line.starts_with("typedef struct crescendo_") && line.ends_with(';'))
}

fn declaration(block: &str) -> Option<&str> {
    block.lines().find(|line| !line.starts_with("//"))
}

fn function(line: &str) -> Option<&str> {
    let (before, _) = line.split_once('(')?;
    let name = before.rsplit([' ', '*']).next()?;
    (name.starts_with("crescendo_") && !line.starts_with(' ')).then_some(name)
}

#[test]
fn a_block_tells_what_it_declares() {
    let declared = [
        ("// One.\n#define CRESCENDO_ONE 1", "CRESCENDO_ONE"),
        ("enum crescendo_step\n#if X\n  : int32_t\n#endif\n {\n    A = 1,\n};", "crescendo_step"),
        ("CRESCENDO_ENUM(crescendo_step)\n{\n};", "crescendo_step"),
        ("typedef struct {\n    int a;\n} crescendo_text;", "crescendo_text"),
        ("typedef struct crescendo_text {\n    int a;\n} crescendo_text;", "crescendo_text"),
        ("typedef struct crescendo_device crescendo_device;", "crescendo_device"),
        ("// Does it.\nconst char *crescendo_version(void);", "crescendo_version"),
    ];
    for (block, name) in declared {
        assert_eq!(declares(block), Some(name), "{block}");
        assert_eq!(is_function(block), name == "crescendo_version");
    }
    assert_eq!(declares("#ifdef __cplusplus\n}\n#endif"), None);
}
