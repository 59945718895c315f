//! From the points to options for `scan` and `run`.

use serde::Serialize;

use super::knee::{self, KNEE_SHARE, Knee, Load};
use super::measure::PointReport;
use super::sweep::Access;

/// The kernel hands reads of 1 MiB and above to its worker threads, which is slower under load: larger blocks are not
/// recommended, regardless of their own results.
const READ_SIZE_BYTES_MAX: u32 = 512 << 10;

/// Least depth that is recommended. While a thread decodes, it submits nothing: the reads in flight have to last until it
/// looks again.
const QUEUE_DEPTH_MIN: u32 = 8;

/// Shortest reads that the depth must do for. Runs of column chunks are shorter than a block: of 40 DLRM columns some 90 KiB.
const RUN_BYTES_MIN: u32 = 64 << 10;

/// Knee of one access and block size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KneeReport {
    /// Sequential or random.
    pub access: Access,
    /// Bytes of one read.
    pub block_bytes: u32,
    /// Where it lies, and the peak beside it.
    #[serde(flatten)]
    pub at: Knee,
}

/// Options for `scan` and `run`, with the reason of each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recommended {
    /// `--read-size`, in bytes.
    pub read_size_bytes: u32,
    /// `--queue-depth`.
    pub queue_depth: u32,
    /// `--threads`: as many as decode.
    pub threads: usize,
    /// `--iopoll`.
    pub iopoll: bool,
    /// Without `--no-registered-buffers`.
    pub registered_buffers: bool,
    /// What that point got, bytes per second.
    pub read_bytes_per_second: f64,
    /// As it is typed.
    pub arguments: String,
    /// One sentence for each option.
    pub why: Vec<String>,
}

/// The knees of all curves of the sweep, in the order of the points.
pub fn knees(points: &[PointReport]) -> Vec<KneeReport> {
    let mut curves: Vec<(Access, u32)> = Vec::new();
    for point in points {
        if !curves.contains(&(point.access, point.block_bytes)) {
            curves.push((point.access, point.block_bytes));
        }
    }
    let of_curve = |(access, block_bytes)| {
        let at = knee::knee(&loads(points, access, block_bytes))?;
        Some(KneeReport { access, block_bytes, at })
    };
    curves.into_iter().filter_map(of_curve).collect()
}

fn loads(points: &[PointReport], access: Access, block_bytes: u32) -> Vec<Load> {
    points
        .iter()
        .filter(|point| (point.access, point.block_bytes) == (access, block_bytes))
        .map(|point| Load {
            threads: point.threads,
            queue_depth: point.queue_depth,
            read_bytes_per_second: point.read_bytes_per_second,
        })
        .collect()
}

