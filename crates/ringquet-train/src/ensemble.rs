//! The processes of one run: a launcher (mpirun, srun) starts one or more on each host. Each runs its
//! share of the ranks, and they synchronise at every step.
//!
//! ```text
//!  process 0: ranks 0 … A−1 ─┐ barrier    ┌─ process 1: ranks A … 2A−1
//!             local barrier ─┴─ allreduce ┴─ local barrier            A: --accelerators
//! ```
//! Processes exchange little: at each step whether to continue, and sums at the end of a phase.
//! Messages travel through the `mpi` crate behind the cargo feature `mpi`; without it there is one
//! process, and being started as one of several is an error. A process that fails ends all of them
//! ([`Ensemble::abort`]): the others would wait for it at the next step.

use crate::error::RunError;
use crate::launcher;

/// The processes of a run, joined once per process.
#[derive(Default)]
pub struct Ensemble {
    others: Others,
    /// Ends MPI when it is dropped.
    #[cfg(feature = "mpi")]
    _universe: Option<mpi::environment::Universe>,
}

/// This process and the others: what its threads need of the ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Others {
    process: u32,
    processes: u32,
}

impl Default for Others {
    /// One process, alone.
    fn default() -> Self {
        Self { process: 0, processes: 1 }
    }
}

impl Ensemble {
    /// This process alone, even if a launcher started it.
    pub fn alone() -> Self {
        Self::default()
    }

    /// Joins the processes that a launcher started together with this one; alone without a launcher.
    ///
    /// # Errors
    /// [`RunError::Launcher`] if the feature `mpi` is missing, [`RunError::Mpi`] if MPI does
    /// not agree with the launcher.
    pub fn join() -> Result<Self, RunError> {
        match launcher::launched(|name| std::env::var(name).ok()) {
            None => Ok(Self::alone()),
            Some(launched) => Self::join_launched(&launched),
        }
    }

    #[cfg(not(feature = "mpi"))]
    fn join_launched(launched: &launcher::Launched) -> Result<Self, RunError> {
        let launcher::Launched { variable, launcher, ranks, rank } = *launched;
        let process = rank.map_or_else(String::new, |rank| format!(", this is number {rank}"));
        Err(RunError::Launcher { variable, launcher, ranks, process })
    }

    #[cfg(feature = "mpi")]
    fn join_launched(launched: &launcher::Launched) -> Result<Self, RunError> {
        world::join(launched)
    }

    /// Number of this process, from 0.
    pub fn process(&self) -> u32 {
        self.others.process
    }

    /// Number of processes.
    pub fn processes(&self) -> u32 {
        self.others.processes
    }

    /// Ends all processes if there are others; otherwise returns.
    pub fn abort(&self) {
        #[cfg(feature = "mpi")]
        if self.others.processes > 1 {
            world::abort();
        }
    }

    pub(crate) fn others(&self) -> Others {
        self.others
    }
}

impl Others {
    pub(crate) fn process(self) -> u32 {
        self.process
    }

    pub(crate) fn processes(self) -> u32 {
        self.processes
    }

    /// Whether `here` is true in any process. All processes must call this, each from one thread at a time.
    pub(crate) fn any(self, here: bool) -> bool {
        #[cfg(feature = "mpi")]
        if self.processes > 1 {
            return world::any(here);
        }
        here
    }

    /// Adds up over processes, element by element; integers wrap.
    pub(crate) fn sum(self, floats: &mut [f64], integers: &mut [u64]) {
        #[cfg(feature = "mpi")]
        if self.processes > 1 {
            world::sum(floats, integers);
        }
        // One process: its values are the sums.
        let _ = (floats, integers);
    }

    /// The values of each process, in the order of processes.
    pub(crate) fn gather<const N: usize>(self, here: [u64; N]) -> Vec<[u64; N]> {
        #[cfg(feature = "mpi")]
        if self.processes > 1 {
            return world::gather(here, self.processes as usize);
        }
        vec![here]
    }

    /// As [`Others::gather`], of fractions: their bits cross processes unchanged.
    pub(crate) fn gather_floats<const N: usize>(self, here: [f64; N]) -> Vec<[f64; N]> {
        let all = self.gather(here.map(f64::to_bits)).into_iter();
        all.map(|of_process| of_process.map(f64::from_bits)).collect()
    }
}

