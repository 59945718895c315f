//! Which CPU each reader thread is pinned to.

use core_affinity::CoreId;

/// Largest CPU number that a list may name: the kernel's own limit (CONFIG_NR_CPUS) is 8192.
const CPU_MAX: usize = 8191;

/// Parses the kernel's list format: `0-3,8,10-11`.
///
/// # Errors
/// A sentence that names the part that is wrong.
pub fn parse_list(list: &str) -> Result<Vec<usize>, String> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let number = |text: &str| match text.trim().parse::<usize>() {
            Ok(cpu) if cpu <= CPU_MAX => Ok(cpu),
            _ => Err(format!("'{part}' is not a CPU or a range of CPUs (as in 0-3,8)")),
        };
        match part.split_once('-') {
            None => cpus.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(format!("'{part}' ends before it starts"));
                }
                cpus.extend(first..=last);
            }
        }
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// CPUs that this process may run on, ascending.
pub fn allowed() -> Vec<usize> {
    let mut cpus: Vec<usize> =
        core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
    cpus.sort_unstable();
    cpus
}

/// Pins the calling thread; false where the CPU is not allowed.
pub fn pin_current_thread(cpu: usize) -> bool {
    core_affinity::set_for_current(CoreId { id: cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_mistakes() {
        assert_eq!(parse_list("0-2,8,1").unwrap(), [0, 1, 2, 8]);
        for bad in ["", "a", "3-1", "1-", "99999", "0,,1"] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn this_process_may_run_somewhere() {
        assert!(!allowed().is_empty());
    }
}
