//! Was this process started as one of many? Several hosts are not built in yet, and N copies of a
//! run that know nothing of each other would write over each other's results.

/// How a launcher of parallel programs tells a process how many there are.
const SIZE_VARIABLES: &[(&str, &str)] = &[
    ("OMPI_COMM_WORLD_SIZE", "Open MPI"),
    ("PMI_SIZE", "MPICH"),
    // Set by srun for the step; SLURM_NTASKS alone also stands in a batch script.
    ("SLURM_STEP_NUM_TASKS", "Slurm"),
    ("SLURM_NTASKS", "Slurm"),
];

/// A launcher that started more than one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launched {
    /// The variable that says so.
    pub(crate) variable: &'static str,
    /// Whose it is.
    pub(crate) launcher: &'static str,
    /// Number of processes.
    pub(crate) ranks: u64,
}

/// Looks for a launcher in the environment that `get` shows. The first variable that is there
/// decides for its launcher.
pub(crate) fn launched(get: impl Fn(&str) -> Option<String>) -> Option<Launched> {
    let mut decided = "";
    for &(variable, launcher) in SIZE_VARIABLES {
        let Some(ranks) = get(variable).and_then(|text| text.trim().parse::<u64>().ok()) else {
            continue;
        };
        if launcher != decided && ranks > 1 {
            return Some(Launched { variable, launcher, ranks });
        }
        decided = launcher;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[(&str, &str)]) -> Option<(&'static str, u64)> {
        let get = |name: &str| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        launched(get).map(|launched| (launched.variable, launched.ranks))
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
}
