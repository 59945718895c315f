//! The steps of a run one by one, from DLIO's `N_output.json`: how long each waited for its batch,
//! how long it computed.

use serde_json::Value;

use crate::model::{Axis, Chart, Drawn, Series, Unit};
use ringquet_result::Fields;

/// Stretches of steps that are drawn; more lie closer together than pixels.
const STRETCHES_MAX: usize = 300;

/// Times of one step over all ranks that were read, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    load_mean: f64,
    load_max: f64,
    compute_mean: f64,
}

/// A chart of the steps, if there are any.
pub(crate) fn chart(ranks: &[Value]) -> Option<Chart> {
    let steps = steps(ranks);
    if steps.is_empty() {
        return None;
    }
    let stretch = steps.len().div_ceil(STRETCHES_MAX);
    let line = |name: &str, of: fn(&[Step]) -> f64| Series {
        name: name.to_owned(),
        points: steps
            .chunks(stretch)
            .enumerate()
            .map(|(at, steps)| ((at * stretch + 1) as f64, of(steps)))
            .collect(),
    };
    let per = if stretch == 1 {
        String::new()
    } else {
        format!(" Each point is {stretch} steps: means, and the longest load among them.")
    };
    Some(Chart {
        id: "steps",
        title: "Steps one by one".to_owned(),
        drawn: Drawn::Lines,
        x: Axis::linear("step, over all epochs", Unit::Count),
        categories: Vec::new(),
        y: Axis::log("time", Unit::Seconds),
        series: vec![
            line("compute", |steps| mean(steps, |step| step.compute_mean)),
            line("load, mean", |steps| mean(steps, |step| step.load_mean)),
            line("load, longest", |steps| steps.iter().map(|s| s.load_max).fold(0.0, f64::max)),
        ],
        level: None,
        note: format!(
            "Over {} accelerator{}; a step whose load shows above its computation would starve a real one.{per}",
            ranks.len(),
            if ranks.len() == 1 { "" } else { "s" },
        ),
    })
}

fn mean(steps: &[Step], of: fn(&Step) -> f64) -> f64 {
    steps.iter().map(of).sum::<f64>() / steps.len() as f64
}

/// The steps of all epochs in their order; where ranks have different numbers of them, those of all.
fn steps(ranks: &[Value]) -> Vec<Step> {
    let mut all = Vec::new();
    for epoch in 1_u32.. {
        let of_rank = |kind: &str| -> Vec<Vec<f64>> {
            let times = |rank| Fields(rank).numbers(&format!("{epoch}.{kind}.block1"));
            ranks.iter().map(times).collect()
        };
        let (load, compute) = (of_rank("load"), of_rank("compute"));
        let count = load.iter().chain(&compute).map(Vec::len).min().unwrap_or(0);
        if count == 0 {
            break;
        }
        let ranks = ranks.len() as f64;
        for at in 0..count {
            let over = |times: &[Vec<f64>]| times.iter().map(|rank| rank[at]).sum::<f64>() / ranks;
            all.push(Step {
                load_mean: over(&load),
                load_max: load.iter().map(|rank| rank[at]).fold(0.0, f64::max),
                compute_mean: over(&compute),
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranks_are_averaged_and_the_longest_load_is_kept() {
        let rank = |load: [f64; 2]| {
            json!({"1": {"load": {"block1": load}, "compute": {"block1": [0.5, 0.5]}},
                   "2": {"load": {"block1": [0.1]}, "compute": {"block1": [0.5]}}, "hostname": "h"})
        };
        let found = steps(&[rank([0.1, 0.2]), rank([0.3, 0.2])]);
        assert_eq!(found.len(), 3);
        assert!((found[0].load_mean - 0.2).abs() < 1e-12);
        assert_eq!(found[0].load_max, 0.3);
        assert!(chart(&[]).is_none());
        assert!(chart(&[json!({"1": {"load": 7}})]).is_none());
    }

    #[test]
    fn many_steps_become_stretches() {
        let times = vec![0.001; 1000];
        let rank = json!({"1": {"load": {"block1": times}, "compute": {"block1": times}}});
        let chart = super::chart(&[rank]).unwrap();
        assert_eq!(chart.series[0].points.len(), 250);
        assert!(chart.note.contains("4 steps"), "{}", chart.note);
    }
}
