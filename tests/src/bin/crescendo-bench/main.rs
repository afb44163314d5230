//! The bench: one virtual card, a modelled way to it, our module beside OpenSC's.
//!
//! `crescendo-bench FOLDER CHANNEL_COST` measures everything and writes `report.md` and `report.svg` there; as root, for its
//! labs. CHANNEL_COST is the test of that name in the crate piv, compiled. The same program is the client that is measured:
//! `crescendo-bench client ...`, see `client.rs`. What to measure is in `row.rs`, what it should come to in `bar.rs`.

#![forbid(unsafe_code)]

mod bar;
mod chart;
mod client;
mod contactless;
mod contender;
mod figures;
mod floor;
mod measure;
mod report;
mod row;
mod sample;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, thread};

use bar::Facts;
use crescendo_tests::{Lab, calls_while_idle};
use measure::{measure_all, sort};
use report::{Report, table_of_bars};
use row::Lane;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [word, module, control, words @ ..] if word == "client" => client::run(module, control, words).into(),
        [folder, channel_cost, firmware_cost] => {
            bench(Path::new(folder), Path::new(channel_cost), Path::new(firmware_cost));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!(
                "crescendo-bench FOLDER CHANNEL_COST FIRMWARE_COST | crescendo-bench client MODULE CONTROL WORD ..."
            );
            ExitCode::from(2)
        }
    }
}

fn bench(folder: &Path, channel_cost: &Path, firmware_cost: &Path) {
    // Alone: these are times of this machine.
    let messaging = figures::channel_cost(channel_cost);
    let mut figures = figures::figures();
    figures.push(figures::firmware_cost(firmware_cost));
    let pcscd = figures::pcscd();
    let facts = facts(pcscd);
    let bars = facts.bars();
    let (measured, needed, packages) = (&facts.measured, &figures::needed(), &packages());
    let report =
        Report { measured, bars: &bars, figures: &figures, messaging: &messaging, needed, pcscd, packages };
    fs::create_dir_all(folder).expect("the folder for the report");
    for (name, text) in [("report.md", report.markdown()), ("report.svg", chart::svg(measured))] {
        fs::write(folder.join(name), text).expect("the folder takes files");
    }
    let rest =
        [&messaging, &figures].map(|bars| table_of_bars(bars).lines().skip(2).collect::<Vec<_>>().join("\n"));
    println!("\n{}{}", table_of_bars(&bars), rest.join("\n"));
}

/// What mostly waits goes on side by side, in labs of its own.
fn facts(pcscd: f64) -> Facts {
    let idle = thread::spawn(|| {
        let bench = env::current_exe().expect("a program has a name");
        calls_while_idle(&Lab::start(&[]), &bench).len()
    });
    let contactless = thread::spawn(contactless::measure_all);
    let lanes = Lane::SIDE_BY_SIDE.map(|lane| thread::spawn(move || measure_all(lane)));
    let mut parts: Vec<_> = lanes.into_iter().map(|lane| lane.join().expect("a lane ends well")).collect();
    let idle = idle.join().expect("strace ends well");
    let contactless = contactless.join().expect("contactless readers end well");
    parts.push(measure_all(Lane::Usb));
    let floors = parts.iter().flat_map(|part| part.floors.clone()).collect();
    let mut measured: Vec<_> = parts.into_iter().flat_map(|part| part.measured).chain(contactless).collect();
    sort(&mut measured);
    Facts { measured, floors, pcscd, idle }
}

/// Who took part.
fn packages() -> Vec<String> {
    let lab = Lab::start(&["--absent"]);
    let query = lab.program("dpkg-query").args(&["-W", "-f", "${Package} ${Version}\\n"]);
    let names = ["opensc-pkcs11", "pcscd", "vsmartcard-vpcd", "libnss3-tools", "openssh-client"];
    query.args(&names).succeed().out.lines().map(String::from).collect()
}
