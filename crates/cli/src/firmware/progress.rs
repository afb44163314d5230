//! What an update is doing, told as it happens: a bar for people, lines where nobody looks on, objects for programs.

use std::io::{self, IsTerminal, Write};

use device::firmware::Step;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::output::Output;

pub(super) struct Progress<'o> {
    way: Way<'o>,
    /// What was told last, so that nothing is told twice.
    last: Option<Told>,
}

enum Way<'o> {
    Objects(&'o Output),
    Bar(ProgressBar),
    Lines,
}

/// A step, in as much detail as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
enum Told {
    Finding,
    PressButton {
        /// Seconds.
        left: u64,
    },
    EnteringUpdateMode,
    Writing {
        written: usize,
        total: usize,
    },
    Checking,
    Restarting,
    Confirming,
}

#[derive(Serialize)]
struct Object {
    progress: Told,
}

impl<'o> Progress<'o> {
    pub(super) fn new(output: &'o Output) -> Self {
        let way = match output {
            Output { json: true, .. } => Way::Objects(output),
            _ if io::stderr().is_terminal() => Way::Bar(bar()),
            _ => Way::Lines,
        };
        Self { way, last: None }
    }

    pub(super) fn show(&mut self, step: Step, stopping: bool) {
        let told = told(step);
        if self.last == Some(told) {
            return;
        }
        match &self.way {
            // Whoever does not read along any more does not stop an update.
            Way::Objects(output) => {
                let line = output.object(&Object { progress: told });
                let _ = line.and_then(|line| output.bytes(line.as_bytes()));
            }
            Way::Bar(bar) => {
                if let Told::Writing { written, total } = told {
                    bar.set_length(total as u64);
                    bar.set_position(written as u64);
                }
                bar.set_message(words(told, stopping));
            }
            Way::Lines => {
                if self.last.is_none_or(|last| std::mem::discriminant(&last) != std::mem::discriminant(&told))
                {
                    let _ = writeln!(io::stderr(), "{}", words(told, stopping));
                }
            }
        }
        self.last = Some(told);
    }

    pub(super) fn end(&self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}");
    ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn told(step: Step) -> Told {
    match step {
        Step::Finding => Told::Finding,
        // The last part of a second is one too.
        Step::PressButton { left } => Told::PressButton { left: left.as_millis().div_ceil(1000) as u64 },
        Step::Detaching => Told::EnteringUpdateMode,
        Step::Writing { written, total } => Told::Writing { written, total },
        Step::Finishing => Told::Checking,
        Step::Attaching => Told::Restarting,
        Step::Confirming => Told::Confirming,
    }
}

fn words(told: Told, stopping: bool) -> String {
    let words = match told {
        Told::Finding => "looking for the key".to_owned(),
        Told::PressButton { left } => format!("press the button on your key now ({left} s)"),
        Told::EnteringUpdateMode => "the key goes into update mode".to_owned(),
        Told::Writing { .. } => "writing; leave the key plugged in".to_owned(),
        Told::Checking => "the key checks what was written".to_owned(),
        Told::Restarting => "the key restarts".to_owned(),
        Told::Confirming => "confirming the new firmware".to_owned(),
    };
    match told {
        _ if !stopping => words,
        Told::Checking | Told::Restarting | Told::Confirming => words + " (too late to stop)",
        _ => words + " (stopping)",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn press(millis: u64) -> Told {
        told(Step::PressButton { left: Duration::from_millis(millis) })
    }

    #[test]
    fn the_button_counts_down_in_whole_seconds() {
        assert_eq!(words(press(27_000), false), "press the button on your key now (27 s)");
        assert_eq!((press(26_001), press(26_900)), (press(27_000), press(26_500)));
        assert_eq!(press(0), Told::PressButton { left: 0 });
    }

    #[test]
    fn stopping_is_told_and_so_is_that_it_is_too_late() {
        let writing = told(Step::Writing { written: 1, total: 2 });
        assert!(words(writing, true).ends_with("(stopping)") && !words(writing, false).contains("stop"));
        assert!(words(told(Step::Finishing), true).ends_with("(too late to stop)"));
    }

    #[test]
    fn each_step_is_an_object_in_a_line() {
        let output = Output { json: true, lines: true };
        let line = |told| output.object(&Object { progress: told }).unwrap();
        let expected = "{\"schema\":1,\"progress\":{\"step\":\"writing\",\"written\":1,\"total\":2}}\n";
        assert_eq!(line(told(Step::Writing { written: 1, total: 2 })), expected);
        assert_eq!(line(press(900)), "{\"schema\":1,\"progress\":{\"step\":\"press-button\",\"left\":1}}\n");
        assert_eq!(
            line(told(Step::Detaching)),
            "{\"schema\":1,\"progress\":{\"step\":\"entering-update-mode\"}}\n"
        );
    }
}
