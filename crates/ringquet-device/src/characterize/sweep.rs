//! Which points are measured: block size × queue depth × threads, sequential and random.

use std::time::Duration;

use serde::Serialize;

/// Reads in flight of one thread in bytes, at most: a thread's arena in a point. Points beyond it are left out.
pub const IN_FLIGHT_BYTES_MAX: u64 = 64 << 20;

/// In which order blocks are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// One after another, each thread in a part of its own.
    Sequential,
    /// Anywhere.
    Random,
}

impl Access {
    /// As shown in text.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Sequential => "sequential",
            Access::Random => "random",
        }
    }
}

/// One point of the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepPoint {
    /// Sequential or random.
    pub access: Access,
    /// Bytes of one read.
    pub block_bytes: u32,
    /// Reads in flight per thread.
    pub queue_depth: u32,
    /// Reader threads.
    pub threads: usize,
    /// The device is polled.
    pub iopoll: bool,
    /// Buffers are to be registered with the ring.
    pub registered_buffers: bool,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// About two minutes: four curves, one thread and all.
    Quick,
    /// A quarter of an hour to an hour, by the number of CPUs.
    Normal,
    /// Every power of two: hours.
    Full,
}

impl Preset {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::Quick => "quick",
            Preset::Normal => "normal",
            Preset::Full => "full",
        }
    }

    /// Length of a round; a point takes one to start up and at least five more.
    pub fn round(self) -> Duration {
        match self {
            Preset::Quick => Duration::from_millis(250),
            Preset::Normal => Duration::from_millis(500),
            Preset::Full => Duration::from_secs(1),
        }
    }

    /// Rounds after which a point that is not steady is taken as it is, and reported as not steady. PTS ends at 25.
    pub fn rounds_max(self) -> usize {
        match self {
            Preset::Quick => 12,
            Preset::Normal | Preset::Full => 25,
        }
    }

    /// Size of the test file in bytes: larger than the memory of a drive, and of a RAID controller in front of it.
    pub fn test_file_bytes(self) -> u64 {
        match self {
            Preset::Quick => 2 << 30,
            Preset::Normal => 8 << 30,
            Preset::Full => 32 << 30,
        }
    }

    /// Seconds that each reading of the Parquet line lasts at most.
    pub fn parquet_seconds(self) -> f64 {
        match self {
            Preset::Quick => 5.0,
            Preset::Normal => 20.0,
            Preset::Full => 60.0,
        }
    }
}

/// A curve family: its access, its block size, its depths.
type Curve = (Access, u32, Vec<u32>);

/// Values that replace those of the preset.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Axes {
    /// Block sizes in bytes.
    pub block_bytes: Option<Vec<u32>>,
    /// Queue depths.
    pub queue_depths: Option<Vec<u32>>,
    /// Numbers of threads.
    pub threads: Option<Vec<usize>>,
    /// Only this access.
    pub access: Option<Access>,
}

/// The points of a sweep on `cpus` CPUs over files of which the shortest has `len_bytes`: every point once, short
/// depths first. A block must fit into the file 16 times.
pub fn points(preset: Preset, axes: &Axes, cpus: usize, len_bytes: u64) -> Vec<SweepPoint> {
    let threads = axes.threads.clone().unwrap_or_else(|| thread_counts(preset, cpus));
    let mut points = Vec::new();
    for (access, block_bytes, queue_depths) in curves(preset, axes) {
        if axes.access.is_some_and(|only| only != access) || len_bytes / 16 < u64::from(block_bytes)
        {
            continue;
        }
        for &threads in &threads {
            for &queue_depth in &queue_depths {
                let point = SweepPoint {
                    access,
                    block_bytes,
                    queue_depth,
                    threads,
                    iopoll: false,
                    registered_buffers: true,
                };
                let in_flight = u64::from(block_bytes) * u64::from(queue_depth);
                if in_flight <= IN_FLIGHT_BYTES_MAX && !points.contains(&point) {
                    points.push(point);
                }
            }
        }
    }
    points
}

