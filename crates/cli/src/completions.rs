//! `crescendo completions` and `crescendo man`: what a shell completes, and the pages for man(1), made from what the command
//! line takes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use serde::Serialize;

use crate::{arguments::Arguments, failure::Failure, output::Output};

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder to write the pages to; it is made if need be
    folder: PathBuf,
}

#[derive(Serialize)]
struct Pages {
    pages: Vec<String>,
}

/// On standard output, as it is: it is no result that JSON would hold.
pub(crate) fn completions(output: &Output, asked: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(asked.shell, &mut Arguments::command(), "crescendo", &mut script);
    output.bytes(&script)
}

/// One page for the command, and one for each of its subcommands.
pub(crate) fn man(output: &Output, asked: &Man) -> Result<(), Failure> {
    let written = fs::create_dir_all(&asked.folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), &asked.folder))
        .and_then(|()| pages(&asked.folder));
    let pages = Pages { pages: written.map_err(|error| Failure::File(asked.folder.clone(), error))? };
    output.show(&pages, || pages.pages.iter().map(|page| format!("{page}\n")).collect())
}

fn pages(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pages: Vec<_> =
        names.filter(|name| name.starts_with("crescendo") && name.ends_with(".1")).collect();
    pages.sort();
    Ok(pages)
}
