//! The view as text and as a picture, for the tests and for the pages of the documentation.

use std::{env, fmt::Write, fs, path::PathBuf};

use device::{Action, WhyNot};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::{
    tile::{Certificate, Lock, Tile},
    view::View,
};

/// A cell is so large, in units of the picture.
const CELL: (u16, u16) = (9, 19);

/// Four devices in different states.
pub(super) fn some() -> Vec<Tile> {
    let tile = |name: &str, id: &str, reader: &str, state, lock| Tile {
        name: (!name.is_empty()).then(|| name.to_owned()),
        id: (!id.is_empty()).then(|| id.to_owned()),
        label: None,
        reader: reader.to_owned(),
        state,
        lock,
        certificates: Vec::new(),
        firmware: None,
        problem: None,
        offers: Action::ALL.map(|action| (action, None)).to_vec(),
        target: reader.to_owned(),
        key: None,
    };
    let certificate = |key: &str, until: &str, mark| Certificate {
        key: key.to_owned(),
        subject: "Ada Example".to_owned(),
        until: until.to_owned(),
        mark,
    };
    let key = Tile {
        label: Some("Ada Example".to_owned()),
        firmware: Some("3.1.4+7".to_owned()),
        certificates: vec![
            certificate("9A", "2028-05-01", None),
            certificate("9C", "2026-12-06", Some("expires within a month")),
            certificate("9D", "2026-10-31", Some("expired")),
            certificate("9E", "2028-05-01", None),
            certificate("82", "2020-01-01", Some("expired")),
        ],
        offers: Action::ALL
            .map(|action| (action, (action == Action::Personalize).then_some(WhyNot::NotFactory)))
            .to_vec(),
        ..tile(
            "Crescendo C4000-KEY",
            "47900503708900123456",
            "HID Crescendo Key 00 00",
            "recognised",
            Lock::Locked { tries: 6 },
        )
    };
    vec![
        key,
        tile("Crescendo C2300", "47900503708900000007", "Reader 01 00", "recognised", Lock::Blocked),
        tile(
            "Some Reader",
            "8007300051494D028A11000000000002",
            "Some Reader 02 00",
            "other-piv",
            Lock::Authenticated,
        ),
        tile("", "", "Third Reader 03 00", "empty", Lock::None),
    ]
}

fn drawn(colour: bool) -> Buffer {
    drawn_of(&some(), colour)
}

fn drawn_of(tiles: &[Tile], colour: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(116, 30)).unwrap();
    let notice = "personalize: it is personalized already: recycle it first.";
    let view = View { tiles, selected: 0, notice, colour };
    terminal.draw(|frame| view.draw(frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn rows(buffer: &Buffer) -> impl Iterator<Item = &[Cell]> {
    buffer.content.chunks(buffer.area.width.into())
}

fn text(buffer: &Buffer) -> String {
    let line = |row: &[Cell]| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n";
    rows(buffer).map(line).collect()
}

/// One `text` for each run of cells that look alike.
fn svg(buffer: &Buffer) -> String {
    let (width, height) = (buffer.area.width * CELL.0, buffer.area.height * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"crescendo devices --watch\">\n<rect width=\"100%\" height=\"100%\" fill=\"#14161a\"/>\n\
         <g font-family=\"DejaVu Sans Mono, monospace\" font-size=\"15\" fill=\"#d8dce2\">\n"
    );
    for (y, row) in rows(buffer).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, next| (one.fg, one.modifier) == (next.fg, next.modifier)) {
            let words: String = run.iter().map(Cell::symbol).collect();
            if !words.trim().is_empty() || run[0].modifier.contains(Modifier::REVERSED) {
                write_run(&mut out, run, &words, x as u16 * CELL.0, y as u16 * CELL.1);
            }
            x += run.len();
        }
    }
    out + "</g>\n</svg>\n"
}

fn write_run(out: &mut String, run: &[Cell], words: &str, x: u16, y: u16) {
    let cell = &run[0];
    let length = run.len() as u16 * CELL.0;
    let mut fill = match cell.fg {
        Color::Red => " fill=\"#ff7b72\"",
        Color::Blue => " fill=\"#79b8ff\"",
        Color::Yellow => " fill=\"#e3b341\"",
        _ => "",
    };
    if cell.modifier.contains(Modifier::REVERSED) {
        let _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{length}\" height=\"{}\"/>", CELL.1);
        fill = " fill=\"#14161a\"";
    }
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    // Viewers draw spaces in a row as one.
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{A0}");
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{length}\"{fill}{weight}>{words}</text>",
        y + 14
    );
}

/// Compares with a file of the documentation; with CRESCENDO_BLESS in the environment it is written instead.
fn compare(name: &str, now: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if env::var_os("CRESCENDO_BLESS").is_some() {
        fs::write(&path, now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == now, "{name} is not what is drawn; CRESCENDO_BLESS=1 writes it anew:\n{now}");
}

#[test]
fn the_view_as_text_is_the_one_in_the_documentation() {
    compare("devices-watch.txt", &text(&drawn(false)));
}

#[test]
fn the_view_as_a_picture_is_the_one_in_the_documentation() {
    compare("devices-watch.svg", &svg(&drawn(true)));
}

#[test]
fn without_colour_nothing_is_lost_but_colour() {
    let (with, without) = (drawn(true), drawn(false));
    assert_eq!(text(&with), text(&without));
    assert!(with.content.iter().any(|cell| cell.fg == Color::Red));
    assert!(without.content.iter().all(|cell| cell.fg == Color::Reset));
}

#[test]
fn the_selected_one_stays_in_sight() {
    let mut tiles = some();
    for number in 4..20 {
        tiles.push(Tile { reader: format!("Reader {number}"), ..tiles[3].clone() });
    }
    let mut terminal = Terminal::new(TestBackend::new(60, 20)).unwrap();
    for (selected, tile) in tiles.iter().enumerate() {
        let view = View { tiles: &tiles, selected, notice: "", colour: false };
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let text = text(terminal.backend().buffer());
        assert!(text.contains(&format!("Reader   {}", tile.reader)), "{selected}\n{text}");
    }
}

#[test]
fn nothing_at_all_and_a_very_small_terminal() {
    assert!(text(&drawn_of(&[], false)).contains("Plug in a key"));
    for (width, height) in [(1, 1), (10, 4), (55, 12)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let view = View { tiles: &some(), selected: 2, notice: "", colour: true };
        terminal.draw(|frame| view.draw(frame)).unwrap();
    }
}
