//! CPUs: their governor, and whether they are near the drives.

use ringquet_io::cpus;
use ringquet_result::proc_fields::field;

use super::block_chain;
use super::diagnosis::{Diagnosis, Severity};
use super::machine::Machine;

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    findings.push(governor(machine));
    findings.extend(numa(machine));
}

/// CPUs that this process may run on.
fn allowed(machine: &Machine) -> Vec<usize> {
    let status = machine.tree.text("proc/self/status").unwrap_or_default();
    let list = field(&status, "Cpus_allowed_list").and_then(|list| cpus::parse_list(list).ok());
    list.unwrap_or_default()
}

fn governor(machine: &Machine) -> Diagnosis {
    let code = "cpu_governor";
    let mut others: Vec<(usize, String)> = Vec::new();
    let mut reported = 0;
    for cpu in allowed(machine) {
        let path = format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        if let Some(governor) = machine.tree.text(path) {
            reported += 1;
            if governor != "performance" {
                others.push((cpu, governor));
            }
        }
    }
    match (reported, others.first()) {
        (0, _) => Diagnosis::unknown(
            code,
            "not reported (the host or the firmware decides)",
            "performance",
        ),
        (_, None) => Diagnosis::good(code, "performance"),
        (_, Some((cpu, governor))) => Diagnosis::wrong(
            code,
            Severity::Slow,
            format!("{governor} on {} of {reported} CPUs (first: CPU {cpu})", others.len()),
            "performance",
            "clocks follow the load with a delay: reads at low depth wait for it, and short runs vary",
        )
        .mended_by("cpupower frequency-set -g performance"),
    }
}

/// One finding per node that drives are on.
fn numa(machine: &Machine) -> Vec<Diagnosis> {
    let code = "numa";
    let node_dirs = machine.tree.entries("sys/devices/system/node");
    let nodes = node_dirs
        .iter()
        .filter(|name| name.strip_prefix("node").is_some_and(|n| n.parse::<u32>().is_ok()))
        .count();
    if nodes <= 1 {
        return vec![Diagnosis::good(code, "one node")];
    }
    let Some(place) = &machine.place else {
        return vec![Diagnosis::unknown(
            code,
            format!("{nodes} nodes"),
            "name a path to compare with",
        )];
    };
    let allowed = allowed(machine);
    let mut drives_of: Vec<(u32, Vec<&str>)> = Vec::new();
    for member in block_chain::members(&place.devices) {
        let Some(node) = member.numa_node else { continue };
        match drives_of.iter_mut().find(|(of, _)| *of == node) {
            Some((_, names)) => names.push(&member.name),
            None => drives_of.push((node, vec![&member.name])),
        }
    }
    if drives_of.is_empty() {
        return vec![Diagnosis::unknown(
            code,
            format!("{nodes} nodes, the drives report none"),
            "near",
        )];
    }
    let of_node = |(node, drives): &(u32, Vec<&str>)| {
        let near = machine.tree.sys_root().node_cpus(*node).unwrap_or_default();
        let usable = near.iter().filter(|cpu| allowed.contains(cpu)).count();
        let is = format!("{} on node {node}, {usable} of its CPUs usable", drives.join(", "));
        let subject = format!("node {node}");
        if usable > 0 {
            return Diagnosis::good(code, is).of(&subject);
        }
        let list = near.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        Diagnosis::wrong(
            code,
            Severity::Slow,
            is,
            "readers on the node of the drives",
            "every byte crosses the link between the sockets, which many reads at once fill before the array does",
        )
        .of(&subject)
        .mended_by(format!("taskset -c {list} ringquet …"))
    };
    drives_of.iter().map(of_node).collect()
}