fn curves(preset: Preset, axes: &Axes) -> Vec<Curve> {
    use Access::{Random, Sequential};
    let kib = |n: u32| n << 10;
    let powers = |to: u32| (0..=to.ilog2()).map(|n| 1 << n).collect::<Vec<u32>>();
    let mut curves: Vec<Curve> = match preset {
        Preset::Quick => vec![
            (Random, kib(4), vec![1, 8, 32, 128]),
            (Random, kib(64), vec![8, 32]),
            (Sequential, kib(128), vec![4, 16, 64]),
            (Sequential, kib(512), vec![1, 2, 4, 8, 16, 32]),
        ],
        Preset::Normal => {
            let random = [4, 16, 64, 512].map(|n| (Random, kib(n), powers(128)));
            let sequential = [64, 256, 512, 1024].map(|n| (Sequential, kib(n), powers(128)));
            random.into_iter().chain(sequential).collect()
        }
        Preset::Full => [Random, Sequential]
            .into_iter()
            .flat_map(|access| (0..=10).map(move |n| (access, kib(4) << n, powers(512))))
            .collect(),
    };
    if let Some(blocks) = &axes.block_bytes {
        let depths = |access| {
            let of_access = curves.iter().filter(|curve| curve.0 == access);
            of_access.max_by_key(|curve| curve.2.len()).map(|curve| curve.2.clone())
        };
        let of_block = |access| {
            let depths = depths(access).unwrap_or_default();
            blocks.iter().map(move |&block| (access, block, depths.clone()))
        };
        curves = [Random, Sequential].into_iter().flat_map(of_block).collect();
    }
    if let Some(depths) = &axes.queue_depths {
        for curve in &mut curves {
            curve.2.clone_from(depths);
        }
    }
    curves
}

fn thread_counts(preset: Preset, cpus: usize) -> Vec<usize> {
    let cpus = cpus.max(1);
    let factor = match preset {
        Preset::Quick => usize::MAX,
        Preset::Normal => 4,
        Preset::Full => 2,
    };
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), |&n: &usize| n.checked_mul(factor).filter(|&n| n < cpus))
            .collect();
    if cpus > 1 {
        counts.push(cpus);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(preset: Preset, axes: &Axes, cpus: usize) -> Vec<SweepPoint> {
        points(preset, axes, cpus, 1 << 40)
    }

    #[test]
    fn quick_stays_within_about_two_minutes() {
        for cpus in [2, 128] {
            let count = at(Preset::Quick, &Axes::default(), cpus).len();
            // The ramp, and all rounds of a point that never gets steady.
            let rounds = Preset::Quick.rounds_max() + 1;
            // Four extra points come on top.
            let seconds = (count + 4) as f64 * rounds as f64 * Preset::Quick.round().as_secs_f64();
            assert!(seconds <= 120.0, "{count} points, {seconds} s");
        }
    }

    #[test]
    fn presets_grow_and_no_point_comes_twice() {
        let count = |preset| {
            let points = at(preset, &Axes::default(), 16);
            for (n, point) in points.iter().enumerate() {
                assert!(!points[..n].contains(point), "{point:?} comes twice");
                assert!(
                    u64::from(point.block_bytes) * u64::from(point.queue_depth)
                        <= IN_FLIGHT_BYTES_MAX
                );
            }
            points.len()
        };
        assert!(count(Preset::Quick) < count(Preset::Normal));
        assert!(count(Preset::Normal) < count(Preset::Full));
    }

    #[test]
    fn threads_by_preset() {
        assert_eq!(thread_counts(Preset::Quick, 1), [1]);
        assert_eq!(thread_counts(Preset::Quick, 64), [1, 64]);
        assert_eq!(thread_counts(Preset::Normal, 48), [1, 4, 16, 48]);
        assert_eq!(thread_counts(Preset::Full, 6), [1, 2, 4, 6]);
    }

    #[test]
    fn what_was_asked_for_replaces_the_axes() {
        let axes = Axes {
            block_bytes: Some(vec![8 << 10]),
            queue_depths: Some(vec![3, 5]),
            threads: Some(vec![2]),
            access: None,
        };
        let found = at(Preset::Quick, &axes, 64);
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|point| point.block_bytes == 8 << 10 && point.threads == 2));
        let random = Axes { access: Some(Access::Random), ..axes };
        assert_eq!(at(Preset::Quick, &random, 64).len(), 2);
    }

    #[test]
    fn blocks_that_hardly_fit_are_left_out() {
        let found = points(Preset::Quick, &Axes::default(), 1, 1 << 20);
        assert!(found.iter().all(|point| point.block_bytes <= 64 << 10) && !found.is_empty());
    }
}
