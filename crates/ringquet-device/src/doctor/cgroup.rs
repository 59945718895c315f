//! Limits of the control groups that this process is in, both versions: CPU time, memory, bytes from a device.

use std::path::Path;

use ringquet_io::MemoryLimit;

use super::diagnosis::{Diagnosis, Severity};
use super::limits::{arena_bytes, reader_threads};
use super::machine::Machine;
use super::tree::Tree;

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let tree = &machine.tree;
    let status = tree.text("proc/self/status").unwrap_or_default();
    let threads = reader_threads(&status);
    let Some(groups) = tree.text("proc/self/cgroup") else {
        findings.push(Diagnosis::unknown("cgroup", "not in /proc/self/cgroup", "no limit"));
        return;
    };
    let limits = Limits::read(tree, &groups);
    findings.push(cpu(limits.cpus, threads));
    findings.push(memory(limits.memory_bytes, threads));
    findings.push(io(limits.io));
}

/// The narrowest of the group and its ancestors.
#[derive(Debug, Default)]
struct Limits {
    cpus: Option<f64>,
    memory_bytes: Option<u64>,
    /// The line of a limit, as the kernel writes it.
    io: Option<String>,
}

impl Limits {
    fn read(tree: &Tree, groups: &str) -> Limits {
        let memory = MemoryLimit::of_control_groups(&tree.sys_root());
        let mut limits =
            Limits { memory_bytes: memory.map(|limit| limit.bytes), ..Limits::default() };
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let path = path.trim_start_matches('/');
            if controllers.is_empty() {
                // Version 2 is mounted at the top, or beside version 1 below `unified`.
                for top in ["sys/fs/cgroup", "sys/fs/cgroup/unified"] {
                    ancestors(top, path, &mut |dir| limits.version_2(tree, dir));
                }
                continue;
            }
            for controller in controllers.split(',') {
                let top = format!("sys/fs/cgroup/{controller}");
                ancestors(&top, path, &mut |dir| limits.version_1(tree, dir, controller));
            }
        }
        limits
    }

    fn version_2(&mut self, tree: &Tree, dir: &str) {
        if let Some(max) = tree.text(format!("{dir}/cpu.max")) {
            let mut parts = max.split_whitespace().map(str::parse::<f64>);
            if let (Some(Ok(quota)), Some(Ok(period))) = (parts.next(), parts.next()) {
                self.narrow_cpus(quota, period);
            }
        }
        // e.g. `259:0 rbps=1048576 wbps=max riops=max wiops=max`
        let lines = tree.text(format!("{dir}/io.max")).unwrap_or_default();
        let limits_reads = |line: &&str| {
            line.split_whitespace().any(|word| {
                (word.starts_with("rbps=") || word.starts_with("riops=")) && !word.ends_with("=max")
            })
        };
        self.io = self.io.take().or_else(|| lines.lines().find(limits_reads).map(str::to_owned));
    }

    fn version_1(&mut self, tree: &Tree, dir: &str, controller: &str) {
        match controller {
            "cpu" => {
                let quota = tree.number::<f64>(format!("{dir}/cpu.cfs_quota_us"));
                let period = tree.number::<f64>(format!("{dir}/cpu.cfs_period_us"));
                if let (Some(quota), Some(period)) = (quota, period) {
                    self.narrow_cpus(quota, period);
                }
            }
            "blkio" => {
                for file in ["read_bps_device", "read_iops_device"] {
                    let lines = tree.text(format!("{dir}/blkio.throttle.{file}"));
                    let line = lines.as_deref().and_then(|lines| lines.lines().next());
                    let line = line.filter(|line| !line.is_empty());
                    self.io = self.io.take().or_else(|| line.map(|line| format!("{file} {line}")));
                }
            }
            _ => {}
        }
    }

    /// A quota of -1 is none.
    fn narrow_cpus(&mut self, quota: f64, period: f64) {
        if quota > 0.0 && period > 0.0 {
            let cpus = quota / period;
            self.cpus = Some(self.cpus.map_or(cpus, |before| before.min(cpus)));
        }
    }
}

/// Visits a group's directory and those above it. In a container the path may be one of the host's that is not there:
/// the files at the top are then the container's own.
fn ancestors(top: &str, path: &str, visit: &mut dyn FnMut(&str)) {
    for dir in Path::new(path).ancestors() {
        // Hostile or just odd: `..` above the top of a cgroup namespace.
        if dir.components().any(|part| part.as_os_str() == "..") {
            continue;
        }
        visit(&format!("{top}/{}", dir.display()));
    }
}

fn cpu(cpus: Option<f64>, threads: u64) -> Diagnosis {
    let code = "cgroup_cpu";
    match cpus {
        None => Diagnosis::good(code, "no limit"),
        Some(cpus) if cpus >= threads as f64 => {
            Diagnosis::good(code, format!("{cpus:.1} CPUs")).should_be("no limit below the CPUs in use")
        }
        Some(cpus) => Diagnosis::wrong(
            code,
            Severity::Slow,
            format!("{cpus:.1} CPUs for {threads} reader threads"),
            format!("{threads} CPUs, or no limit"),
            "all threads are stopped together for the rest of each period: latencies of tens of milliseconds",
        )
        .mended_by(format!("docker update --cpus {threads} CONTAINER   # or `threads` {}", cpus.floor().max(1.0))),
    }
}

fn memory(bytes: Option<u64>, threads: u64) -> Diagnosis {
    let code = "cgroup_memory";
    // Arena and decoded batches, and as much again for footers and everything else.
    let needed = arena_bytes(threads) * 4;
    match bytes {
        None => Diagnosis::good(code, "no limit"),
        Some(bytes) if bytes >= needed => Diagnosis::good(code, format!("{} MiB", bytes >> 20))
            .should_be(&format!("at least {} MiB", needed >> 20)),
        Some(bytes) => Diagnosis::wrong(
            code,
            Severity::Slow,
            format!("{} MiB", bytes >> 20),
            format!("at least {} MiB ({threads} reader threads)", needed >> 20),
            "the process may be killed when memory runs out",
        )
        .mended_by(format!(
            "docker update --memory {}m CONTAINER   # or `memory_budget_bytes` {}",
            needed >> 20,
            bytes / 4
        )),
    }
}

fn io(limit: Option<String>) -> Diagnosis {
    let code = "cgroup_io";
    match limit {
        None => Diagnosis::good(code, "no limit"),
        Some(limit) => Diagnosis::wrong(
            code,
            Severity::Slow,
            limit,
            "no limit of reads",
            "the kernel throttles reads: measurements show the limit, not the device",
        )
        .mended_by("echo 'MAJOR:MINOR rbps=max riops=max' > /sys/fs/cgroup/GROUP/io.max"),
    }
}
