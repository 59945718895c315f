//! Where an axis begins and ends, and where it is marked.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::model::{Axis, Scale, Unit};

/// Marks of an axis, about.
const MARKS: f64 = 5.0;

/// An axis with its marks; plotters maps points through it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ticks {
    range: Range<f64>,
    is_log: bool,
    pub(crate) at: Vec<f64>,
}

impl Ticks {
    /// For points from `least` to `most`; a linear axis begins at zero.
    pub(crate) fn new(axis: &Axis, least: f64, most: f64) -> Ticks {
        match axis.scale {
            Scale::Linear => linear(axis.unit, least.min(0.0), most),
            Scale::Log => log(axis.unit, least, most),
        }
    }

    /// For `count` categories, marked at every one of them, or at as many as have room.
    pub(crate) fn categories(count: usize, room: usize) -> Ticks {
        let step = count.div_ceil(room.max(1)).max(1);
        let at = (0..count).step_by(step).map(|at| at as f64).collect();
        // One or two bars need not fill the picture.
        let (middle, half) = (count as f64 / 2.0 - 0.5, (count.max(3) as f64) / 2.0);
        Ticks { range: middle - half..middle + half, is_log: false, at }
    }

    /// For points from `least` to `most`, without room at the ends.
    pub(crate) fn tight(axis: &Axis, least: f64, most: f64) -> Ticks {
        let mut ticks = Ticks::new(axis, least, most);
        if axis.scale == Scale::Linear && most > least {
            ticks.range = least..most;
        }
        ticks.at.retain(|at| (ticks.range.start..=ticks.range.end).contains(at));
        ticks
    }

    pub(crate) fn contains(&self, value: f64) -> bool {
        (self.range.start..=self.range.end).contains(&value)
    }

    pub(crate) fn start(&self) -> f64 {
        self.range.start
    }
}

fn linear(unit: Unit, least: f64, most: f64) -> Ticks {
    let most = if most > least { most } else { least + 1.0 };
    // Marks are round in the unit that is shown: 0.5 GiB, not 0.537.
    let shown = match unit {
        Unit::Bytes | Unit::BytesPerSecond => {
            1024_f64.powf((most.log2() / 10.0).floor().clamp(0.0, 5.0))
        }
        _ => 1.0,
    };
    let rough = (most - least) / shown / MARKS;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|nice| nice * power).into_iter().find(|s| *s >= rough);
    let mut step = step.unwrap_or(10.0 * power) * shown;
    if unit == Unit::Count {
        step = step.max(if most < 1.0 { 0.0 } else { 1.0 }).max(f64::MIN_POSITIVE);
    }
    let first = (least / step).floor();
    // A little room above, but nothing is more than all of it.
    let room = if unit == Unit::Percent && most <= 100.0 { 1.0 } else { 1.02 };
    let last = (most * room / step).ceil();
    let mut at = Vec::new();
    let mut mark = first;
    while mark <= last && at.len() < 32 {
        at.push(mark * step);
        mark += 1.0;
    }
    Ticks { range: first * step..last * step, is_log: false, at }
}

fn log(unit: Unit, least: f64, most: f64) -> Ticks {
    // Sizes and depths go in powers of two.
    let base: f64 = if matches!(unit, Unit::Bytes | Unit::Count) { 2.0 } else { 10.0 };
    let least = least.max(f64::MIN_POSITIVE);
    let most = most.max(least);
    let exponent = |value: f64| value.ln() / base.ln();
    let start = (exponent(least) + 1e-9).floor();
    let end = (exponent(most) - 1e-9).ceil().max(start + 1.0);
    let stride = ((end - start) / (MARKS + 1.0)).ceil().max(1.0);
    let mut at = Vec::new();
    let mut mark = start;
    while mark <= end && at.len() < 32 {
        let value = base.powf(mark);
        at.push(value);
        if base == 10.0 && end - start < 3.0 && mark < end {
            at.extend([2.0 * value, 5.0 * value]);
        }
        mark += stride;
    }
    Ticks { range: base.powf(start)..base.powf(end), is_log: true, at }
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let place =
            |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let (start, end) = (place(self.range.start), place(self.range.end));
        let share = ((place(*value) - start) / (end - start)).clamp(0.0, 1.0);
        let width = f64::from(limit.1) - f64::from(limit.0);
        #[expect(clippy::cast_possible_truncation, reason = "between the two limits")]
        let at = (f64::from(limit.0) + share * width).round() as i32;
        at
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.at.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Ticks {
    fn format_ext(&self, value: &f64) -> String {
        value.to_string()
    }
}

/// A mark in few characters: `2 GiB/s`, `90 %`.
pub(crate) fn text(unit: Unit, value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let shown = unit.show(value);
    match shown.split_once(' ') {
        Some((number, unit)) => format!("{} {unit}", short(number)),
        None => short(&shown).to_owned(),
    }
}

fn short(number: &str) -> &str {
    if !number.contains('.') || number.contains('e') {
        return number;
    }
    number.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(axis: &Axis, least: f64, most: f64) -> Vec<String> {
        Ticks::new(axis, least, most).at.iter().map(|at| text(axis.unit, *at)).collect()
    }

    #[test]
    fn marks_are_round_in_the_unit_shown() {
        let bytes = Axis::linear("b", Unit::BytesPerSecond);
        let gib = (1_u64 << 30) as f64;
        let expect = ["0", "512 MiB/s", "1 GiB/s", "1.5 GiB/s", "2 GiB/s"];
        assert_eq!(marks(&bytes, 1.0, 1.9 * gib), expect);
        let percent = Axis::linear("p", Unit::Percent);
        assert_eq!(marks(&percent, 80.0, 98.0), ["0", "20 %", "40 %", "60 %", "80 %", "100 %"]);
        let counts = Axis::linear("n", Unit::Count);
        assert_eq!(marks(&counts, 0.0, 2.0), ["0", "1", "2", "3"]);
        let log = Axis::log("t", Unit::Nanoseconds);
        assert_eq!(marks(&log, 1.5e6, 9e6), ["1 ms", "2 ms", "5 ms", "10 ms"]);
        let sizes = Axis::log("s", Unit::Bytes);
        let expect = ["4 KiB", "16 KiB", "64 KiB", "256 KiB", "1 MiB"];
        assert_eq!(marks(&sizes, 4096.0, 1_048_576.0), expect);
    }

    #[test]
    fn odd_ranges_end() {
        let axis = Axis::linear("n", Unit::Seconds);
        for (least, most) in [(0.0, 0.0), (5.0, 5.0), (0.0, 1e-300), (0.0, 1e300), (-3.0, -3.0)] {
            assert!(Ticks::new(&axis, least, most).at.len() <= 32, "{least} {most}");
        }
        let axis = Axis::log("n", Unit::Bytes);
        for (least, most) in [(0.0, 0.0), (1.0, 1.0), (1e-300, 1e300)] {
            assert!(Ticks::new(&axis, least, most).at.len() <= 40, "{least} {most}");
        }
    }
}
