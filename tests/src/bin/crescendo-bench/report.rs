//! The report, as Markdown.

use std::fmt::Write;

use crate::bar::Bar;
use crate::contender::NAMES;
use crate::measure::{Measured, ROUNDS};
use crate::row::Model;

/// Everything that is told.
pub(crate) struct Report<'a> {
    pub(crate) measured: &'a [Measured],
    pub(crate) bars: &'a [Bar],
    pub(crate) figures: &'a [Bar],
    /// The host's part of secure messaging.
    pub(crate) messaging: &'a [Bar],
    pub(crate) needed: &'a [String],
    pub(crate) pcscd: f64,
    /// Names of packages with their versions.
    pub(crate) packages: &'a [String],
}

impl Report<'_> {
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("# Simulated card, modelled link\n\n{}\n", self.preface());
        text += "![Milliseconds of each row](report.svg)\n";
        for model in Model::ALL {
            let _ = write!(text, "\n## {}\n\nModel: {}.\n\n", model.name(), model.text());
            if model == Model::Contactless {
                text += CONTACTLESS;
            }
            text += &self.table(model);
        }
        let _ = write!(text, "\n## Bars, contact card\n\n{}", table_of_bars(self.bars));
        let _ = write!(text, "\n## Bars, secure messaging on the host\n\n{}", table_of_bars(self.messaging));
        let _ = write!(text, "\n## Calls that send nothing, and sizes\n\n{}", table_of_bars(self.figures));
        let _ = writeln!(text, "\nLibraries the module needs: {}.", self.needed.join(", "));
        text + NOTES
    }

    fn preface(&self) -> String {
        format!(
            "No device was here. `crescendo-sim` plays the card behind a real pcscd, and waits as long as a model says. The \
             same card, the same client and the same programs for every module, in turn; medians of {ROUNDS}; every run a \
             fresh process. Milliseconds of our client are from before the module is loaded to after the last call; of \
             ssh-keygen and certutil, from start to end of the program. Ratios are {} to the others: below 1 is faster.\n\n\
             With {}. pcscd alone takes {:.1} ms to be reached and to tell its readers and cards.\n",
            NAMES[0],
            self.packages.join(", "),
            self.pcscd,
        )
    }

    fn table(&self, model: Model) -> String {
        let mut table = String::from("| |");
        for name in model.names() {
            let _ = write!(table, " {name}: APDUs | ms |");
        }
        let [second, third] = model.ratios();
        let _ = write!(table, " {second} | {third} |\n|---|");
        table += &"--:|".repeat(8);
        table += "\n";
        for row in self.measured.iter().filter(|it| it.model == model) {
            let _ = write!(table, "| {} |", row.row.text);
            for sample in row.medians {
                let _ = write!(table, " {} | {} |", sample.apdus, number(sample.milliseconds));
            }
            let _ = writeln!(table, " {} | {} |", row.ratio(1), row.ratio(2));
        }
        table
    }
}

/// Also for the terminal.
pub(crate) fn table_of_bars(bars: &[Bar]) -> String {
    let mut table = String::from("| | measured | bar | |\n|---|--:|--:|---|\n");
    for bar in bars {
        let (value, limit, unit) = (number(bar.value), number(bar.limit), bar.unit);
        let _ = writeln!(table, "| {} | {value} {unit} | {limit} {unit} | {} |", bar.text, bar.word());
    }
    table
}

/// As many digits as are worth reading.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A ratio, with two digits worth reading.
pub(crate) fn ratio(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        0.095.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

const CONTACTLESS: &str = "\
Our module alone, with a dual-interface card whose pairing code the login session keeps and whose signer an installed
certificate vouches for. The model is the same in all three columns, so what differs is what the virtual contact interface
(VCI) adds: its key establishment, once in each process, and longer APDUs. The chip's own encryption takes no time here but
for the key agreement.

";

const NOTES: &str = "
## How to read this

- *Cold*: the module's caches are empty. *Warm*: it has listed this card before, in another process, and looked at it
  less than a minute ago. *Card just inserted*: the card was taken out and put back since. OpenSC without its file cache
  is always cold. Its file cache is off unless a person turns it on, and is never compared with the card again.
- Before each run the card is as after power on: nothing selected, no PIN verified.
- *List all*: token info, then certificates, public keys and the private keys that show without a PIN, with their values.
- *First* signatures count from the load of the module, *second* ones alone. P-256 is 9E, which wants no PIN, unless 9C is
  named. The 100 signatures come after a first one and are counted without it: P-256 in both models, RSA-2048 where keys
  take no extra time, as 400 ms each are the card's and tell nothing of a module.
- The virtual card's CHUID is signed, 1.7 kB, as real ones are. OpenSC reads it whole in every process, file cache or not;
  so its data objects cost it less afterwards, while ours reads it whole for them alone.
- The floor of a cold listing: SELECT, one look at the CHUID, and the blocks of Key History and the certificates.
- Extended length: a plain PIV card, as a Crescendo Key's own reader takes short APDUs only. OpenSC does not use it.
- ykcs11 is not here: it looks only at readers that are called Yubico.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let told = [0.0, 0.5, 4.256, 26.04, 146.4, 4194.0].map(number);
        assert_eq!(told, ["0", "0.50", "4.26", "26.0", "146", "4194"]);
        assert_eq!([0.0012, 0.5, 2.44, 13.9].map(ratio), ["0.001", "0.50", "2.4", "14"]);
    }
}
