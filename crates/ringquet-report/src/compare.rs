//! Several results side by side: numbers of equal keys and names in one row, charts of equal ids as one.

use crate::model::{Better, Chart, Drawn, MetricValue, ResultEntry, Series};
use crate::units;

/// Series that one chart can show and an eye can distinguish: as many as there are colours.
pub(crate) const SERIES_MAX: usize = 8;

/// A row of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row<'a> {
    /// Of the first result that has it.
    pub(crate) metric: &'a MetricValue,
    /// Of each result, where it has it.
    pub(crate) values: Vec<Option<&'a MetricValue>>,
}

/// How a value compares with the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetricChange {
    /// In per cent, with a sign.
    pub(crate) text: String,
    /// Better, worse, or neither.
    pub(crate) trend: Trend,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trend {
    Better,
    Worse,
    Neither,
}

/// Below this many per cent a change is noise and not called better or worse.
const NOISE_PERCENT: f64 = 1.0;

/// One row for each number that some result has, in the order in which they come up.
pub(crate) fn rows(entries: &[ResultEntry]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        for metric in &entry.metrics {
            // `seconds` of a run and of a characterisation are not the same thing, and are called differently.
            let is_same = |row: &&mut Row<'_>| {
                row.metric.key == metric.key && row.metric.label == metric.label
            };
            let row = rows.iter_mut().find(is_same);
            match row {
                Some(row) => row.values[at] = Some(metric),
                None => {
                    let mut values = vec![None; entries.len()];
                    values[at] = Some(metric);
                    rows.push(Row { metric, values });
                }
            }
        }
    }
    rows
}

/// The change from `first` to `value`.
pub(crate) fn change(first: &MetricValue, value: &MetricValue) -> Option<MetricChange> {
    let text = units::change(first.value, value.value)?;
    let percent = 100.0 * (value.value - first.value) / first.value.abs();
    let trend = match first.better {
        Better::Higher if percent > NOISE_PERCENT => Trend::Better,
        Better::Lower if percent < -NOISE_PERCENT => Trend::Better,
        Better::Higher if percent < -NOISE_PERCENT => Trend::Worse,
        Better::Lower if percent > NOISE_PERCENT => Trend::Worse,
        _ => Trend::Neither,
    };
    Some(MetricChange { text, trend })
}

/// Takes the charts of all entries; those of equal ids become one where eight series are enough.
pub(crate) fn take_charts(entries: &mut [ResultEntry]) -> Vec<Chart> {
    let several = entries.len() > 1;
    let mut groups: Vec<Vec<(String, Chart)>> = Vec::new();
    for entry in entries {
        for chart in std::mem::take(&mut entry.charts) {
            let with = (entry.label.clone(), chart);
            match groups.iter_mut().find(|group| group[0].1.id == with.1.id) {
                Some(group) => group.push(with),
                None => groups.push(vec![with]),
            }
        }
    }
    groups
        .into_iter()
        .flat_map(|group| if several { merged(group) } else { apart(group) })
        .collect()
}

fn apart(group: Vec<(String, Chart)>) -> Vec<Chart> {
    group.into_iter().map(|(_, chart)| chart).collect()
}

/// The charts of one id, each with the label of its result.
fn merged(mut group: Vec<(String, Chart)>) -> Vec<Chart> {
    let stacked = group[0].1.drawn == Drawn::Stacked;
    let all: usize = group.iter().map(|(_, chart)| chart.series.len()).sum();
    if !stacked && all > SERIES_MAX {
        for (label, chart) in &mut group {
            chart.title = format!("{label}: {}", chart.title);
        }
        return apart(group);
    }
    let levels: Vec<_> = group.iter().map(|(_, chart)| chart.level.clone()).collect();
    let notes_agree = group.iter().all(|(_, chart)| chart.note == group[0].1.note);
    if !notes_agree {
        let told = group.iter().map(|(label, chart)| format!("{label}: {}", chart.note));
        group[0].1.note = told.collect::<Vec<_>>().join(" ");
    }
    let mut charts = group.into_iter();
    let Some((label, mut one)) = charts.next() else { return Vec::new() };
    rename(&mut one, &label);
    for (label, mut chart) in charts {
        rename(&mut chart, &label);
        add(&mut one, chart);
    }
    if levels.iter().any(|level| *level != levels[0]) {
        one.level = None;
    }
    vec![one]
}

/// Puts the label where the results differ: into the categories of a stack, else into the series.
fn rename(chart: &mut Chart, label: &str) {
    let with = |name: &str| format!("{label} {name}").trim_end().to_owned();
    if chart.drawn == Drawn::Stacked {
        chart.categories.iter_mut().for_each(|name| *name = with(name));
    } else if let [only] = &mut chart.series[..] {
        only.name = label.to_owned();
    } else {
        chart.series.iter_mut().for_each(|series| series.name = with(&series.name));
    }
}

