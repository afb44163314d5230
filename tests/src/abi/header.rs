//! What a header declares, read after the preprocessor. It is a header of ours: what cannot be read is an error.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What a header declares, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Names that are defined as a value.
    pub(super) constants: Vec<String>,
    /// Names of values.
    pub(super) enums: BTreeMap<String, Vec<String>>,
    /// Names and types of members.
    pub(super) structs: BTreeMap<String, Vec<(String, String)>>,
    /// Types of what is returned and taken.
    pub(super) functions: BTreeMap<String, String>,
}

impl Header {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let mut header = Self::default();
        for line in preprocessed(path, &["-dM"])?.lines() {
            let define = line.strip_prefix("#define CRESCENDO_").and_then(|rest| rest.split_once(' '));
            if let Some((name, _)) = define.filter(|(name, value)| !name.contains('(') && !value.is_empty()) {
                header.constants.push(format!("CRESCENDO_{name}"));
            }
        }
        let mut named = String::new();
        for declaration in declarations(&own_lines(&preprocessed(path, &[])?, path)) {
            // The type of an enumeration has the name; what it may be follows, and has none.
            if let Some(name) = declaration.strip_prefix("typedef int32_t ") {
                named = name.into();
            } else {
                let read = header.declare(&declaration, &named);
                read.ok_or_else(|| format!("this cannot be read: {declaration}"))?;
            }
        }
        Ok(header)
    }

    fn declare(&mut self, declaration: &str, named: &str) -> Option<()> {
        if let Some(rest) = declaration.strip_prefix("typedef struct ") {
            // Without a body it is a handle, which nobody looks into.
            if let Some((name, body)) = body(rest)? {
                let members = body.split(';').map(str::trim).filter(|member| !member.is_empty());
                self.structs.insert(name, members.map(declarator).collect::<Option<_>>()?);
            }
        } else if let Some(rest) = declaration.strip_prefix("enum ") {
            let (name, body) = body(rest)??;
            let name = if name == "{" { named.into() } else { name };
            let values = body.split(',').map(str::trim).filter(|value| !value.is_empty());
            let names = values.map(|value| value.split('=').next().unwrap_or_default().trim().to_owned());
            self.enums.insert(name, names.collect());
        } else {
            let (head, parameters) = declaration.strip_suffix(')')?.split_once('(')?;
            let (name, returned) = declarator(head.trim())?;
            self.functions.insert(name, format!("{returned} ({})", types(parameters)?));
        }
        Some(())
    }
}

fn preprocessed(path: &Path, more: &[&str]) -> Result<String, String> {
    let mut gcc = Command::new("gcc");
    let done = gcc.args(["-E", "-std=c99", "-xc"]).args(more).arg(path).output().expect("gcc is installed");
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

/// The lines of the header itself, without what it includes.
fn own_lines(preprocessed: &str, path: &Path) -> String {
    let name = format!("\"{}\"", path.display());
    let mut is_own = false;
    let mut own = String::new();
    for line in preprocessed.lines() {
        if line.starts_with('#') {
            is_own = line.contains(&name);
        } else if is_own {
            own += line;
            own.push(' ');
        }
    }
    own
}

/// What ends with a semicolon that is in no braces; each on one line.
fn declarations(source: &str) -> Vec<String> {
    let (mut depth, mut found, mut current) = (0, Vec::new(), String::new());
    for word in source.split_inclusive([';', '{', '}']) {
        depth += i32::from(word.ends_with('{')) - i32::from(word.ends_with('}'));
        current += word;
        if depth == 0 && word.ends_with(';') {
            found.push(tidy(current.trim_end_matches(';')));
            current.clear();
        }
    }
    found.extend(Some(tidy(&current)).filter(|rest| !rest.is_empty()));
    found
}

/// With one space between words, and `_Bool` as it is written.
fn tidy(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().map(|word| word.replace("_Bool", "bool")).collect();
    words.join(" ")
}

/// `NAME { BODY } NAME`, or `NAME NAME` and no body.
fn body(declaration: &str) -> Option<Option<(String, &str)>> {
    let name = declaration.split(' ').next()?;
    match declaration.split_once('{') {
        Some((_, rest)) => Some(Some((name.into(), rest.rsplit_once('}')?.0))),
        None => Some(None),
    }
}

/// The types of parameters.
fn types(parameters: &str) -> Option<String> {
    if parameters.trim() == "void" {
        return Some("void".into());
    }
    let kinds: Option<Vec<_>> = parameters.split(',').map(|it| Some(declarator(it.trim())?.1)).collect();
    Some(kinds?.join(", "))
}

/// The name and the type of a member, a parameter or a function: a function pointer's parameters lose their names.
fn declarator(text: &str) -> Option<(String, String)> {
    if let Some((returned, rest)) = text.split_once("(*") {
        let (name, parameters) = rest.strip_suffix(')')?.split_once(")(")?;
        return Some((name.into(), format!("{} (*)({})", returned.trim(), types(parameters)?)));
    }
    let (text, array) = text.find('[').map_or((text, ""), |at| text.split_at(at));
    let start = text.rfind(|it: char| !it.is_ascii_alphanumeric() && it != '_')? + 1;
    let (kind, name) = text.split_at(start);
    let is_declared = !kind.trim().is_empty() && !name.is_empty();
    is_declared.then(|| (name.into(), format!("{}{array}", kind.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<Header, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h");
        std::fs::write(&path, format!("#include <stdbool.h>\n#include <stdint.h>\n{source}")).unwrap();
        Header::read(&path)
    }

    #[test]
    fn everything_that_is_in_a_header_is_read() {
        let header = read(
            "#define CRESCENDO_H\n#define CRESCENDO_MOST 3\n#define CRESCENDO_ENUM(n) typedef int32_t n; enum\n\
             // int32_t nothing(void);\nCRESCENDO_ENUM(e)\n{\n    /* one */ E_ONE = 1,\n    E_TWO = 2,\n};\n\
             typedef struct h h;\n\
             typedef struct s { const char *text; uint8_t print[32]; bool (*ask)(void *user, const h *it); } s;\n\
             e f(const h *handle, bool yes,\n    const s **result);\nvoid g(void);\nconst s *last(void);",
        );
        let header = header.unwrap();
        assert_eq!(header.constants, ["CRESCENDO_MOST"]);
        assert_eq!(header.enums["e"], ["E_ONE", "E_TWO"]);
        let members = header.structs["s"].iter().map(|(name, kind)| format!("{name}: {kind}"));
        let expected = ["text: const char *", "print: uint8_t[32]", "ask: bool (*)(void *, const h *)"];
        assert_eq!(members.collect::<Vec<_>>(), expected);
        assert!(!header.structs.contains_key("h"));
        assert_eq!(header.functions["f"], "e (const h *, bool, const s **)");
        assert_eq!(header.functions["g"], "void (void)");
        assert_eq!(header.functions["last"], "const s * (void)");
        assert_eq!(header.functions.len(), 3);
    }

    #[test]
    fn what_cannot_be_read_is_no_header_of_ours() {
        assert_eq!(read("extern int x;"), Err("this cannot be read: extern int x".into()));
        assert!(read("#error no").unwrap_err().contains("no"));
    }
}
