//! What `crescendo.h` declares, as far as calls can be made of it. It is not C that is read here, but the little of it that
//! the header is written in; anything else is an error, so that no function is left out in silence.

use std::collections::BTreeMap;
use std::process::Command;

/// Everything that the header declares.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Types that C cannot look into.
    pub(crate) handles: Vec<String>,
    /// Types of numbers.
    pub(crate) enums: Vec<String>,
    /// What those numbers are.
    pub(crate) values: BTreeMap<String, i32>,
    /// Structures, with their members.
    pub(crate) structures: BTreeMap<String, Vec<Variable>>,
    pub(crate) functions: Vec<Function>,
}

/// A prototype.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) returns: Type,
    pub(crate) parameters: Vec<Variable>,
}

/// A parameter or a member.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) of: Type,
}

/// `const crescendo_devices **` is `crescendo_devices`, constant, with two stars. What is constant itself, as in
/// `const char *const *`, is a list, and so is an array. A pointer to a function is `Callback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Plain { base: String, constant: bool, stars: usize },
    List { base: String },
    Callback,
}

impl Type {
    pub(crate) fn is(&self, base: &str, stars: usize) -> bool {
        matches!(self, Self::Plain { base: own, stars: count, .. } if own == base && *count == stars)
    }
}

impl Header {
    /// Reads what the preprocessor makes of the header.
    pub(crate) fn read() -> Result<Self, String> {
        let path = crescendo_tests::c::include().join("crescendo.h");
        let done = Command::new("gcc").args(["-E", "-P", "-std=c99"]).arg(&path).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Self::parse(&String::from_utf8(done.stdout).unwrap())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut header = Self::default();
        for statement in statements(text).iter().filter(|tokens| tokens.iter().any(|token| is_ours(token))) {
            let tokens: Vec<&str> = statement.iter().map(String::as_str).collect();
            header.declare(&tokens).ok_or_else(|| format!("no call can be made of: {}", tokens.join(" ")))?;
        }
        let known = |name: &String| header.structures.contains_key(name);
        header.handles.retain(|name| !known(name));
        Ok(header)
    }

    fn declare(&mut self, tokens: &[&str]) -> Option<()> {
        match tokens {
            ["typedef", "struct", name, same] if name == same => self.handles.push((*name).to_owned()),
            ["struct", name] => self.handles.push((*name).to_owned()),
            ["typedef", "int32_t", name] => self.enums.push((*name).to_owned()),
            // Of the type before it.
            ["enum", "{", values @ .., "}"] => {
                for value in values.split(|token| *token == ",").filter(|tokens| !tokens.is_empty()) {
                    let [name, "=", number] = value else { return None };
                    self.values.insert((*name).to_owned(), number.parse().ok()?);
                }
            }
            ["typedef", "struct", name, "{", members @ .., "}", same] if name == same => {
                let members = members.split(|token| *token == ";").filter(|tokens| !tokens.is_empty());
                let members: Option<Vec<_>> = members.map(variable).collect();
                self.structures.insert((*name).to_owned(), members?);
            }
            [returns @ .., name, "(", ")"] => self.function(name, returns, &[])?,
            [.., ")"] => {
                let open = tokens.iter().position(|token| *token == "(")?;
                let (name, returns) = tokens[..open].split_last()?;
                self.function(name, returns, &tokens[open + 1..tokens.len() - 1])?;
            }
            _ => return None,
        }
        Some(())
    }

    fn function(&mut self, name: &str, returns: &[&str], parameters: &[&str]) -> Option<()> {
        let parameters = match parameters {
            [] | ["void"] => Vec::new(),
            list => list.split(|token| *token == ",").map(variable).collect::<Option<_>>()?,
        };
        let returns = variable(&[returns, &[name]].concat())?.of;
        self.functions.push(Function { name: name.to_owned(), returns, parameters });
        Some(())
    }
}

