//! What a report holds, before it becomes HTML, Markdown or CSV: numbers with their units, tables of
//! text, charts as points.

use serde::Serialize;

pub use crate::units::Unit;

/// A report over one or more results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The results, in the order given.
    pub entries: Vec<ResultEntry>,
    /// Charts over several results.
    pub charts: Vec<Chart>,
}

/// One result.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResultEntry {
    /// `A`, `B`, …
    pub label: String,
    /// What it is a result of, as in `scan of /data/train`.
    pub name: String,
    /// The command that made it, or `dlio`.
    pub kind: String,
    /// Where it was read from.
    pub source: String,
    /// What was measured, the most important first.
    pub metrics: Vec<MetricValue>,
    /// Charts of this result.
    pub charts: Vec<Chart>,
    /// Tables of this result.
    pub tables: Vec<TextTable>,
    /// Numbers behind the tables, for other tools: in CSV only.
    pub details: Vec<Detail>,
    /// Where it was measured: key and value.
    pub environment: Vec<(String, String)>,
    /// How: key and value.
    pub settings: Vec<(String, String)>,
    /// Notes for the reader of the numbers.
    pub warnings: Vec<Remark>,
    /// The command line that does it again.
    pub command: Option<String>,
}

/// A warning of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Stable word.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// Which way a number gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Upwards.
    Higher,
    /// Downwards.
    Lower,
    /// It is what it is.
    Neither,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricValue {
    /// Key of the document that it came from: of two results, equal keys under equal labels are compared.
    pub key: String,
    /// For people.
    pub label: String,
    /// In `unit`.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
    /// Which way it gets better.
    pub better: Better,
}

/// A number of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// Of which table.
    pub table: &'static str,
    /// Its row.
    pub series: String,
    /// Its column: the key of the document.
    pub key: &'static str,
    /// In `unit`.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// A table of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextTable {
    /// Over it.
    pub title: String,
    /// Over its columns; the first holds words, the others numbers.
    pub columns: Vec<String>,
    /// One cell per column each.
    pub rows: Vec<Vec<String>>,
    /// Row to point out.
    pub picked: Option<usize>,
}

/// How the points of a chart are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drawn {
    /// A line through the points of each series.
    Lines,
    /// A bar for each point, those of one category side by side.
    Bars,
    /// A bar for each category, the series on top of each other.
    Stacked,
}

/// How an axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// From zero.
    Linear,
    /// By factors; points at or below zero are left out.
    Log,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// Beside it.
    pub label: String,
    /// Of its numbers.
    pub unit: Unit,
    /// How it counts.
    pub scale: Scale,
}

impl Axis {
    pub(crate) fn linear(label: &str, unit: Unit) -> Axis {
        Axis { label: label.to_owned(), unit, scale: Scale::Linear }
    }

    pub(crate) fn log(label: &str, unit: Unit) -> Axis {
        Axis { label: label.to_owned(), unit, scale: Scale::Log }
    }
}

/// Points of one name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// x and y; with categories x is the index of one.
    pub points: Vec<(f64, f64)>,
}

/// A level that the points are seen against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// y.
    pub at: f64,
    /// In the legend.
    pub name: String,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// Charts of several results with the same id are drawn as one.
    pub id: &'static str,
    /// Over it.
    pub title: String,
    /// How it is drawn.
    pub drawn: Drawn,
    /// Along the bottom.
    pub x: Axis,
    /// Names of the x positions 0, 1, 2, …; empty where x is a number.
    pub categories: Vec<String>,
    /// Upwards.
    pub y: Axis,
    /// The points.
    pub series: Vec<Series>,
    /// A level across.
    pub level: Option<Level>,
    /// One sentence on how to read it.
    pub note: String,
}

impl Chart {
    /// Whether there is anything to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.is_empty())
    }

    /// Name of an x position.
    pub(crate) fn position(&self, x: f64) -> String {
        let category = self.categories.iter().enumerate().find(|(index, _)| *index as f64 == x);
        category.map_or_else(|| self.x.unit.show(x), |(_, name)| name.clone())
    }
}
