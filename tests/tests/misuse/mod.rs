//! Calls that no program should make, made of the prototypes: `header` reads them, `roles` tells what each parameter is,
//! `wrong` what may be wrong with it, `calls` writes the calls in C, `program` what makes them, and `fine` has what is no
//! mistake.

pub(crate) mod calls;
pub(crate) mod fine;
pub(crate) mod header;
pub(crate) mod program;
mod roles;
pub(crate) mod wrong;
