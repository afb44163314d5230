//! How a declaration is laid out: comments filled, prototypes in lines that fit, enumerations by the macro.

use crate::made;

/// The longest line.
pub(crate) const WIDTH: usize = 110;

/// One declaration with its comment, as the header has it.
pub(crate) fn block(written: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut indent = "";
    let name = made::declares(written).unwrap_or_default();
    for line in declaration(written) {
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix("//") {
            indent = &line[..line.len() - text.len()];
            comment.push(words.strip_prefix(' ').unwrap_or(words));
            continue;
        }
        lines.extend(filled(&comment, indent));
        comment.clear();
        lines.extend(code(line, name));
    }
    lines.join("\n")
}

/// The lines without what cbindgen writes around each enumeration.
fn declaration(written: &str) -> Vec<&str> {
    if !written.lines().any(|line| line.starts_with("enum ")) {
        return written.lines().collect();
    }
    let ends = written.find("\n};").expect("an enumeration ends") + "\n};".len();
    written[..ends].lines().filter(|line| !line.starts_with('#') && *line != "  : int32_t").collect()
}

/// A line of a declaration. A structure gets a tag: C++ can then declare it in advance.
fn code(line: &str, name: &str) -> Vec<String> {
    if line.starts_with("enum ") {
        return vec![format!("CRESCENDO_ENUM({name})")];
    }
    match line {
        " {" => vec!["{".to_owned()],
        "typedef struct {" => vec![format!("typedef struct {name} {{")],
        line if line.len() > WIDTH && line.starts_with(char::is_alphabetic) => prototype(line),
        line => vec![line.to_owned()],
    }
}

fn prototype(line: &str) -> Vec<String> {
    let (before, parameters) = line.split_once('(').expect("what is as long as this is a prototype");
    let mut lines = vec![format!("{before}(")];
    let words: Vec<&str> = parameters.split_inclusive(", ").map(str::trim_end).collect();
    lines.extend(in_lines(&words, "    "));
    lines
}

/// A comment, filled line by line. A paragraph ends where a line is empty; what is set off by four blanks stays as it is, and
/// an item of a list begins a line.
fn filled(comment: &[&str], indent: &str) -> Vec<String> {
    let prefix = format!("{indent}// ");
    let mut lines = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for line in comment {
        let kept = line.is_empty() || line.starts_with("    ");
        if kept || line.starts_with("- ") {
            lines.extend(in_lines(&words, &prefix));
            words.clear();
        }
        if kept {
            lines.push(format!("{prefix}{line}").trim_end().to_owned());
        } else {
            words.extend(line.split_whitespace());
        }
    }
    lines.extend(in_lines(&words, &prefix));
    lines
}

/// Words in lines that fit; each line begins with `prefix`.
fn in_lines(words: &[&str], prefix: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => *line = format!("{line} {word}"),
            _ => lines.push(format!("{prefix}{word}")),
        }
    }
    lines
}

#[test]
fn comments_are_filled_and_lists_stay_lists() {
    let long = "word ".repeat(30);
    let comment = [long.trim(), "", "- one", "  and more of it", "- two", "    code  as it is"];
    let lines = filled(&comment, "  ");
    assert!(lines.iter().all(|line| line.starts_with("  //") && line.len() <= WIDTH));
    assert_eq!(lines[2..], ["  //", "  // - one and more of it", "  // - two", "  //     code  as it is"]);
}
