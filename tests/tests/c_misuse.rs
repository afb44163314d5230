//! What a program in C may do wrong with `libcrescendo`, with each function there is: the calls are made of the prototypes in
//! `crescendo.h`. Each is as it should be but for one thing, and runs in a lab, under AddressSanitizer, with the library of a
//! debug build, which knows the handles that were freed.

#![forbid(unsafe_code)]

mod misuse;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crescendo_tests::c::{SANITIZED, STRICT_C};
use crescendo_tests::{Done, Files, Lab, Program};
use misuse::calls::Case;
use misuse::fine;
use misuse::header::{Function, Header};
use misuse::program::{Both, both, once};
use misuse::wrong::{Expected, Names};

#[test]
fn whatever_one_argument_is_a_call_says_so_and_does_nothing() {
    let header = Header::read().unwrap();
    assert_eq!(header.not_taken_back(), [""; 0], "given, and taken back by nothing");
    let cases = cases(&header);
    let lab = Lab::start(&[]);
    let program = once(&lab, &header, &cases, &[STRICT_C, SANITIZED]);
    let tries = lab.tries();
    let answers = answers(&with_image(&lab, &program).run(), &cases);
    assert_eq!(lab.tries(), tries);
    assert_eq!(lab.card("verified"), "false");
    let missing: Vec<_> =
        (0..cases.len()).filter(|at| !answers.contains_key(at)).map(|at| &cases[at]).collect();
    assert!(missing.is_empty(), "not called: {missing:?}");
    judge(&header, &cases, &answers);
    stale(&cases);
}

/// What is wrong with an argument is found out before anything is done: the card hears as much as without all of these calls.
#[test]
fn nothing_is_sent_for_a_call_that_is_refused() {
    let header = Header::read().unwrap();
    let cases = cases(&header);
    let lab = Lab::start(&[]);
    let program = once(&lab, &header, &cases, &[STRICT_C]);
    let heard = |words: &[&str]| lab.apdus(|| with_image(&lab, &program).args(words).succeed());
    // The first of them fills the cache.
    let _ = heard(&["none"]);
    let (without, _) = heard(&["none"]);
    let (with, done) = heard(&["refused"]);
    let refused = cases.iter().filter(|case| matches!(case.expected, Expected::Status(..))).count();
    assert!(done.count("returned ") == refused, "{} of {refused} were made", done.count("returned "));
    let sends = |function: &&Function| heard(&["refused", &function.name]).0 != without;
    let culprits = |functions: &[Function]| -> Vec<String> {
        functions.iter().filter(sends).map(|function| function.name.clone()).collect()
    };
    assert!(with == without, "something is sent by {:?}", culprits(&header.functions));
}

#[test]
fn without_a_reader_service_too() {
    let header = Header::read().unwrap();
    let cases = cases(&header);
    let lab = Lab::start(&[]);
    let program = once(&lab, &header, &cases, &[STRICT_C, SANITIZED]);
    let done = with_image(&lab, &program).env("PCSCLITE_CSOCK_NAME", "/nowhere").run();
    judge(&header, &cases, &answers(&done, &cases));
}

/// Each function, as it should be called, with the same handles. Not under ThreadSanitizer: it does not see the locks of a library
/// that was not built with it, and calls every copy behind them a race.
#[test]
fn from_two_threads_at_once() {
    let header = Header::read().unwrap();
    let lab = Lab::start(&[]);
    let tries = lab.tries();
    let (calls, program) = both(&lab, &header, &[STRICT_C, SANITIZED]);
    let done = with_image(&lab, &program).run();
    assert_eq!(lab.tries(), tries);
    agree(&header, &calls, &done);
}

/// The program, and an image that it can open.
fn with_image(lab: &Lab, program: &Path) -> Program {
    let (image, trusted) = (lab.path("new.img"), lab.path("trusted"));
    if !image.exists() {
        let key =
            |words: &[&str]| lab.program(&Files::get().sim).arg("firmware-key").args(words).succeed().bytes;
        let (private, payload) = (lab.file("vendor.pem", key(&[])), lab.file("payload", [7; 5000]));
        fs::create_dir(&trusted).unwrap();
        fs::write(trusted.join("vendor.pem"), key(&["--public"])).unwrap();
        let about = "--model org.crescendo.reference-key --version 2.0.0 --counter 2 --hardware 1 --key";
        let sign = lab.program(&Files::get().command).args(&["firmware", "sign"]);
        let sign = sign.args(&about.split(' ').collect::<Vec<_>>());
        let _ = sign.arg(private).arg(payload).arg(&image).succeed();
    }
    lab.program(program).env("IMAGE", image).env("CRESCENDO_FIRMWARE_KEYS", trusted)
}

/// What a call returned.
struct Answer {
    status: i32,
    /// What crescendo_last_error says of it.
    last: i32,
    is_untouched: bool,
    message: String,
}

/// Frees come first: that they left alone what is not theirs is told by all others.
fn cases(header: &Header) -> Vec<Case> {
    let (frees, others): (Vec<_>, Vec<_>) =
        header.functions.iter().partition(|it| it.name.ends_with("_free"));
    let all = frees.into_iter().chain(others).map(|function| {
        let cases = header.cases(function).unwrap();
        assert!(!cases.is_empty(), "{}", function.name);
        cases
    });
    all.flatten().collect()
}

