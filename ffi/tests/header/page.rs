//! The page of the interface, made of the header: sections, each declaration with its text, enumerations and structures as
//! tables.

use std::{collections::HashMap, fmt::Write};

use crate::made;

/// What the statuses of each ten are about.
const GROUPS: [(u32, &str); 12] = [
    (0, "In general"),
    (10, "The program's own mistakes, and cancelling"),
    (20, "Readers and cards"),
    (30, "The PIN"),
    (40, "The PUK and the help desk"),
    (50, "Keys and rights"),
    (60, "Contactless and pairing"),
    (70, "Certificates and keys"),
    (80, "The life of a device"),
    (90, "One-time passwords"),
    (100, "Firmware images"),
    (110, "Updates"),
];

/// The page for a header.
pub(crate) fn page(header: &str) -> String {
    let (top, rest) = header.split_once("*/").expect("the header begins with a comment");
    let sections: Vec<Section<'_>> = rest.split("/* ==== ").skip(1).map(Section::of).collect();
    let links = Links::of(&sections);
    let mut page = String::from("# The C interface\n\n");
    page += &introduction(top, &links);
    page += "## Contents\n\n";
    for section in &sections {
        let names: Vec<_> = section.contents().filter_map(|name| links.link(name)).collect();
        let title = links.link(section.title).expect("a heading");
        _ = writeln!(page, "- **{title}**: {}", names.join(", "));
    }
    for section in &sections {
        _ = write!(page, "\n## {}\n", section.title);
        for block in &section.blocks {
            page += &entry(block, &links);
        }
    }
    page
}

struct Section<'a> {
    title: &'a str,
    blocks: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn of(text: &'a str) -> Self {
        let (title, rest) = text.split_once(" =").expect("a section has a title");
        let blocks = rest.split("\n\n").map(str::trim);
        Self { title, blocks: blocks.filter(|block| made::declares(block).is_some()).collect() }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.blocks.iter().filter_map(|block| made::declares(block))
    }

    /// Its functions, where it has some: types stand beside them.
    fn contents(&self) -> impl Iterator<Item = &'a str> {
        let functions = self.blocks.iter().any(|block| made::is_function(block));
        let listed = self.blocks.iter().filter(move |block| made::is_function(block) || !functions);
        listed.filter_map(|block| made::declares(block))
    }
}

/// Where the headings are: forges number those that differ in their case alone.
struct Links<'a>(HashMap<&'a str, String>);

impl<'a> Links<'a> {
    fn of(sections: &[Section<'a>]) -> Self {
        let mut links = HashMap::new();
        let mut seen = HashMap::new();
        let headings = sections.iter().flat_map(|section| [section.title].into_iter().chain(section.names()));
        for heading in ["The order of calls", "Conventions", "Contents"].into_iter().chain(headings) {
            let anchor = heading.to_lowercase().replace(' ', "-");
            let before = seen.entry(anchor.clone()).and_modify(|count| *count += 1).or_insert(0);
            links.insert(heading, if *before == 0 { anchor } else { format!("{anchor}-{before}") });
        }
        Self(links)
    }

    fn link(&self, heading: &str) -> Option<String> {
        Some(format!("[{heading}](#{})", self.0.get(heading)?))
    }

    /// A text in which what the page has is a link to it; `itself` is not.
    fn linked(&self, text: &str, itself: &str) -> String {
        let mut linked = String::new();
        let mut word = String::new();
        let mut in_code = false;
        for letter in text.chars().chain([' ']) {
            if letter.is_alphanumeric() || letter == '_' {
                word.push(letter);
                continue;
            }
            let link = self.link(&word).filter(|_| word.contains('_') && word != itself && !in_code);
            match link {
                Some(link) => linked += &link,
                None if word.starts_with("CRESCENDO_") && !in_code => _ = write!(linked, "`{word}`"),
                None => linked += &word,
            }
            word.clear();
            linked.push(letter);
            in_code ^= letter == '`';
        }
        linked.pop();
        linked
    }
}

/// The comment at the top: what is set off is a drawing, what is in capitals a heading.
fn introduction(top: &str, links: &Links<'_>) -> String {
    let lines = top.lines().map(|line| line.trim_start_matches("/*").trim_start_matches(" *"));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let mut text = String::new();
    for paragraph in paragraphs(&lines) {
        if paragraph[0].starts_with("    ") {
            _ = writeln!(text, "```text\n{}\n```\n", paragraph.join("\n"));
        } else if paragraph[0].chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ') {
            let (first, rest) = paragraph[0].split_at(1);
            _ = writeln!(text, "## {first}{}\n", rest.to_lowercase());
        } else {
            let whole = links.linked(&paragraph.join(" "), "");
            match whole.split_once(". ") {
                Some((word, rest)) if word.split(' ').count() < 3 => {
                    _ = writeln!(text, "**{word}.** {rest}\n")
                }
                _ => _ = writeln!(text, "{whole}\n"),
            }
        }
    }
    text
}

