//! Calls in C, made of the prototypes: each as it should be but for one thing.

use super::fine;
use super::header::{Function, Header, Variable};
use super::roles::{Role, takes_back};
use super::wrong::{ANSWER, Expected, Wrong, beside};

/// One call that is made once.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) function: String,
    /// The parameter, or the member of one: `callbacks.cancel`. Empty for a call that is as it should be.
    pub(crate) place: String,
    pub(crate) wrong: &'static str,
    pub(crate) expected: Expected,
    /// The call is made in a callback that was given an answer.
    pub(crate) is_in_callback: bool,
    /// Statements in C.
    pub(crate) code: String,
}

/// What is put where in place of what should be there.
type Change = (String, String);

impl Header {
    /// All calls of one function.
    pub(crate) fn cases(&self, function: &Function) -> Result<Vec<Case>, String> {
        let mut all = Vec::new();
        for (variable, role) in self.roles(function, &function.parameters)? {
            all.extend(self.wrong(function, &variable.name, &role)?);
        }
        if !takes_back(function) {
            for (label, changes) in [("nothing", Vec::new()), ("nothing", self.without_texts(function)?)] {
                let expected = Expected::NoComplaint;
                all.push(Wrong { place: String::new(), label, changes, expected });
            }
        }
        all.into_iter().map(|wrong| self.case(function, wrong)).collect()
    }

    fn case(&self, function: &Function, wrong: Wrong) -> Result<Case, String> {
        let can_fail = function.returns.is("crescendo_status", 0);
        Ok(Case {
            function: function.name.clone(),
            code: self.code(function, &wrong.changes)?,
            place: wrong.place,
            wrong: wrong.label,
            expected: if can_fail { wrong.expected } else { Expected::Nothing },
            is_in_callback: function.parameters.iter().any(|parameter| parameter.of.is(ANSWER, 1)),
        })
    }

    /// The calls of one function that are as they should be: with texts, and with those only that have to be there.
    pub(crate) fn right(&self, function: &Function) -> Result<[String; 2], String> {
        Ok([self.code(function, &[])?, self.code(function, &self.without_texts(function)?)?])
    }

    fn without_texts(&self, function: &Function) -> Result<Vec<Change>, String> {
        let mut places: Vec<(String, Role)> = Vec::new();
        for (variable, role) in self.roles(function, &function.parameters)? {
            if let Role::Sized(own) = &role {
                let members = self.roles(function, &self.structures[own])?;
                let inside =
                    |(member, role): (&Variable, Role)| (format!("{}.{}", variable.name, member.name), role);
                places.extend(members.into_iter().map(inside));
            }
            places.push((variable.name.clone(), role));
        }
        let mut changes = Vec::new();
        for (place, role) in places {
            if let Role::Text(length) | Role::Bytes(length) | Role::Texts(length) = role
                && fine::null(&function.name, &place).is_some()
            {
                changes.push((beside(&place, &length), "0".into()));
                changes.push((place, "NULL".into()));
            }
        }
        Ok(changes)
    }

    /// The call, with everything around it.
    fn code(&self, function: &Function, changes: &[Change]) -> Result<String, String> {
        let changed =
            |place: &str| changes.iter().find(|(to, _)| to == place).map(|(_, value)| value.clone());
        let mut parts = Parts::default();
        for (Variable { name, .. }, role) in self.roles(function, &function.parameters)? {
            let right = match &role {
                Role::Sized(own) => {
                    parts.structure(name, own, changes);
                    format!("&{name}")
                }
                Role::Place(own) => {
                    parts.place(name, own, self.freed_by(own));
                    format!("&{name}")
                }
                role => right_value(&function.name, name, role)?,
            };
            parts.arguments.push(changed(name).unwrap_or(right));
        }
        let call = format!("{}({})", function.name, parts.arguments.join(", "));
        let Parts { before, untouched, after, .. } = parts;
        let code = if function.returns.is("crescendo_status", 0) {
            format!("{before}    returned_status = {call};\n    is_untouched = true{untouched};\n{after}")
        } else if function.returns.is("void", 0) {
            format!("{before}    {call};\n")
        } else {
            format!("{before}    (void){call};\n")
        };
        Ok(self.needed(&code) + &code)
    }

