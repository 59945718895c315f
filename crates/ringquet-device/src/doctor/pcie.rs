//! The links between drives and CPU: speed and width, against what the drive could have.

use std::path::{Path, PathBuf};

use ringquet_io::throughput_text;

use super::block_chain::{BlockDevice, BlockKind};
use super::diagnosis::{Diagnosis, Severity};
use super::machine::Machine;
use super::tree::Tree;

/// Directories above a disk's that are looked at: `…/0000:01:00.0/nvme/nvme0/nvme0n1` is three below its function.
const LEVELS_MAX: usize = 8;

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let Some(place) = &machine.place else { return };
    let mut seen = Vec::new();
    for drive in place.devices.iter().flat_map(BlockDevice::drives) {
        if seen.contains(&drive.number) {
            continue;
        }
        seen.push(drive.number);
        let links: Vec<Diagnosis> = functions(&machine.tree, drive)
            .iter()
            .filter_map(|function| link(&machine.tree, function))
            .map(|finding| finding.of(&drive.name))
            .collect();
        if links.is_empty() && drive.kind == BlockKind::Nvme {
            let finding =
                Diagnosis::unknown("pcie_link", "not reported", "the drive's full speed and width");
            findings.push(finding.of(&drive.name));
        }
        findings.extend(links);
    }
}

/// The PCI functions that a drive is reached through: one, or with NVMe multipath one per controller.
fn functions(tree: &Tree, drive: &BlockDevice) -> Vec<PathBuf> {
    let subsystem = drive.dir.parent().filter(|parent| {
        parent.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nvme-subsys"))
    });
    let Some(subsystem) = subsystem else {
        return function_above(tree, &drive.dir).into_iter().collect();
    };
    let is_controller = |name: &&String| {
        name.strip_prefix("nvme")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    tree.entries(subsystem)
        .iter()
        .filter(is_controller)
        .filter_map(|name| function_above(tree, &tree.resolve(subsystem.join(name))?))
        .collect()
}

fn function_above(tree: &Tree, dir: &Path) -> Option<PathBuf> {
    let mut above = dir.ancestors().take(LEVELS_MAX);
    above.find(|dir| tree.exists(dir.join("current_link_speed"))).map(Path::to_owned)
}

/// Gigatransfers per second at the beginning of `16.0 GT/s PCIe`.
fn transfers(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Bytes per second of `lanes` lanes: 8b/10b coding up to 5 GT/s, 128b/130b from 8 GT/s on, before the overhead
/// of packets (PCI Express base specification, physical layer).
fn link_bytes_per_second(gigatransfers: f64, lanes: u32) -> f64 {
    let coding = if gigatransfers < 8.0 { 0.8 } else { 128.0 / 130.0 };
    gigatransfers * 1e9 * coding / 8.0 * f64::from(lanes)
}

fn link(tree: &Tree, function: &Path) -> Option<Diagnosis> {
    let code = "pcie_link";
    let speed = |name: &str| transfers(&tree.text(function.join(name))?);
    let width = |name: &str| tree.number::<u32>(function.join(name));
    let (speed_now, lanes_now) = (speed("current_link_speed")?, width("current_link_width")?);
    let is = format!(
        "{speed_now} GT/s x{lanes_now}, {}",
        throughput_text(link_bytes_per_second(speed_now, lanes_now))
    );
    let (Some(speed_max), Some(lanes_max)) = (speed("max_link_speed"), width("max_link_width"))
    else {
        return Some(Diagnosis::unknown(code, is, "the drive's full speed and width"));
    };
    let (now, max) =
        (link_bytes_per_second(speed_now, lanes_now), link_bytes_per_second(speed_max, lanes_max));
    let should_be = format!("{speed_max} GT/s x{lanes_max}, {}", throughput_text(max));
    if now >= max * 0.999 {
        return Some(Diagnosis::good(code, is).should_be(&should_be));
    }
    let costs = format!("at most {:.0} % of what the drive's link can carry", now / max * 100.0);
    let function = function.file_name().map(|name| name.to_string_lossy().into_owned());
    Some(Diagnosis::wrong(code, Severity::Slow, is, should_be, costs).mended_by(format!(
        "lspci -vv -s {}   # then reseat the drive, or move it to a slot with enough lanes",
        function.unwrap_or_default()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lanes_carry() {
        let check = |speed: &str, lanes, expect: f64| {
            let found = link_bytes_per_second(transfers(speed).unwrap(), lanes);
            assert!((found / 1e9 - expect).abs() < 0.01, "{speed} x{lanes}: {found}");
        };
        check("2.5 GT/s PCIe", 1, 0.25);
        check("8.0 GT/s PCIe", 4, 3.94);
        check("16.0 GT/s PCIe", 4, 7.88);
        check("32.0 GT/s PCIe", 4, 15.75);
        assert_eq!(transfers("Unknown"), None);
    }
}