fn is_ours(token: &str) -> bool {
    token.starts_with("crescendo_") || token.starts_with("CRESCENDO_")
}

/// `const struct crescendo_devices * * devices`, or `bool ( * ask ) ( ... )`.
fn variable(tokens: &[&str]) -> Option<Variable> {
    if let [_, "(", "*", name, ")", "(", ..] = tokens {
        return Some(Variable { name: (*name).to_owned(), of: Type::Callback });
    }
    let is_list = tokens.windows(3).any(|three| three == ["*", "const", "*"]) || tokens.ends_with(&["]"]);
    let tokens = if let [before @ .., "[", _, "]"] = tokens { before } else { tokens };
    let (name, rest) = tokens.split_last()?;
    let constant = rest.first() == Some(&"const");
    let stars = rest.iter().filter(|token| **token == "*").count();
    let words: Vec<_> =
        rest.iter().filter(|token| !["const", "struct", "enum", "*"].contains(*token)).collect();
    let [base] = words[..] else { return None };
    let base = if *base == "_Bool" { "bool" } else { base };
    let is_name = |word: &str| word.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    let base = (is_name(name) && is_name(base)).then(|| base.to_owned())?;
    let of = if is_list { Type::List { base } } else { Type::Plain { base, constant, stars } };
    Some(Variable { name: (*name).to_owned(), of })
}

/// Everything up to a semicolon that is in no braces.
fn statements(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut tokens, mut depth) = (Vec::new(), Vec::new(), 0);
    for token in tokens_of(text) {
        match &token[..] {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if token == ";" && depth == 0 {
            all.push(std::mem::take(&mut tokens));
        } else {
            tokens.push(token);
        }
    }
    all
}

fn tokens_of(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut is_in_word = false;
    for character in text.chars() {
        let is_of_word = character.is_ascii_alphanumeric() || character == '_';
        match tokens.last_mut() {
            Some(word) if is_of_word && is_in_word => word.push(character),
            _ if character.is_whitespace() => {}
            _ => tokens.push(character.into()),
        }
        is_in_word = is_of_word;
    }
    tokens
}

#[test]
fn what_the_header_is_written_in_is_understood() {
    let header = Header::parse(
        "typedef struct crescendo_a crescendo_a; typedef int32_t crescendo_e; enum { CRESCENDO_X = 1, };
        typedef struct crescendo_s { size_t size; _Bool (*ask)(void *user, const struct crescendo_a *a); } crescendo_s;
        typedef struct crescendo_l { const char *const *names; uint8_t digest[32]; } crescendo_l;
        crescendo_e crescendo_f(const struct crescendo_a *a, const struct crescendo_s **s, uint8_t key); void other(int);",
    );
    let header = header.unwrap();
    assert_eq!((&header.enums[..], header.values["CRESCENDO_X"]), (&["crescendo_e".to_owned()][..], 1));
    assert_eq!((&header.handles[..], header.functions.len()), (&["crescendo_a".to_owned()][..], 1));
    let members: Vec<_> = header.structures["crescendo_s"].iter().map(|member| &member.name[..]).collect();
    assert_eq!(
        (&members[..], &header.structures["crescendo_s"][1].of),
        (&["size", "ask"][..], &Type::Callback)
    );
    let [a, s, key] = &header.functions[0].parameters[..] else { panic!("{header:?}") };
    assert!(a.of.is("crescendo_a", 1) && s.of.is("crescendo_s", 2) && key.of.is("uint8_t", 0));
    let lists = header.structures["crescendo_l"].iter().map(|member| &member.of);
    assert!(lists.clone().all(|of| matches!(of, Type::List { .. })), "{lists:?}");
    for foreign in
        ["int crescendo_f(int (a));", "unsigned long crescendo_f(void);", "extern int crescendo_x;"]
    {
        assert!(Header::parse(foreign).is_err(), "{foreign}");
    }
}