/// Recommends from the base points of a sweep and its extra points (`points` with other settings at a knee). A scan reads
/// long runs, so sequential points decide; where there are none, random ones do. `None` without any.
pub fn recommend(points: &[PointReport], extras: &[PointReport]) -> Option<Recommended> {
    let knees = knees(points);
    let sequential = knees.iter().any(|knee| knee.access == Access::Sequential);
    let access = if sequential { Access::Sequential } else { Access::Random };
    let small = |knee: &&KneeReport| {
        knee.block_bytes <= READ_SIZE_BYTES_MAX
            || knees.iter().all(|other| other.block_bytes > READ_SIZE_BYTES_MAX)
    };
    let candidates: Vec<&KneeReport> =
        knees.iter().filter(|knee| knee.access == access).filter(small).collect();
    let peak_of = |knee: &KneeReport| knee.at.peak.read_bytes_per_second;
    let peak = candidates.iter().map(|knee| peak_of(knee)).fold(0.0, f64::max);
    // Of block sizes that reach the peak the largest: fewest reads, least CPU.
    let curve = candidates
        .iter()
        .copied()
        .filter(|knee| peak_of(knee) >= peak * KNEE_SHARE)
        .max_by_key(|knee| knee.block_bytes)?;
    let loads = loads(points, access, curve.block_bytes);
    let threads = loads.iter().map(|load| load.threads).max()?;
    let load = knee::depth_for(&loads, threads, peak)?;
    // The depth also has to do for reads that are shorter than that block.
    let short = candidates
        .iter()
        .filter(|knee| (RUN_BYTES_MIN..=curve.block_bytes).contains(&knee.block_bytes))
        .min_by_key(|knee| knee.block_bytes)
        .map_or(curve.block_bytes, |knee| knee.block_bytes);
    let short_loads = self::loads(points, access, short);
    let of_threads = short_loads.iter().filter(|load| load.threads == threads);
    let short_peak = of_threads.map(|load| load.read_bytes_per_second).fold(0.0, f64::max);
    let short_depth =
        knee::depth_for(&short_loads, threads, short_peak).map_or(0, |load| load.queue_depth);
    let queue_depth = load.queue_depth.max(short_depth).max(QUEUE_DEPTH_MIN);
    let at = &curve.at;
    let share = |rate: f64| rate / peak * 100.0;
    let mut why = vec![
        format!(
            "`read_size_bytes`: of the {} blocks up to 512 KiB that reach {:.0} % of the peak, the largest takes the least CPU",
            access.as_str(),
            KNEE_SHARE * 100.0
        ),
        format!(
            "`threads`: all {threads} measured, for decoding; reading alone has its knee at {} of depth {}",
            at.knee.threads, at.knee.queue_depth
        ),
        format!(
            "`queue_depth`: with {threads} threads {} gives {:.1} % of the peak{}",
            load.queue_depth,
            share(load.read_bytes_per_second),
            match queue_depth {
                depth if depth == load.queue_depth => String::new(),
                depth if depth == short_depth => format!(
                    "; {depth} for runs that are shorter, as blocks of {} KiB take it",
                    short >> 10
                ),
                _ => "; more, so that reads continue while threads decode".to_owned(),
            }
        ),
    ];
    let best = |wanted: bool, setting: fn(&PointReport) -> bool| {
        extras
            .iter()
            .filter(|point| point.access == access && setting(point) == wanted)
            .map(|point| point.read_bytes_per_second)
            .fold(0.0, f64::max)
    };
    // A device that is polled takes a core for itself: it has to be worth it.
    let iopoll = best(true, |point| point.iopoll) * KNEE_SHARE > peak;
    if iopoll {
        why.push("`iopoll`: polling reads faster here than interrupts".to_owned());
    }
    let registered_buffers = points.iter().any(|point| point.registered_buffers);
    let arguments = format!(
        "`read_size_bytes` {} `queue_depth` {} `threads` {threads}{}",
        curve.block_bytes,
        queue_depth,
        if iopoll { " `iopoll`" } else { "" }
    );
    Some(Recommended {
        read_size_bytes: curve.block_bytes,
        queue_depth,
        threads,
        iopoll,
        registered_buffers,
        read_bytes_per_second: load.read_bytes_per_second,
        arguments,
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringquet_io::Latency;

    fn point(access: Access, kib: u32, threads: usize, queue_depth: u32, rate: f64) -> PointReport {
        PointReport {
            access,
            block_bytes: kib << 10,
            queue_depth,
            threads,
            iopoll: false,
            registered_buffers: true,
            steady: true,
            window_range: 0.0,
            window_slope: 0.0,
            round_bytes_per_second: Vec::new(),
            seconds: 1.0,
            reads: 1,
            read_bytes: 1,
            read_bytes_per_second: rate,
            reads_per_second: 1.0,
            latency_ns: Latency { p50: 1, p99: 1, p99_9: 1, max: 1 },
            reap_delay_ns: Latency { p50: 1, p99: 1, p99_9: 1, max: 1 },
            mean_depth: 1.0,
            cpu_seconds: 0.1,
            cpu_seconds_per_gib: 0.1,
            device_read_bytes: None,
            devices: None,
            first_done_seconds: 1.0,
            last_done_seconds: 1.0,
        }
    }

    fn drive() -> Vec<PointReport> {
        use Access::{Random, Sequential};
        vec![
            point(Random, 4, 1, 32, 0.8),
            point(Random, 4, 2, 32, 1.2),
            point(Sequential, 128, 1, 16, 2.6),
            point(Sequential, 128, 2, 16, 2.99),
            point(Sequential, 512, 1, 4, 2.5),
            point(Sequential, 512, 1, 16, 3.0),
            point(Sequential, 512, 2, 4, 2.95),
            point(Sequential, 512, 2, 16, 2.98),
            point(Sequential, 1024, 2, 16, 3.05),
        ]
    }

    #[test]
    fn the_largest_block_that_stays_on_the_fast_way() {
        let found = recommend(&drive(), &[]).unwrap();
        assert_eq!((found.read_size_bytes, found.threads, found.queue_depth), (512 << 10, 2, 16));
        assert_eq!(found.arguments, "`read_size_bytes` 524288 `queue_depth` 16 `threads` 2");
        assert!(
            found.why.iter().any(|why| why.contains("with 2 threads 4 gives 98.3 %")),
            "{found:?}"
        );
        assert!(found.why.iter().any(|why| why.contains("blocks of 128 KiB")), "{found:?}");
        let only_512: Vec<_> =
            drive().into_iter().filter(|point| point.block_bytes == 512 << 10).collect();
        assert_eq!(recommend(&only_512, &[]).unwrap().queue_depth, 8, "the least there is");
        assert!(!found.iopoll && found.registered_buffers);
    }

    #[test]
    fn polling_has_to_be_worth_a_core() {
        let polled =
            |rate| vec![PointReport { iopoll: true, ..point(Access::Sequential, 512, 2, 4, rate) }];
        assert!(!recommend(&drive(), &polled(3.01)).unwrap().iopoll);
        let found = recommend(&drive(), &polled(3.5)).unwrap();
        assert!(found.iopoll && found.arguments.ends_with("`iopoll`"));
    }

    #[test]
    fn random_points_alone_serve_too() {
        let found = recommend(&drive()[..2], &[]).unwrap();
        assert_eq!((found.read_size_bytes, found.queue_depth), (4 << 10, 32));
        assert_eq!(recommend(&[], &[]), None);
    }

    #[test]
    fn a_knee_for_each_curve() {
        let found = knees(&drive());
        let order: Vec<_> =
            found.iter().map(|knee| (knee.access, knee.block_bytes >> 10)).collect();
        use Access::{Random, Sequential};
        assert_eq!(order, [(Random, 4), (Sequential, 128), (Sequential, 512), (Sequential, 1024)]);
        assert_eq!((found[2].at.knee.threads, found[2].at.knee.queue_depth), (2, 4));
    }
}
