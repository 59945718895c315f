//! Percentiles of read latency beside fio's: the same reads at the same depth, in turn, round after round.
//!
//! fio's *clat* counts from the end of the system call that hands reads over, its *lat* from before its own queue; both end
//! when fio reaps. Ours counts from the beginning of that system call to our reap, so it lies between the two.

use anyhow::Result;

use crate::pairs::Spread;

/// What must agree, and how well.
pub const AGREEMENT: f64 = 0.10;

/// Latencies of one round, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Percentiles {
    /// Half of the reads took at most this.
    pub p50: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
    /// How long 99 of 100 completions can have waited for their reaps at most; NaN where that is not known.
    pub reap_delay_p99: f64,
}

impl Percentiles {
    /// Of a contender that is not there.
    pub const NOTHING: Percentiles =
        Percentiles { p50: f64::NAN, p99: f64::NAN, reap_delay_p99: f64::NAN };

    /// From a document's.
    pub fn new(latency: ringquet_io::Latency, reap_delay: ringquet_io::Latency) -> Percentiles {
        let [p50, p99, reap_delay_p99] =
            [latency.p50, latency.p99, reap_delay.p99].map(|ns| ns as f64);
        Percentiles { p50, p99, reap_delay_p99 }
    }
}

type Value = fn(&Percentiles) -> f64;

/// One that is compared with fio.
pub struct Contender<'a> {
    /// As in the table.
    pub name: &'a str,
    /// Reads once.
    pub read: Box<dyn FnMut() -> Result<Percentiles> + 'a>,
}

/// Has fio and each contender read in turn, once to warm up and `rounds` times, and prints a line for each percentile.
/// `fio` gives clat and lat.
///
/// # Errors
/// The first that one of them gives.
#[expect(clippy::print_stdout, reason = "a bench prints its results")]
pub fn compare(
    rounds: usize,
    mut fio: impl FnMut() -> Result<[Percentiles; 2]>,
    contenders: &mut [Contender<'_>],
) -> Result<()> {
    if rounds > 1 {
        fio()?;
        contenders.iter_mut().try_for_each(|contender| (contender.read)().map(drop))?;
    }
    let mut peers = Vec::with_capacity(rounds);
    let mut ours = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        peers.push(fio()?);
        for (contender, found) in contenders.iter_mut().zip(&mut ours) {
            found.push((contender.read)()?);
        }
    }
    for (contender, ours) in contenders.iter().zip(&ours) {
        let percentiles: [(&str, Value); 2] = [("p50", |of| of.p50), ("p99", |of| of.p99)];
        for (percentile, of) in percentiles {
            let median = |values: Vec<f64>| Spread::of(values).median / 1e6;
            let ratio =
                Spread::of(ours.iter().zip(&peers).map(|(ours, [clat, _])| of(ours) / of(clat)));
            let off = (ratio.median - 1.0).abs();
            let verdict = if off <= AGREEMENT { "met" } else { "MISSED" };
            println!(
                "{:<44} {percentile} ours {:.3} ms   fio clat {:.3} ms, lat {:.3} ms   ratio {ratio}  bar 1 ± {AGREEMENT}: {verdict}",
                contender.name,
                median(ours.iter().map(of).collect()),
                median(peers.iter().map(|[clat, _]| of(clat)).collect()),
                median(peers.iter().map(|[_, lat]| of(lat)).collect()),
            );
        }
        let delay = Spread::of(ours.iter().map(|of| of.reap_delay_p99));
        println!("{:<44} reap delay p99 at most {:.3} ms", "", delay.median / 1e6);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reads_once_a_round_and_once_before() {
        let [mut peers, mut reads] = [0, 0];
        let one = Percentiles { p50: 1e6, p99: 2e6, reap_delay_p99: 1.0 };
        let read = || {
            reads += 1;
            Ok(one)
        };
        let mut contenders = [Contender { name: "one", read: Box::new(read) }];
        let fio = || {
            peers += 1;
            Ok([one, Percentiles::NOTHING])
        };
        compare(3, fio, &mut contenders).unwrap();
        drop(contenders);
        assert_eq!((peers, reads), (4, 4));
    }
}
