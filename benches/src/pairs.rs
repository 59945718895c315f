//! Contenders in turn, and what their ratios come to.

use std::fmt;
use std::time::Instant;

/// One measurement: how much work in how much time, at what cost.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Work units (bytes, operations, rows).
    pub work: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// CPU seconds; NaN where not reported.
    pub cpu_seconds: f64,
}

impl Sample {
    /// Of a contender that is not there: its rates and ratios are NaN, and are printed as such.
    pub const NOTHING: Sample = Sample { work: f64::NAN, seconds: f64::NAN, cpu_seconds: f64::NAN };

    /// `work` done on one core since `begun`.
    pub fn since(work: u64, begun: Instant) -> Sample {
        let seconds = begun.elapsed().as_secs_f64();
        Sample { work: work as f64, seconds, cpu_seconds: seconds }
    }

    /// Work per second.
    pub fn rate(&self) -> f64 {
        self.work / self.seconds
    }

    /// CPU seconds per unit of work.
    pub fn cpu_per_work(&self) -> f64 {
        self.cpu_seconds / self.work
    }
}

/// Samples of two contenders, taken in turn.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// Ours and the peer's, pair by pair.
    pub pairs: Vec<(Sample, Sample)>,
}

impl Pairs {
    /// Runs `ours` and `peer` in turn: once each to warm up, then `rounds` times.
    ///
    /// # Errors
    /// The first that one of them gives.
    pub fn measure<E>(
        rounds: usize,
        mut ours: impl FnMut() -> Result<Sample, E>,
        mut peer: impl FnMut() -> Result<Sample, E>,
    ) -> Result<Pairs, E> {
        if rounds > 1 {
            ours()?;
            peer()?;
        }
        let pairs = (0..rounds).map(|_| Ok((ours()?, peer()?))).collect::<Result<_, E>>()?;
        Ok(Pairs { pairs })
    }

    /// Median over the pairs of our rate divided by the peer's.
    pub fn rate_ratio(&self) -> Spread {
        Spread::of(self.pairs.iter().map(|(ours, peer)| ours.rate() / peer.rate()))
    }

    /// Median over the pairs of our CPU per work divided by the peer's.
    pub fn cpu_ratio(&self) -> Spread {
        Spread::of(self.pairs.iter().map(|(ours, peer)| ours.cpu_per_work() / peer.cpu_per_work()))
    }

    /// Our rates.
    pub fn our_rate(&self) -> Spread {
        Spread::of(self.pairs.iter().map(|(ours, _)| ours.rate()))
    }

    /// The peer's rates.
    pub fn peer_rate(&self) -> Spread {
        Spread::of(self.pairs.iter().map(|(_, peer)| peer.rate()))
    }
}

/// Smallest, median and largest of some numbers.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Half are at most this.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one number.
    ///
    /// # Panics
    /// Without any.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Spread {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
        Spread { min: numbers[0], median: (low + high) / 2.0, max: numbers[numbers.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3}–{:.3})", self.median, self.min, self.max)
    }
}

/// A line of the result table; `bar` is what was asked for.
#[expect(clippy::print_stdout, reason = "a bench prints its results")]
pub fn tell(name: &str, peer: &str, unit: &str, scale: f64, pairs: &Pairs, bar: Option<f64>) {
    let (ours, theirs) = (pairs.our_rate(), pairs.peer_rate());
    let ratio = pairs.rate_ratio();
    let verdict = match bar {
        Some(bar) if ratio.median >= bar => format!("  bar ≥ {bar}: met"),
        Some(bar) => format!("  bar ≥ {bar}: MISSED"),
        None => String::new(),
    };
    println!(
        "{name:<44} ours {:>9.3} {unit}   {peer} {:>9.3} {unit}   ratio {ratio}{verdict}",
        ours.median / scale,
        theirs.median / scale,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_ratios() {
        let sample = |rate: f64| Sample { work: rate, seconds: 1.0, cpu_seconds: rate };
        let mut ours = [3.0, 1.0, 2.0, 4.0].into_iter();
        let pairs =
            Pairs::measure(3, || Ok::<_, ()>(sample(ours.next().unwrap())), || Ok(sample(2.0)))
                .unwrap();
        let ratio = pairs.rate_ratio();
        assert_eq!((ratio.min, ratio.median, ratio.max), (0.5, 1.0, 2.0));
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
    }
}
