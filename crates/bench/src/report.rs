//! Tables of figures: medians and spread of each way, ratios against their targets.

use crate::{Measure, load::Done, machine::Reading};
use comfy_table::Table;
use serde_json::{Value, json};

/// One way of doing it, turn by turn.
#[derive(Debug)]
pub struct Way {
    name: &'static str,
    turns: Vec<(f64, f64, Reading)>,
}

/// The median of figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

impl Way {
    /// A way without a turn yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, turns: Vec::new() }
    }

    /// Adds a turn.
    pub fn add(&mut self, done: &Done, cost: Reading) {
        self.add_count(done.ids.len() as f64, done.seconds, cost);
    }

    /// Adds a turn that was counted elsewhere.
    pub fn add_count(&mut self, count: f64, seconds: f64, cost: Reading) {
        self.turns.push((count, seconds, cost));
    }

    fn each(&self, figure: impl Fn(&(f64, f64, Reading)) -> f64) -> Vec<f64> {
        self.turns.iter().map(figure).collect()
    }

    /// How many a second, the median.
    pub fn rate(&self) -> f64 {
        median(self.each(|(count, seconds, _)| count / seconds))
    }

    /// A cost of each, the median.
    pub fn of_each(&self, cost: impl Fn(&Reading) -> f64) -> f64 {
        median(self.each(|(count, _, reading)| cost(reading) / count))
    }

    /// How many for each of something, over all turns.
    pub fn per(&self, something: impl Fn(&Reading) -> f64) -> f64 {
        let all: f64 = self.turns.iter().map(|(count, ..)| count).sum();
        all / self.turns.iter().map(|(.., reading)| something(reading)).sum::<f64>().max(1.0)
    }

    /// How many, over all turns.
    pub fn count(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = self.turns.iter().map(|(count, ..)| count).sum::<f64>() as usize;
        count
    }

    fn spread(&self) -> (f64, f64) {
        let rates = self.each(|(count, seconds, _)| count / seconds);
        (rates.iter().copied().fold(f64::MAX, f64::min), rates.iter().copied().fold(0.0, f64::max))
    }

    fn figures(&self) -> Value {
        let (least, most) = self.spread();
        json!({
            "way": self.name, "a_second": self.rate(), "least": least, "most": most,
            "server_us": self.of_each(|cost| cost.server) * 1e6, "database_us": self.of_each(|cost| cost.database) * 1e6,
            "client_us": self.of_each(|cost| cost.client) * 1e6, "per_sync": self.per(|cost| cost.syncs as f64),
            "log_bytes": self.of_each(|cost| cost.log as f64),
        })
    }
}

/// One row of the targets.
#[derive(Debug)]
pub struct Target {
    /// Its number in docs/performance.md, and what it is.
    pub what: &'static str,
    /// What was measured.
    pub value: f64,
    /// What is aimed at, and what is a defect if not reached.
    pub bounds: (f64, f64),
    /// Whether more is better.
    pub more: bool,
}

impl Target {
    /// More is better.
    pub fn at_least(what: &'static str, value: f64, target: f64, floor: f64) -> Self {
        Self { what, value, bounds: (target, floor), more: true }
    }

    /// Less is better.
    pub fn at_most(what: &'static str, value: f64, target: f64, floor: f64) -> Self {
        Self { what, value, bounds: (target, floor), more: false }
    }

    fn verdict(&self) -> &'static str {
        let reaches =
            |bound: f64| if self.more { self.value >= bound } else { self.value <= bound };
        match (reaches(self.bounds.0), reaches(self.bounds.1)) {
            (true, _) => "target",
            (_, true) => "floor",
            _ => "BELOW",
        }
    }
}

/// Prints what was measured, and writes it down where that was asked for.
pub fn print(measure: &Measure, ways: &[Way], targets: &[Target], more: &Value) {
    let mut table = Table::new();
    table.set_header([
        "way",
        "a second",
        "least–most",
        "µs service",
        "µs database",
        "µs callers",
        "per sync",
        "log bytes",
    ]);
    for way in ways {
        let (least, most) = way.spread();
        table.add_row([
            way.name.to_owned(),
            format!("{:.0}", way.rate()),
            format!("{least:.0}–{most:.0}"),
            format!("{:.0}", way.of_each(|cost| cost.server) * 1e6),
            format!("{:.0}", way.of_each(|cost| cost.database) * 1e6),
            format!("{:.0}", way.of_each(|cost| cost.client) * 1e6),
            format!("{:.0}", way.per(|cost| cost.syncs as f64)),
            format!("{:.0}", way.of_each(|cost| cost.log as f64)),
        ]);
    }
    println!("{table}");
    let mut table = Table::new();
    table.set_header(["ratio", "measured", "target", "floor", ""]);
    for this_target in targets {
        let (target, floor) = this_target.bounds;
        let verdict = if measure.quick { "quick" } else { this_target.verdict() };
        table.add_row([
            this_target.what.to_owned(),
            format!("{:.3}", this_target.value),
            target.to_string(),
            floor.to_string(),
            verdict.to_owned(),
        ]);
    }
    println!("{table}");
    let rows: Vec<_> = targets
        .iter()
        .map(|target| json!({ "what": target.what, "measured": target.value, "target": target.bounds.0, "floor": target.bounds.1, "verdict": target.verdict() }))
        .collect();
    let all = json!({
        "quick": measure.quick, "callers": measure.callers, "seconds": measure.seconds, "rounds": measure.rounds,
        "accounts": measure.accounts, "ways": ways.iter().map(Way::figures).collect::<Vec<_>>(), "ratios": rows, "more": more,
    });
    println!("{all}");
    if let Some(file) = &measure.json {
        std::fs::write(file, format!("{all:#}\n")).expect("the file is written");
    }
}