/// Lines between empty lines; a drawing keeps its own empty lines.
fn paragraphs<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut found: Vec<Vec<&str>> = vec![Vec::new()];
    for (at, line) in lines.iter().enumerate() {
        let drawn = |line: Option<&&str>| line.is_some_and(|line| line.starts_with("    "));
        let inside = at > 0 && drawn(lines.get(at - 1)) && drawn(lines.get(at + 1));
        if line.is_empty() && !inside {
            found.push(Vec::new());
        } else if let Some(last) = found.last_mut() {
            last.push(line);
        }
    }
    found.retain(|paragraph| !paragraph.is_empty());
    found
}

fn entry(block: &str, links: &Links<'_>) -> String {
    let name = made::declares(block).expect("blocks declare something");
    let (comment, code) = parts(block);
    let text = links.linked(&comment, name);
    let mut entry = format!("\n### {name}\n\n");
    if made::is_function(block) {
        _ = write!(entry, "```c\n{}\n```\n\n{text}\n", code.join("\n"));
    } else if code[0].starts_with("#define") || code.len() == 1 {
        _ = write!(entry, "{text}\n\n```c\n{}\n```\n", code.join("\n"));
    } else if code[0].starts_with("CRESCENDO_ENUM") {
        _ = write!(entry, "{text}\n\n{}", values(name, &members(&code), links));
    } else {
        _ = write!(entry, "{text}\n\n| member | |\n| --- | --- |\n");
        for (member, comment) in members(&code) {
            let member = member.trim_end_matches(';');
            _ = writeln!(entry, "| `{member}` | {} |", links.linked(&comment, name));
        }
    }
    entry
}

/// The comment that a block begins with, and the rest of it.
fn parts(block: &str) -> (String, Vec<&str>) {
    let lines: Vec<&str> = block.lines().collect();
    let ends = lines.iter().position(|line| !line.starts_with("//")).unwrap_or(lines.len());
    let (comment, code) = lines.split_at(ends);
    (uncommented(comment), code.to_vec())
}

/// Lines of a comment as text of a page: paragraphs and lists are kept.
fn uncommented(lines: &[&str]) -> String {
    let lines = lines.iter().map(|line| line.trim_start().trim_start_matches("//"));
    let mut text = String::new();
    for line in lines.map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        let begins = line.is_empty() || line.starts_with("- ") || line.starts_with("    ");
        if !text.is_empty() {
            text.push(if begins || text.ends_with('\n') { '\n' } else { ' ' });
        }
        text += line;
    }
    text
}

/// Members of a structure or an enumeration, each with its comment.
fn members<'a>(code: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let mut comment = Vec::new();
    for line in code.iter().filter(|line| line.starts_with("    ")) {
        if line.trim_start().starts_with("//") {
            comment.push(*line);
        } else {
            found.push((line.trim(), uncommented(&comment)));
            comment.clear();
        }
    }
    found
}

/// An enumeration as a table; the statuses as one for each group.
fn values(name: &str, members: &[(&str, String)], links: &Links<'_>) -> String {
    const HEAD: &str = "| value | name | |\n| --: | --- | --- |\n";
    const FIRST_FREE: u32 = 120;
    let groups: &[(u32, &str)] = if name == "crescendo_status" { &GROUPS } else { &[(0, "")] };
    let mut tables = String::new();
    for (index, (first, title)) in groups.iter().enumerate() {
        let next = groups.get(index + 1).map_or(u32::MAX, |(next, _)| *next);
        if !title.is_empty() {
            _ = write!(tables, "**{title}**\n\n");
        }
        tables += HEAD;
        for (member, comment) in members {
            let (member, value) =
                member.trim_end_matches(',').split_once(" = ").expect("a value has a number");
            let number: u32 = value.parse().expect("a number");
            assert!(name != "crescendo_status" || number < FIRST_FREE, "{member} is in no group of GROUPS");
            if (*first..next).contains(&number) {
                _ = writeln!(tables, "| {value} | `{member}` | {} |", links.linked(comment, name));
            }
        }
        tables.push('\n');
    }
    tables.trim_end().to_owned() + "\n"
}

#[test]
fn headings_are_linked_as_a_forge_numbers_them() {
    let blocks = vec!["// The version.\n#define CRESCENDO_X 1", "// Which it is.\nint crescendo_x(void);"];
    let links = Links::of(&[Section { title: "Version", blocks }]);
    let text = "crescendo_x() is CRESCENDO_X, `crescendo_x` is code, CRESCENDO_STATUS_OK is fine";
    assert_eq!(
        links.linked(text, ""),
        "[crescendo_x](#crescendo_x-1)() is [CRESCENDO_X](#crescendo_x), `crescendo_x` is code, `CRESCENDO_STATUS_OK` is fine"
    );
    assert!(links.linked(text, "crescendo_x").starts_with("crescendo_x() is ["));
}