    /// What this call needs and may not be there.
    fn needed(&self, code: &str) -> String {
        let is_used = |handle: &&String| {
            code.contains(&format!("the_{handle}")) || code.contains(&format!("freed_{handle}"))
        };
        let skipped = |handle: &String| format!("    if (the_{handle} == NULL) return SKIPPED;\n");
        self.handles.iter().filter(is_used).map(skipped).collect()
    }

    /// Functions in C that make a right one of each structure that a program makes.
    pub(crate) fn right_structures(&self) -> Result<String, String> {
        let mut code = String::new();
        for (name, members) in self.structures.iter().filter(|(_, members)| members[0].name == "size") {
            code +=
                &format!("static {name} right_{name}(void)\n{{\n    {name} it = {{.size = sizeof it}};\n");
            for (member, role) in self.roles(&self.functions[0], members)?.into_iter().skip(1) {
                code += &format!("    it.{} = {};\n", member.name, right_value(name, &member.name, &role)?);
            }
            code += "    return it;\n}\n\n";
        }
        Ok(code)
    }
}

/// What a call is made of.
#[derive(Default)]
struct Parts {
    before: String,
    arguments: Vec<String>,
    untouched: String,
    after: String,
}

impl Parts {
    fn structure(&mut self, name: &str, own: &str, changes: &[Change]) {
        self.before += &format!("    {own} {name} = right_{own}();\n    (void){name};\n");
        for (to, value) in changes {
            if let Some(member) = to.strip_prefix(&format!("{name}.")) {
                self.before += &format!("    {name}.{member} = {value};\n");
            }
        }
    }

    fn place(&mut self, name: &str, own: &str, freed_by: Option<String>) {
        self.before += &format!("    {own} {name};\n    fill(&{name}, sizeof {name});\n");
        self.untouched += &format!(" && is_filled(&{name}, sizeof {name})");
        if let Some(free) = freed_by {
            self.after += &format!("    if (!is_filled(&{name}, sizeof {name})) {free}({name});\n");
        }
    }
}

/// 32 bytes in hexadecimal, and as many as an AES key has.
const MASTER_KEY: &str = "\"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\"";
const KEY: &str = "\"000102030405060708090A0B0C0D0E0F\"";

/// What is right, and changes nothing: what a device would be asked to believe can be no PIN, no PUK and no key of any device.
/// `within`: a function, or a structure.
fn right_value(within: &str, name: &str, role: &Role) -> Result<String, String> {
    let is_help_desk = within.starts_with("crescendo_help_desk");
    Ok(match role {
        Role::Handle(own) => format!("the_{own}"),
        Role::Text(_) if name == "subject" => "\"CN=x\"".into(),
        Role::Text(_) if name == "master_key" => MASTER_KEY.into(),
        Role::Text(_) if within == "crescendo_personalize_options" && name == "management_key" => KEY.into(),
        Role::Text(_) if is_help_desk && name != "device_id" => KEY.into(),
        Role::Text(_) => "\"x\"".into(),
        Role::Bytes(_) => "(const void *)\"x\"".into(),
        Role::Texts(_) => "right_texts".into(),
        Role::Length if name == "name_count" => "1".into(),
        // Files have zeros in them, and so a length of their own.
        Role::Length if within == "crescendo_image_open" && name == "length" => "1".into(),
        Role::Length if within == "crescendo_certificate_import" && name == "file_length" => "1".into(),
        Role::Length => "CRESCENDO_TERMINATED".into(),
        Role::Callback => format!("on_{name}"),
        Role::Result(_) | Role::User => "NULL".into(),
        Role::Number(base) => match (&base[..], name) {
            ("bool", _) | ("uint32_t", "min" | "max") => "0",
            ("uint8_t", "existing" | "reinstall" | "allow_older") => "0",
            ("uint8_t", "key") => "0x9A",
            ("uint8_t", "slot") | ("int32_t" | "int64_t" | "uint32_t", _) => "1",
            ("uint64_t" | "size_t" | "uint16_t", _) => "0",
            _ => return Err(format!("which {base} is a right {name}?")),
        }
        .into(),
        Role::Sized(own) | Role::Place(own) => return Err(format!("a {own} within another structure")),
    })
}
