//! Whether a program that uses the module does anything while nobody calls it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::files::Files;
use crate::lab::Lab;

/// How long a program is watched.
pub const IDLE: Duration = Duration::from_secs(20);

/// Every system call of a program, other than its own sleep, while it holds a login and calls nothing for [`IDLE`].
/// The program is `crescendo-bench client`, and its sleep is one system call.
///
/// # Panics
/// When strace cannot follow it, or it never sleeps.
#[must_use]
pub fn calls_while_idle(lab: &Lab, bench: &Path) -> Vec<String> {
    let trace = lab.path("strace");
    let strace = lab.program("strace").args(&["-f", "-qq", "-o"]).arg(&trace).arg(bench).arg("client");
    let client = strace.arg(&Files::get().module).arg(lab.path("control"));
    let done = client.args(&["load", "slots", "info", "open", "list", "login", "sign:01", "idle"]).succeed();
    let trace = fs::read_to_string(trace).expect("strace wrote it");
    between(&trace).unwrap_or_else(|| panic!("no sleep of {IDLE:?}: {done}"))
}

/// The lines of a trace between the start and the end of the sleep, which is one line if nothing came between. Every line
/// begins with its thread's number.
fn between(trace: &str) -> Option<Vec<String>> {
    let asleep = format!("tv_sec={},", IDLE.as_secs());
    let mut lines = trace.lines().skip_while(|line| !(line.contains("nanosleep(") && line.contains(&asleep)));
    let (thread, call) = lines.next()?.split_once(' ')?;
    if !call.contains("<unfinished") {
        return Some(Vec::new());
    }
    let awake = |line: &&str| line.split(' ').next() == Some(thread) && line.contains("nanosleep resumed");
    Some(lines.take_while(|line| !awake(line)).map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_that_nothing_interrupts_is_one_line() {
        let trace = "1 read(3, \"\", 1) = 0\n\
            1 clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=20, tv_nsec=0}, NULL) = 0\n1 close(3) = 0";
        assert_eq!(between(trace), Some(vec![]));
        assert_eq!(between("1 close(3) = 0"), None);
    }

    #[test]
    fn what_other_threads_do_meanwhile_is_between_the_halves() {
        let trace = "1 clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=20, tv_nsec=0},  <unfinished ...>\n\
            2 <... clock_nanosleep resumed>NULL) = 0\n2 poll([], 0, 5) = 0\n\
            1     <... clock_nanosleep resumed>NULL) = 0\n1 close(3) = 0";
        let calls = between(trace).unwrap();
        assert_eq!(calls, ["2 <... clock_nanosleep resumed>NULL) = 0", "2 poll([], 0, 5) = 0"]);
    }
}