/// What each call returned, by its number.
fn answers(done: &Done, cases: &[Case]) -> BTreeMap<usize, Answer> {
    let last = done.out.lines().rfind(|line| line.starts_with("begin ")).unwrap_or("begin 0");
    let at: usize = last["begin ".len()..].parse().unwrap();
    let ended = done.status == Some(0) && done.out.ends_with("the end\n");
    assert!(ended, "it ended in {:?}\n{}", cases[at], done.err);
    let told = done.out.lines().filter_map(|line| line.strip_prefix("returned "));
    let answer = |line: &str| {
        let words: Vec<_> = line.splitn(5, ' ').collect();
        let [at, status, last, untouched, message] = words[..] else { panic!("{line}") };
        let number = |word: &str| word.parse::<i32>().unwrap();
        let answer = Answer {
            status: number(status),
            last: number(last),
            is_untouched: untouched == "1",
            message: message.to_lowercase(),
        };
        (at.parse().unwrap(), answer)
    };
    told.map(answer).filter(|(_, answer)| answer.status != -1).collect()
}

fn judge(header: &Header, cases: &[Case], answers: &BTreeMap<usize, Answer>) {
    let wrong: Vec<_> = answers
        .iter()
        .filter_map(|(at, answer)| {
            let Case { function, place, wrong, expected, .. } = &cases[*at];
            let why = complaint(header, expected, answer)?;
            let is_it =
                |(name, value): &(&String, &i32)| name.contains("_STATUS_") && **value == answer.status;
            let name = header.values.iter().find(is_it).map_or("a number that is none", |(name, _)| name);
            Some(format!("{function} {place} {wrong}: {why}, but {name}, {:?}", answer.message))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), answers.len(), wrong.join("\n"));
}

fn complaint(header: &Header, expected: &Expected, answer: &Answer) -> Option<String> {
    let status = |name: &str| header.values[&format!("CRESCENDO_STATUS_{name}")];
    if answer.status != answer.last && *expected != Expected::Nothing {
        return Some("crescendo_last_error has another status".into());
    }
    if answer.status != 0 && !answer.is_untouched {
        return Some("a result was written".into());
    }
    let complaints =
        ["PANIC", "NULL_POINTER", "INVALID_HANDLE", "INVALID_LENGTH", "NOT_UTF8", "INVALID_SIZE"];
    let complains = complaints.iter().any(|name| status(name) == answer.status);
    match expected {
        Expected::Status(name, named) => told(answer, status(name), name, named),
        Expected::NoComplaint => complains.then(|| "nothing is wrong".into()),
        Expected::Nothing => None,
    }
}

fn told(answer: &Answer, status: i32, name: &str, names: &Names) -> Option<String> {
    if answer.status != status {
        return Some(format!("expected {name}"));
    }
    let is_named = match names {
        Names::Type(name) => answer.message.contains(name),
        Names::Place(place) => is_named(place, &answer.message),
        Names::Result(place) => answer.message.contains("the result") || is_named(place, &answer.message),
    };
    (!is_named).then(|| format!("expected that the message names {names:?}"))
}

/// Whether each word of a parameter's name is in the message.
fn is_named(place: &str, message: &str) -> bool {
    let name = place.rsplit('.').next().unwrap();
    let name = fine::CALLED.iter().find(|(own, _)| *own == name).map_or(name, |(_, called)| called);
    name.split('_').all(|word| message.contains(word))
}

/// What two threads were told by each call, as often as it was made. None was told that it does something wrong, as one is that
/// calls in a callback.
fn agree(header: &Header, calls: &[Both], done: &Done) {
    let told: Vec<Vec<&str>> = done
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("both "))
        .map(|line| line.split(' ').collect())
        .collect();
    let at = told.len().min(calls.len() - 1);
    assert!(
        done.status == Some(0) && told.len() == calls.len(),
        "it ended in {:?}\n{}",
        calls[at].function,
        done.err
    );
    let status = |name: &str| header.values[&format!("CRESCENDO_STATUS_{name}")];
    let wrong = [status("PANIC"), status("REENTERED")];
    for (call, told) in calls.iter().zip(&told) {
        let [_, spoilt, counts @ ..] = &told[..] else { panic!("{told:?}") };
        assert_eq!(*spoilt, "0", "the last error or a place of another thread: {call:?} {counts:?}");
        let counts = counts.iter().map(|count| count.split_once(':').unwrap());
        let counts: Vec<(i32, u32)> = counts.map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).collect();
        assert_eq!(
            counts.iter().map(|(_, count)| count).sum::<u32>(),
            2 * call.rounds,
            "{call:?} {counts:?}"
        );
        let is_wrong = |status: i32| wrong.contains(&status) || (10..16).contains(&status) && status != 14;
        assert!(!counts.iter().any(|(status, _)| is_wrong(*status)), "{call:?} {counts:?}");
    }
}

/// Rows that are about nothing.
fn stale(cases: &[Case]) {
    let about = |find: fn(&str, &str) -> Option<usize>, count: usize| {
        let used: BTreeSet<_> = cases.iter().filter_map(|case| find(&case.function, &case.place)).collect();
        (0..count).filter(|at| !used.contains(at)).collect::<Vec<_>>()
    };
    let nothing = |rows: Vec<usize>, table: &str| assert!(rows.is_empty(), "rows {rows:?} of {table}");
    nothing(about(fine::null, fine::NULL.len()), "NULL");
    nothing(about(fine::number, fine::NUMBER.len()), "NUMBER");
    nothing(about(fine::zero, fine::ZERO.len()), "ZERO");
}
