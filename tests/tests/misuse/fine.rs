//! What looks wrong and is not. A row of which nothing is true any more is an error of the test.

const ASKED: &str = "it is asked for";
const UNUSED: &str = "it is not used, or asked for";
const UNTOLD: &str = "nobody wants to be told";

/// Where NULL stands for something, in the functions whose names begin so, and for what.
pub(crate) const NULL: &[(&str, &str, &str)] = &[
    ("", "callbacks", "nobody can be asked, and nobody is told"),
    ("", "callbacks.cancel", "nobody ends it from another thread"),
    ("", "pin", ASKED),
    ("crescendo_pin_", "old_pin", "it is asked for; of crescendo_pin_check: it is not compared"),
    ("crescendo_pin_change", "new_pin", ASKED),
    ("crescendo_pin_unblock_", "new_pin", ASKED),
    ("crescendo_pin_unblock_with_puk", "puk", ASKED),
    ("crescendo_pin_unblock_with_key", "administration_key", ASKED),
    ("crescendo_puk_change", "old_puk", ASKED),
    ("crescendo_puk_change", "new_puk", ASKED),
    ("crescendo_pairing_set", "code", ASKED),
    ("crescendo_pairing_retrieve", "code", UNTOLD),
    ("crescendo_pairing_retrieve", "retrieved", UNTOLD),
    ("", "rights", "all of them are asked for"),
    ("", "rights.pin", UNUSED),
    ("", "rights.administration_key", UNUSED),
    ("", "rights.management_key", UNUSED),
    ("", "rights.puk", UNUSED),
    ("crescendo_certificate_import", "passphrase", ASKED),
    ("crescendo_certificate_", "options.names", "there are none"),
    ("crescendo_otp_code", "options", "the usual"),
    ("crescendo_otp_code", "options.pin", ASKED),
    ("crescendo_personalize", "options", "the usual"),
    ("crescendo_personalize", "options.current_pin", "the one of delivery"),
    ("crescendo_personalize", "options.new_pin", ASKED),
    ("crescendo_personalize", "options.master_key", "there is no help desk"),
    ("crescendo_personalize", "options.management_key", "the one of delivery"),
    ("crescendo_device_open", "name", "the only device there is"),
    ("crescendo_cache_clear", "name", "the only device there is"),
    ("crescendo_update", "name", "the only key there is"),
    ("crescendo_update", "options", "the usual"),
    ("crescendo_update", "updated", UNTOLD),
    ("crescendo_device_update", "options", "the usual"),
    ("crescendo_device_update", "updated", UNTOLD),
    ("crescendo_image_open", "trusted", "whom this machine trusts"),
    ("crescendo_doctor", "module", "the one that is installed"),
];

/// Numbers that stand for no choice: any is right, or is refused for what it says. These are yes or no.
pub(crate) const NUMBER: &[(&str, &str)] =
    &[("", "options.existing"), ("", "options.reinstall"), ("", "options.allow_older")];

/// Choices of which 0 is one.
pub(crate) const ZERO: &[(&str, &str, &str)] = &[
    ("", "algorithm", "the usual one"),
    ("", "options.algorithm", "the usual one"),
    ("", "rights.right", "what is given"),
    ("crescendo_otp_code", "options.kind", "as the slot says"),
    ("crescendo_personalize", "options.characters", "as it is"),
];

/// Words in names of parameters, and what a message calls them.
pub(crate) const CALLED: &[(&str, &str)] =
    &[("text", "answer"), ("bytes", "image"), ("code", "pairing_code")];

/// The row of a table that is about this place.
pub(crate) fn row<T>(
    table: &[T],
    of: impl Fn(&T) -> (&str, &str),
    function: &str,
    place: &str,
) -> Option<usize> {
    table.iter().position(|row| {
        let (prefix, own) = of(row);
        function.starts_with(prefix) && own == place
    })
}

pub(crate) fn null(function: &str, place: &str) -> Option<usize> {
    row(NULL, |row| (row.0, row.1), function, place)
}

pub(crate) fn number(function: &str, place: &str) -> Option<usize> {
    row(NUMBER, |row| (row.0, row.1), function, place)
}

pub(crate) fn zero(function: &str, place: &str) -> Option<usize> {
    row(ZERO, |row| (row.0, row.1), function, place)
}
