//! Detects whether this process was started as one of several, from the environment variables that
//! launchers of parallel programs set.

/// How a launcher passes the number of processes, and the number of this one.
const LAUNCHERS: &[(&str, &str, &str)] = &[
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "Open MPI"),
    // MPICH, and what follows it: Intel MPI, MVAPICH, Cray MPI.
    ("PMI_SIZE", "PMI_RANK", "MPICH"),
    // Set by srun for the step; SLURM_NTASKS alone also stands in a batch script.
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "Slurm"),
    ("SLURM_NTASKS", "SLURM_PROCID", "Slurm"),
];

/// A launcher that started more than one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launched {
    /// The variable that holds it.
    pub(crate) variable: &'static str,
    /// Whose it is.
    pub(crate) launcher: &'static str,
    /// Number of processes.
    pub(crate) ranks: u64,
    /// Which of them this is, if it is reported.
    pub(crate) rank: Option<u64>,
}

/// Finds the launcher in the environment that `get` reads: the one of the first variable that is set.
pub(crate) fn launched(get: impl Fn(&str) -> Option<String>) -> Option<Launched> {
    let number = |variable: &str| get(variable).and_then(|text| text.trim().parse::<u64>().ok());
    let mut decided = "";
    for &(variable, rank, launcher) in LAUNCHERS {
        let Some(ranks) = number(variable) else {
            continue;
        };
        if launcher != decided && ranks > 1 {
            return Some(Launched { variable, launcher, ranks, rank: number(rank) });
        }
        decided = launcher;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(set: &[(&str, &str)]) -> Option<Launched> {
        launched(|name| set.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned()))
    }

    fn with(set: &[(&str, &str)]) -> Option<(&'static str, u64)> {
        find(set).map(|launched| (launched.variable, launched.ranks))
    }

    #[test]
    fn launchers_are_seen() {
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "1")]), None);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "2")]), Some(("OMPI_COMM_WORLD_SIZE", 2)));
        assert_eq!(with(&[("PMI_SIZE", "16")]), Some(("PMI_SIZE", 16)));
        assert_eq!(with(&[("SLURM_NTASKS", "4")]), Some(("SLURM_NTASKS", 4)));
        assert_eq!(with(&[("SLURM_NTASKS", "4"), ("SLURM_STEP_NUM_TASKS", "1")]), None);
        assert_eq!(with(&[("PMI_SIZE", "many")]), None);
    }

    #[test]
    fn a_process_learns_which_it_is() {
        let rank = |set: &[(&str, &str)]| find(set).and_then(|launched| launched.rank);
        assert_eq!(rank(&[("OMPI_COMM_WORLD_SIZE", "2"), ("OMPI_COMM_WORLD_RANK", "1")]), Some(1));
        assert_eq!(rank(&[("PMI_SIZE", "2"), ("PMI_RANK", "0")]), Some(0));
        assert_eq!(rank(&[("SLURM_STEP_NUM_TASKS", "8"), ("SLURM_PROCID", "7")]), Some(7));
        assert_eq!(rank(&[("PMI_SIZE", "2")]), None);
        // mpirun inside of a Slurm step: the launcher that is nearer.
        let inner = [("OMPI_COMM_WORLD_SIZE", "4"), ("SLURM_STEP_NUM_TASKS", "2")];
        assert_eq!(with(&inner), Some(("OMPI_COMM_WORLD_SIZE", 4)));
    }
}