fn add(one: &mut Chart, chart: Chart) {
    let place = |name: &String, one: &mut Chart| {
        let found = one.categories.iter().position(|known| known == name);
        found.unwrap_or_else(|| {
            one.categories.push(name.clone());
            one.categories.len() - 1
        })
    };
    let places: Vec<usize> = chart.categories.iter().map(|name| place(name, one)).collect();
    for Series { name, mut points } in chart.series {
        for point in &mut points {
            // Positions of categories are small whole numbers.
            let at = places.iter().enumerate().find(|(index, _)| *index as f64 == point.0);
            if let Some((_, place)) = at {
                point.0 = *place as f64;
            }
        }
        match one.series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.extend(points),
            None => one.series.push(Series { name, points }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Axis, Unit};

    fn metric(key: &str, value: f64, better: Better) -> MetricValue {
        MetricValue { key: key.to_owned(), label: key.to_owned(), value, unit: Unit::Count, better }
    }

    fn chart(drawn: Drawn, categories: &[&str], series: &[(&str, &[(f64, f64)])]) -> Chart {
        let series = series
            .iter()
            .map(|(name, points)| Series { name: (*name).to_owned(), points: points.to_vec() });
        Chart {
            id: "c",
            title: "C".to_owned(),
            drawn,
            x: Axis::linear("x", Unit::Count),
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            y: Axis::linear("y", Unit::Count),
            series: series.collect(),
            level: None,
            note: String::new(),
        }
    }

    fn entries(charts: Vec<Chart>) -> Vec<ResultEntry> {
        let entry = |(label, chart): (usize, Chart)| ResultEntry {
            label: ["A", "B", "C"][label].to_owned(),
            charts: vec![chart],
            ..ResultEntry::default()
        };
        charts.into_iter().enumerate().map(entry).collect()
    }

    #[test]
    fn rows_are_by_key_and_changes_know_their_direction() {
        let mut all = entries(Vec::new());
        all.push(ResultEntry {
            metrics: vec![metric("a", 10.0, Better::Lower)],
            ..ResultEntry::default()
        });
        all.push(ResultEntry {
            metrics: vec![metric("b", 1.0, Better::Higher), metric("a", 12.0, Better::Lower)],
            ..ResultEntry::default()
        });
        let rows = rows(&all);
        assert_eq!(rows.len(), 2);
        let (first, second) = (rows[0].values[0].unwrap(), rows[0].values[1].unwrap());
        let expect = MetricChange { text: "+20.0 %".to_owned(), trend: Trend::Worse };
        assert_eq!(change(first, second), Some(expect));
        assert_eq!(rows[1].values[0], None);
        let noise = change(first, &metric("a", 10.05, Better::Lower)).unwrap();
        assert_eq!(noise.trend, Trend::Neither);
        let other = MetricValue { label: "another".to_owned(), ..metric("a", 3.0, Better::Lower) };
        all.push(ResultEntry { metrics: vec![other], ..ResultEntry::default() });
        assert_eq!(super::rows(&all).len(), 3, "a number of the same key and another name");
    }

    #[test]
    fn bars_of_two_results_stand_over_the_categories_of_both() {
        let a = chart(Drawn::Bars, &["sda", "sdb"], &[("read", &[(0.0, 1.0), (1.0, 2.0)])]);
        let b = chart(Drawn::Bars, &["sdb", "sdc"], &[("read", &[(0.0, 3.0), (1.0, 4.0)])]);
        let [one] = &take_charts(&mut entries(vec![a, b]))[..] else { panic!("one chart") };
        assert_eq!(one.categories, ["sda", "sdb", "sdc"]);
        assert_eq!(one.series[1].name, "B");
        assert_eq!(one.series[1].points, [(1.0, 3.0), (2.0, 4.0)]);
    }

    #[test]
    fn stacks_stand_beside_each_other() {
        let a = chart(Drawn::Stacked, &[""], &[("x", &[(0.0, 1.0)]), ("y", &[(0.0, 2.0)])]);
        let b = chart(Drawn::Stacked, &[""], &[("x", &[(0.0, 3.0)])]);
        let [one] = &take_charts(&mut entries(vec![a, b]))[..] else { panic!("one chart") };
        assert_eq!(one.categories, ["A", "B"]);
        assert_eq!(one.series[0].points, [(0.0, 1.0), (1.0, 3.0)]);
        assert_eq!(one.series.len(), 2);
    }

    #[test]
    fn too_many_series_stay_apart() {
        let many: Vec<(&str, &[(f64, f64)])> = vec![("s", &[(0.0, 1.0)]); 5];
        let charts = vec![chart(Drawn::Lines, &[], &many), chart(Drawn::Lines, &[], &many)];
        let charts = take_charts(&mut entries(charts));
        let titles: Vec<&str> = charts.iter().map(|chart| &*chart.title).collect();
        assert_eq!(titles, ["A: C", "B: C"]);
    }
}
