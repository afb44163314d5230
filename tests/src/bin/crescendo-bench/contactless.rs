//! What the virtual contact interface costs: our module with one card in a contact reader and on contactless ones, the way
//! to the card equally slow.

use std::thread;

use crescendo_tests::{Files, Lab};

use crate::contender::{Contender, ours};
use crate::measure::{Measured, in_turn, told};
use crate::row::{Model, ROWS, Row};
use crate::sample::Sample;

/// Where the card is, in the order of the tables.
pub(crate) const NAMES: [&str; 3] = ["contact reader", "VCI, CS2", "VCI, CS7"];
const PLACES: [&[&str]; 3] =
    [&[], &["--contactless", "--suite", "cs2"], &["--contactless", "--suite", "cs7"]];

/// What the card wants on a contactless reader.
const CODE: &str = "27182818";

/// Every row of the model, the three places side by side.
pub(crate) fn measure_all() -> Vec<Measured> {
    let [contact, cs2, cs7] = [0, 1, 2]
        .map(|place: usize| thread::spawn(move || measure(place)))
        .map(|place| place.join().expect("a place ends well"));
    let medians = contact.into_iter().zip(cs2).zip(cs7).map(|((contact, cs2), cs7)| [contact, cs2, cs7]);
    rows().zip(medians).map(|(row, medians)| Measured { row, model: Model::Contactless, medians }).collect()
}

fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.models.contains(&Model::Contactless))
}

fn measure(place: usize) -> Vec<Sample> {
    let options =
        [&["--profile", "piv-dual", "--pairing-code", CODE], PLACES[place], Model::Contactless.options()];
    let mut lab = Lab::start(&options.concat());
    let mut contenders = [ours(&lab)];
    keep_code(&lab, &contenders[0]);
    let medians = |row: &Row| {
        let [median] = in_turn(&mut lab, &mut contenders, row);
        println!("{:<13}{:<55}{}   {}", Model::Contactless.name(), row.text, told(&median), NAMES[place]);
        median
    };
    rows().map(medians).collect()
}

/// Keeps the pairing code for the lab's login session, as a person does once.
fn keep_code(lab: &Lab, contender: &Contender) {
    let command = contender.program(lab, &Files::get().command);
    let _ = command.args(&["pairing", "set", "-"]).input(CODE).succeed();
}
