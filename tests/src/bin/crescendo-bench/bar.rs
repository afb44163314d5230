//! What the report promises, and whether it was kept: told, never a failure.

use crate::measure::Measured;
use crate::row::{Card, Model};
use crate::sample::Sample;

/// How many APDUs a cold listing may cost beyond its floor: Discovery, PIN state, and SELECT once more.
const ABOVE_FLOOR: u64 = 3;
/// How many a cold listing of four certificates may cost with extended length: each object is one.
const EXTENDED_COLD: u64 = 9;

/// A figure beside its bar.
pub(crate) struct Bar {
    pub(crate) text: String,
    pub(crate) value: f64,
    pub(crate) limit: f64,
    pub(crate) unit: &'static str,
}

/// A bar that is met up to its very limit.
pub(crate) fn at_most(text: impl Into<String>, value: f64, limit: f64, unit: &'static str) -> Bar {
    Bar { text: text.into(), value, limit, unit }
}

impl Bar {
    pub(crate) fn word(&self) -> &'static str {
        if self.value <= self.limit { "ok" } else { "MISSED" }
    }
}

/// What the bars are judged by.
pub(crate) struct Facts {
    pub(crate) measured: Vec<Measured>,
    /// The least a cold listing can cost, by card.
    pub(crate) floors: Vec<(Card, u64)>,
    /// Milliseconds of pcscd's own.
    pub(crate) pcscd: f64,
    /// System calls of an idle program.
    pub(crate) idle: usize,
}

impl Facts {
    /// Every bar of the contact model.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        [self.lists(), self.keys(), self.rest()].into_iter().flatten().collect()
    }

    fn lists(&self) -> Vec<Bar> {
        let inserted = self.ours("list-inserted");
        let mut bars = vec![
            apdus("warm list, 4 certificates, card just inserted", inserted, 8),
            at_most("the same", inserted.milliseconds, 75.0, "ms"),
        ];
        for certificates in ["15", "24"] {
            let [warm, _, cached] = self.row(&format!("list-warm-{certificates}"));
            let [_, cold, _] = self.row(&format!("list-cold-{certificates}"));
            let text = format!("warm list, {certificates} certificates");
            bars.extend([
                apdus(&text, warm, 4),
                at_most(
                    format!("{text}, to OpenSC's warm"),
                    warm.milliseconds / cached.milliseconds,
                    0.5,
                    "times",
                ),
                at_most(
                    format!("{text}, to OpenSC's cold"),
                    warm.milliseconds / cold.milliseconds,
                    0.05,
                    "times",
                ),
            ]);
        }
        for (id, card) in
            [("list-cold", Card::Four), ("list-cold-15", Card::Fifteen), ("list-cold-24", Card::TwentyFour)]
        {
            let floor = self.floor(card);
            let text = format!("{}, floor {floor}", self.find(id).row.text);
            bars.push(apdus(&text, self.ours(id), floor + ABOVE_FLOOR));
        }
        let text = "list all, 4 certificates, cold, extended length";
        bars.push(apdus(text, self.ours("extended-cold"), EXTENDED_COLD));
        bars
    }

    fn keys(&self) -> Vec<Bar> {
        let bar = |id: &str, limit| apdus(self.find(id).row.text, self.ours(id), limit);
        vec![
            bar("second-p256", 1),
            bar("second-rsa", 3),
            bar("extended-rsa", 1),
            bar("second-9c", 3),
            // 2 SELECT, CHUID head, Key History, empty VERIFY, VERIFY, a certificate's head, the signature's 3.
            bar("first-rsa", 10),
        ]
    }

    #[expect(clippy::cast_precision_loss, reason = "a few calls")]
    fn rest(&self) -> Vec<Bar> {
        let start = self.ours("start");
        vec![
            apdus("C_Initialize, C_GetSlotList", start, 0),
            at_most("the same beyond pcscd's own", start.milliseconds - self.pcscd, 5.0, "ms"),
            at_most("idle for 20 s: system calls", self.idle as f64, 0.0, ""),
        ]
    }

    fn floor(&self, card: Card) -> u64 {
        let floor = self.floors.iter().find(|(its, _)| *its == card);
        floor.unwrap_or_else(|| panic!("no floor of {card:?}")).1
    }

    fn ours(&self, id: &str) -> Sample {
        self.row(id)[0]
    }

    fn row(&self, id: &str) -> [Sample; 3] {
        self.find(id).medians
    }

    fn find(&self, id: &str) -> &Measured {
        let found = self.measured.iter().find(|it| it.row.id == id && it.model == Model::Contact);
        found.unwrap_or_else(|| panic!("{id} was not measured"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred APDUs")]
fn apdus(text: &str, sample: Sample, limit: u64) -> Bar {
    at_most(text, sample.apdus as f64, limit as f64, "APDUs")
}