#[cfg(feature = "mpi")]
mod world {
    //! The only place that names the `mpi` crate.

    use std::time::{Duration, Instant};

    use mpi::Threading;
    use mpi::collective::SystemOperation;
    use mpi::datatype::Equivalence;
    use mpi::topology::SimpleCommunicator;
    use mpi::traits::{Communicator as _, CommunicatorCollectives as _};

    use super::{Ensemble, Others};
    use crate::error::RunError;
    use crate::launcher::Launched;

    /// Polls for the others without a pause for this long: a message between hosts takes a few µs.
    const SPIN: Duration = Duration::from_micros(20);

    /// Then with pauses, since the CPU belongs to reader threads. (MPI's own waiting never pauses.)
    const NAP: Duration = Duration::from_micros(10);

    pub(super) fn join(launched: &Launched) -> Result<Ensemble, RunError> {
        let wrong = |reason: String| RunError::Mpi { variable: launched.variable, reason };
        // The last accelerator at a barrier calls, so they call in turn.
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized)
        else {
            return Err(wrong("MPI was initialized before".to_owned()));
        };
        if threading < Threading::Serialized {
            return Err(wrong(format!(
                "this MPI provides {threading:?} threads, but Serialized is required"
            )));
        }
        let world = universe.world();
        let (process, processes) = (number(world.rank()), number(world.size()));
        if u64::from(processes) != launched.ranks {
            return Err(wrong(format!(
                "the launcher started {} processes, MPI reports {processes}: was ringquet built with another MPI than the launcher's?",
                launched.ranks
            )));
        }
        if launched.rank.is_some_and(|rank| rank != u64::from(process)) {
            return Err(wrong(format!(
                "the launcher numbers this process {:?}, MPI numbers it {process}",
                launched.rank
            )));
        }
        Ok(Ensemble { others: Others { process, processes }, _universe: Some(universe) })
    }

    pub(super) fn abort() {
        SimpleCommunicator::world().abort(1);
    }

    pub(super) fn any(here: bool) -> bool {
        let mut found = [0_u8];
        reduce(&[u8::from(here)], &mut found, SystemOperation::max());
        found[0] != 0
    }

    pub(super) fn sum(floats: &mut [f64], integers: &mut [u64]) {
        let here = floats.to_vec();
        reduce(&here, floats, SystemOperation::sum());
        let here = integers.to_vec();
        reduce(&here, integers, SystemOperation::sum());
    }

    pub(super) fn gather<const N: usize>(here: [u64; N], processes: usize) -> Vec<[u64; N]> {
        let mut all = vec![0; N * processes];
        SimpleCommunicator::world().all_gather_into(&here[..], &mut all[..]);
        let (of_processes, _) = all.as_chunks::<N>();
        of_processes.to_vec()
    }

    fn reduce<T: Equivalence>(here: &[T], all: &mut [T], how: SystemOperation) {
        let world = SimpleCommunicator::world();
        mpi::request::scope(|scope| {
            let mut request = world.immediate_all_reduce_into(scope, here, all, how);
            let begun = Instant::now();
            while let Err(pending) = request.test() {
                request = pending;
                if begun.elapsed() > SPIN {
                    std::thread::sleep(NAP);
                }
            }
        });
    }

    fn number(of_mpi: i32) -> u32 {
        u32::try_from(of_mpi).expect("MPI counts from 0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_everything_is_what_it_is() {
        let alone = Ensemble::alone();
        assert_eq!((alone.process(), alone.processes()), (0, 1));
        let others = alone.others();
        assert!(others.any(true) && !others.any(false));
        let (mut floats, mut integers) = ([1.5, 2.0], [u64::MAX]);
        others.sum(&mut floats, &mut integers);
        assert_eq!((floats, integers), ([1.5, 2.0], [u64::MAX]));
        assert_eq!(others.gather([3, u64::MAX]), [[3, u64::MAX]]);
        assert_eq!(others.gather_floats([0.1, 4.0]), [[0.1, 4.0]]);
        alone.abort();
    }
}
