//! One row after the other, the contenders in turn: medians of seven.

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use crescendo_tests::{Done, Lab, PIN, Program};

use crate::client::NO_TOKEN;
use crate::contender::{Contender, contenders};
use crate::floor::floor;
use crate::report::{number, ratio};
use crate::row::{Card, LIST, Lane, Model, ROWS, Row, State, Work, lane, options};
use crate::sample::{Sample, median, parse};

/// How often everything is measured.
pub(crate) const ROUNDS: usize = 7;

/// What one row cost in one model, by contender.
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) model: Model,
    pub(crate) medians: [Sample; 3],
}

impl Measured {
    /// Our time to that of another contender; of contactless readers, their time to that of a contact reader. As text.
    pub(crate) fn ratio(&self, other: usize) -> String {
        let [first, other] = [0, other].map(|index: usize| self.medians[index].milliseconds);
        // Where the same module is compared, a few parts in a hundred tell something.
        if self.model == Model::Contactless { number(other / first) } else { ratio(first / other) }
    }
}

/// Everything measured, and the floors of the cards it was measured with.
#[derive(Default)]
pub(crate) struct All {
    pub(crate) measured: Vec<Measured>,
    pub(crate) floors: Vec<(Card, u64)>,
}

/// Every row of a lane, a lab for each card.
pub(crate) fn measure_all(of: Lane) -> All {
    let mut all = All::default();
    for model in Model::ALL {
        for card in Card::ALL {
            let fits =
                |row: &&Row| row.card == card && row.models.contains(&model) && lane(row, model) == Some(of);
            let rows: Vec<_> = ROWS.iter().filter(fits).collect();
            if !rows.is_empty() {
                let mut lab = Lab::start(&options(model, card));
                all.floors.push((card, floor(&lab, card)));
                all.measured.extend(measure(&mut lab, model, &rows));
            }
        }
    }
    all
}

/// Into the order of the report.
pub(crate) fn sort(measured: &mut [Measured]) {
    measured.sort_by_key(|it| ROWS.iter().position(|row| row.id == it.row.id));
}

fn measure(lab: &mut Lab, model: Model, rows: &[&'static Row]) -> Vec<Measured> {
    let mut contenders = contenders(lab);
    if rows.iter().any(|row| matches!(row.work, Work::Nss)) {
        contenders.iter().for_each(|contender| make_database(lab, contender));
    }
    let medians = |row: &&'static Row| {
        let medians = in_turn(lab, &mut contenders, row);
        println!("{:<13}{:<55}{}", model.name(), row.text, medians.map(|it| told(&it)).concat());
        Measured { row, model, medians }
    };
    rows.iter().map(medians).collect()
}

/// The medians of one row in one lab.
pub(crate) fn in_turn<const N: usize>(
    lab: &mut Lab,
    contenders: &mut [Contender; N],
    row: &Row,
) -> [Sample; N] {
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
            prepare(lab, contender, row.state);
            samples.push(once(lab, contender, row.work));
        }
    }
    samples.map(|samples| median(&samples))
}

/// For whoever watches.
pub(crate) fn told(sample: &Sample) -> String {
    format!("{:>5} {:>8.1} ms", sample.apdus, sample.milliseconds)
}

/// The card starts as after power on, whoever used it before.
fn prepare(lab: &mut Lab, contender: &mut Contender, state: State) {
    match state {
        State::Cold => contender.forget(),
        State::Warm | State::Inserted => contender.know(|contender| drop(steps(lab, contender, LIST))),
    }
    if state == State::Inserted {
        lab.pull();
        lab.insert();
    }
    let _ = lab.card("reset");
}

fn once(lab: &Lab, contender: &Contender, work: Work) -> Sample {
    match work {
        Work::Steps { words, from } => {
            let samples = steps(lab, contender, words);
            samples[from..].iter().fold(Sample::default(), |sum, sample| sum + *sample)
        }
        Work::Ssh => clocked(lab, || {
            let keys = contender.program(lab, "ssh-keygen").arg("-D").arg(&contender.module).succeed();
            assert!(keys.out.lines().count() >= 4, "{keys}");
        }),
        Work::Nss => clocked(lab, || {
            let list = certutil(lab, contender).args(&["-L", "-h", "all"]).succeed();
            assert!(list.out.matches("Certificate for ").count() >= 4, "{list}");
        }),
    }
}

/// Our own client in a process of its own: what it says of each step. A module that sees no token is asked again: rarely, a
/// program started right after another one's end saw none.
fn steps(lab: &Lab, contender: &Contender, words: &str) -> Vec<Sample> {
    for _ in 0..3 {
        let done = client(lab, contender, words);
        if done.status != Some(NO_TOKEN.into()) {
            assert_eq!(done.status, Some(0), "{}: {done}", contender.name);
            return done.out.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{done}"))).collect();
        }
        println!("{}: no token, asked again", contender.name);
    }
    panic!("{} sees no token", contender.name);
}

fn client(lab: &Lab, contender: &Contender, words: &str) -> Done {
    let bench = env::current_exe().expect("a program has a name");
    let program = contender.program(lab, bench).arg("client").arg(&contender.module).arg(lab.path("control"));
    program.args(&words.split(' ').collect::<Vec<_>>()).run()
}

/// A foreign program, from its start to its end.
fn clocked(lab: &Lab, run: impl FnOnce()) -> Sample {
    let _ = lab.card("zero");
    let start = Instant::now();
    run();
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    let count = lab.card("count");
    let numbers: Vec<_> = count.split(|c: char| !c.is_ascii_digit()).filter(|it| !it.is_empty()).collect();
    let number = |at: usize| numbers[at].parse().unwrap_or_else(|_| panic!("no counts: {count}"));
    Sample { milliseconds, apdus: number(0), bytes: number(1) }
}

/// A database of NSS with the contender's module in it; beside its home, which is emptied now and then.
fn make_database(lab: &Lab, contender: &Contender) {
    let _ = lab.file("nss.pin", PIN);
    let _ = lab.program("mkdir").arg(database(lab, contender)).succeed();
    let _ = certutil(lab, contender).args(&["-N", "--empty-password"]).succeed();
    let modutil = contender.program(lab, "modutil").args(&["-force", "-add", "module", "-libfile"]);
    let modutil = modutil.arg(&contender.module).arg("-dbdir");
    let _ = modutil.arg(format!("sql:{}", database(lab, contender).display())).succeed();
}

fn certutil(lab: &Lab, contender: &Contender) -> Program {
    let database = format!("sql:{}", database(lab, contender).display());
    contender.program(lab, "certutil").arg("-d").arg(database).arg("-f").arg(lab.path("nss.pin"))
}

fn database(lab: &Lab, contender: &Contender) -> PathBuf {
    lab.path(&format!("nss {}", contender.name))
}
