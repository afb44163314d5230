//! How results are written: text in columns for people, one JSON object for programs.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use device::Device;
pub(crate) use device::plain;
use serde::Serialize;

use crate::failure::Failure;

/// Grows when a field changes its meaning or goes; new fields may come without.
const SCHEMA: u32 = 1;

/// Whose it is that is shown.
#[derive(Serialize)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) reader: String,
}

impl Owner {
    pub(crate) fn of(device: &Device) -> Self {
        Self { name: device.name(), id: device.id().map(str::to_owned), reader: device.reader().to_owned() }
    }
}

pub(crate) struct Output {
    pub(crate) json: bool,
    /// Objects take one line each, as more than one is written.
    pub(crate) lines: bool,
}

impl Output {
    /// Writes the object, or the text where that is wanted.
    pub(crate) fn show<T: Serialize>(
        &self,
        object: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = if self.json { self.object(object)? } else { text() };
        self.bytes(text.as_bytes())
    }

    /// An object as it is written.
    pub(crate) fn object<T: Serialize>(&self, object: &T) -> Result<String, Failure> {
        if self.lines { json_line(object) } else { json(object) }
    }

    /// Whether somebody looks on while it is written.
    pub(crate) fn to_person(&self) -> bool {
        let terminal = io::stdout().is_terminal() && env::var_os("TERM").is_some_and(|kind| kind != "dumb");
        !self.json && terminal
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::Output)
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: u32,
    #[serde(flatten)]
    content: &'a T,
}

fn json_line<T: Serialize>(content: &T) -> Result<String, Failure> {
    let object = serde_json::to_string(&Envelope { schema: SCHEMA, content });
    object.map(|text| text + "\n").map_err(|error| Failure::Output(error.into()))
}

pub(crate) fn json<T: Serialize>(content: &T) -> Result<String, Failure> {
    let object = serde_json::to_string_pretty(&Envelope { schema: SCHEMA, content });
    object.map(|text| text + "\n").map_err(|error| Failure::Output(error.into()))
}

/// Rows in columns as wide as their widest cell; the last one as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<_> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - length(cell))))
        .collect();
    cells.join("  ").trim_end().to_owned() + "\n"
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

pub(crate) fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a", "bb", ""], vec!["ccc", "ä", "end"]]
            .map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(table(&rows), "a    bb\nccc  ä   end\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn one_of_several_objects_takes_a_line() {
        let output = Output { json: true, lines: true };
        let object = output.object(&serde_json::json!({"a": ["b", 1]})).unwrap();
        assert_eq!(object, "{\"schema\":1,\"a\":[\"b\",1]}\n");
    }

    #[test]
    fn every_object_names_its_schema() {
        #[derive(Serialize)]
        struct Thing {
            thing: u8,
        }
        assert_eq!(json(&Thing { thing: 1 }).unwrap(), "{\n  \"schema\": 1,\n  \"thing\": 1\n}\n");
    }
}
