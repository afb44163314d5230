//! What each parameter of a function and each member of a structure is for.

use super::header::{Function, Header, Type, Variable};

/// What a parameter or a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Handle(String),
    /// Where a handle, a result or a number goes: the type that is there.
    Place(String),
    /// A result, given back.
    Result(String),
    /// A structure of the program's own, which begins with its size.
    Sized(String),
    /// A text, and what its length is called.
    Text(String),
    Bytes(String),
    /// Several texts, and what their number is called.
    Texts(String),
    /// The length or the number of what is before it.
    Length,
    Number(String),
    Callback,
    User,
}

impl Header {
    /// What each is for.
    ///
    /// # Errors
    /// What no call can be made with.
    pub(super) fn roles<'a>(
        &self,
        function: &Function,
        variables: &'a [Variable],
    ) -> Result<Vec<(&'a Variable, Role)>, String> {
        let mut all: Vec<(&Variable, Role)> = Vec::new();
        for (at, variable) in variables.iter().enumerate() {
            let length = variables.get(at + 1).filter(|next| is_length(next, variable));
            let is_length = match all.last() {
                Some((_, Role::Text(name) | Role::Bytes(name) | Role::Texts(name))) => variable.name == *name,
                _ => false,
            };
            let role = if is_length { Some(Role::Length) } else { self.role(function, variable, length) };
            let role =
                role.ok_or_else(|| format!("{}: no call can be made with {variable:?}", function.name))?;
            all.push((variable, role));
        }
        Ok(all)
    }

    fn role(&self, function: &Function, variable: &Variable, length: Option<&Variable>) -> Option<Role> {
        let length = length.map(|length| length.name.clone());
        let (base, constant, stars) = match &variable.of {
            Type::Callback => return Some(Role::Callback),
            Type::List { base } if base == "char" => return length.map(Role::Texts),
            Type::List { .. } => return None,
            Type::Plain { base, constant, stars } => (base, constant, stars),
        };
        let is_handle = self.handles.contains(base);
        let structure = self.structures.get(base);
        let is_number = limits(base).is_some() || self.enums.contains(base);
        Some(match (stars, constant) {
            (1, _) if is_handle => Role::Handle(base.clone()),
            (2, false) if is_handle => Role::Place(format!("{base} *")),
            (2, true) if structure.is_some() => Role::Place(format!("const {base} *")),
            (1, true) if structure.is_some_and(|members| members[0].name == "size") => {
                Role::Sized(base.clone())
            }
            (1, _) if structure.is_some() && takes_back(function) => Role::Result(base.clone()),
            (1, true) if base == "char" && length.is_some() => Role::Text(length?),
            (1, true) if base == "uint8_t" && length.is_some() => Role::Bytes(length?),
            (2, true) if base == "char" || base == "uint8_t" => Role::Place(format!("const {base} *")),
            (1, false) if is_number => Role::Place(base.clone()),
            (0, _) if is_number => Role::Number(base.clone()),
            (1, false) if base == "void" => Role::User,
            _ => return None,
        })
    }

    /// The function that takes back what is at a place of this type.
    pub(super) fn freed_by(&self, place: &str) -> Option<String> {
        let own = place.trim_start_matches("const ").strip_suffix(" *")?;
        let frees = |function: &&Function| takes_back(function) && function.parameters[0].of.is(own, 1);
        self.functions.iter().find(frees).map(|function| function.name.clone())
    }

    /// What is given and never taken back.
    pub(crate) fn not_taken_back(&self) -> Vec<String> {
        let given = self.functions.iter().flat_map(|function| &function.parameters);
        let types = given.filter_map(|parameter| match &parameter.of {
            Type::Plain { base, stars: 2, .. } if base.starts_with("crescendo_") => Some(base),
            _ => None,
        });
        types.filter(|base| self.freed_by(&format!("{base} *")).is_none()).cloned().collect()
    }
}

/// Whether it is a `_free`.
pub(crate) fn takes_back(function: &Function) -> bool {
    function.returns.is("void", 0) && function.name.ends_with("_free") && function.parameters.len() == 1
}

/// `pin, pin_length`; `names, name_count`; and `text, length`.
fn is_length(variable: &Variable, of: &Variable) -> bool {
    let one = of.name.strip_suffix('s').unwrap_or(&of.name);
    let names = [format!("{}_length", of.name), format!("{one}_count"), "length".into(), "count".into()];
    names.contains(&variable.name) && variable.of.is("size_t", 0)
}

/// The least and the most of a type of numbers.
pub(super) fn limits(base: &str) -> Option<[&'static str; 2]> {
    Some(match base {
        "int32_t" => ["INT32_MIN", "INT32_MAX"],
        "int64_t" => ["INT64_MIN", "INT64_MAX"],
        "uint8_t" => ["0", "UINT8_MAX"],
        "uint16_t" => ["0", "UINT16_MAX"],
        "uint32_t" => ["0", "UINT32_MAX"],
        "uint64_t" => ["0", "UINT64_MAX"],
        "size_t" => ["0", "SIZE_MAX"],
        "bool" => ["false", "true"],
        _ => return None,
    })
}
