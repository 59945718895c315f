//! The way from the file system to the drives: O_DIRECT, the chain of devices, their queues.

use ringquet_io::IoOptions;

use super::block_chain::{BlockDevice, BlockKind};
use super::diagnosis::{Diagnosis, Severity};
use super::machine::{Machine, PathStorage};

/// File systems without a device: their files are in memory.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// File systems of local drives that take O_DIRECT without a detour.
const LOCAL: [&str; 4] = ["xfs", "ext4", "f2fs", "bcachefs"];

/// File systems whose files are elsewhere.
const REMOTE: [&str; 13] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "lustre",
    "gpfs",
    "beegfs",
    "glusterfs",
    "9p",
    "virtiofs",
    "afs",
    "orangefs",
];

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Diagnosis>) {
    let Some(place) = &machine.place else {
        findings.push(Diagnosis::unknown(
            "storage",
            "no path was named",
            "name one: ringquet doctor PATH",
        ));
        return;
    };
    if !place.is_device {
        findings.push(file_system(place));
    }
    findings.push(direct(place));
    findings.extend(
        place
            .devices
            .iter()
            .map(|device| Diagnosis::good("device_chain", chain_text(device)).of(&device.name)),
    );
    if place.devices.is_empty() {
        let is = "no block device of this machine (network, memory, overlay or ZFS)";
        findings.push(Diagnosis::unknown("device_chain", is, "a local drive or array"));
    }
    let mut drives: Vec<&BlockDevice> = Vec::new();
    for drive in place.devices.iter().flat_map(BlockDevice::drives) {
        if !drives.iter().any(|other| other.number == drive.number) {
            drives.push(drive);
        }
    }
    for drive in drives {
        findings.push(scheduler(machine, drive));
        findings.extend(nr_requests(machine, drive));
        findings.extend(max_sectors(machine, drive));
        findings.push(poll_queues(machine, drive));
        findings.extend(rotational(machine, drive));
    }
}

fn file_system(place: &PathStorage) -> Diagnosis {
    let code = "file_system";
    let Some(mount) = &place.mount else {
        return Diagnosis::unknown(
            code,
            "not in /proc/self/mountinfo",
            "xfs or ext4 on local drives",
        );
    };
    let is =
        format!("{} at {} from {}", mount.file_system, mount.mount_point.display(), mount.source);
    let should_be = "xfs or ext4 on local drives";
    if IN_MEMORY.contains(&mount.file_system.as_str()) {
        let costs = "measurements show memory, not a device";
        return Diagnosis::wrong(code, Severity::Slow, is, should_be, costs);
    }
    match mount.file_system.as_str() {
        "btrfs" => Diagnosis::wrong(
            code,
            Severity::Slow,
            is,
            should_be,
            "O_DIRECT reads verify checksums on the CPU; compressed files go through the page cache",
        ),
        "overlay" => Diagnosis::wrong(
            code,
            Severity::Slow,
            is,
            should_be,
            "the layers of a container image hide the device: counters and NUMA node are unknown",
        )
        .mended_by("docker run -v /DIR/ON/THE/ARRAY:/data …"),
        "zfs" => Diagnosis::wrong(
            code,
            Severity::Slow,
            is,
            should_be,
            "reads go through its own cache, before OpenZFS 2.3 even with O_DIRECT; checksums are verified on the CPU",
        ),
        name if REMOTE.contains(&name) => Diagnosis::wrong(
            code,
            Severity::Slow,
            is,
            should_be,
            "measurements include the network and the server; device bytes and NUMA node are unknown",
        ),
        name if name.starts_with("fuse") => Diagnosis::wrong(
            code,
            Severity::Slow,
            is,
            should_be,
            "each read passes through another process; device bytes and NUMA node are unknown",
        ),
        name if LOCAL.contains(&name) => Diagnosis::good(code, is).should_be(should_be),
        // Nothing is known of it here.
        _ => Diagnosis::unknown(code, is, should_be),
    }
}

fn direct(place: &PathStorage) -> Diagnosis {
    let code = "o_direct";
    if let Some(reason) = &place.direct_untried {
        let is = format!("not tested: {reason}");
        return Diagnosis::unknown(code, is, "taken, aligned to at most 4096 bytes");
    }
    match (place.direct_alignment_bytes, &place.direct_refused) {
        (Some(bytes), _) if bytes <= 4096 => {
            Diagnosis::good(code, format!("taken, aligned to {bytes} bytes"))
                .should_be("taken, aligned to at most 4096 bytes")
        }
        (Some(bytes), _) => Diagnosis::wrong(
            code,
            Severity::Slow,
            format!("taken, aligned to {bytes} bytes"),
            "aligned to at most 4096 bytes",
            "more bytes are read around each column chunk",
        ),
        (None, reason) => Diagnosis::wrong(
            code,
            Severity::Slow,
            reason.clone().unwrap_or_else(|| "not tested".to_owned()),
            "taken",
            "reads go through the page cache: one copy per byte, and less memory for others",
        ),
    }
}

/// `md0 (md raid0) over [nvme0n1p2 (partition) over nvme0n1 (NVMe), …]`.
fn chain_text(device: &BlockDevice) -> String {
    let name = format!("{} ({})", device.name, device.kind_name());
    let below: Vec<String> = device.below.iter().map(chain_text).collect();
    match below.as_slice() {
        [] => name,
        [one] => format!("{name} over {one}"),
        several => format!("{name} over [{}]", several.join(", ")),
    }
}

fn scheduler(machine: &Machine, drive: &BlockDevice) -> Diagnosis {
    let code = "scheduler";
    let file = format!("/sys/block/{}/queue/scheduler", drive.name);
    let Some(text) = machine.tree.text(drive.dir.join("queue/scheduler")) else {
        return Diagnosis::unknown(code, "not reported", "none").of(&drive.name);
    };
    let chosen = text.split(['[', ']']).nth(1).unwrap_or(&text).to_owned();
    let spins = machine.tree.number::<u32>(drive.dir.join("queue/rotational")) == Some(1)
        && drive.kind == BlockKind::Drive;
    // A disk with heads gains from sorting; a drive without loses CPU and a lock to it.
    if chosen == "none" || (spins && chosen == "mq-deadline") {
        return Diagnosis::good(code, chosen).of(&drive.name);
    }
    Diagnosis::wrong(
        code,
        Severity::Slow,
        chosen,
        "none",
        "every request takes a lock that all CPUs share: a few per cent of CPU, and no scaling beyond about 1 M IOPS",
    )
    .of(&drive.name)
    .mended_by(format!("echo none > {file}"))
}

fn nr_requests(machine: &Machine, drive: &BlockDevice) -> Option<Diagnosis> {
    let code = "nr_requests";
    let requests: u32 = machine.tree.number(drive.dir.join("queue/nr_requests"))?;
    let depth = IoOptions::default().queue_depth;
    let should_be = format!("at least {depth} (the default `queue_depth`)");
    if requests >= depth {
        return Some(
            Diagnosis::good(code, requests.to_string()).should_be(&should_be).of(&drive.name),
        );
    }
    let costs = format!(
        "of {depth} reads in flight {} wait in the kernel, not in the drive",
        depth - requests
    );
    Some(
        Diagnosis::wrong(code, Severity::Slow, requests.to_string(), should_be, costs)
            .of(&drive.name)
            .mended_by(format!("echo 256 > /sys/block/{}/queue/nr_requests", drive.name)),
    )
}

fn max_sectors(machine: &Machine, drive: &BlockDevice) -> Option<Diagnosis> {
    let code = "max_sectors_kb";
    let kib: u64 = machine.tree.number(drive.dir.join("queue/max_sectors_kb"))?;
    let hardware: Option<u64> = machine.tree.number(drive.dir.join("queue/max_hw_sectors_kb"));
    let read_kib = u64::from(IoOptions::default().read_size_bytes >> 10);
    let should_be = format!("at least {read_kib} (the default `read_size_bytes`)");
    let is = match hardware {
        Some(hardware) => format!("{kib} (the drive takes {hardware})"),
        None => kib.to_string(),
    };
    if kib >= read_kib {
        return Some(Diagnosis::good(code, is).should_be(&should_be).of(&drive.name));
    }
    let costs =
        format!("each read of {read_kib} KiB becomes {} requests", read_kib.div_ceil(kib.max(1)));
    let finding = Diagnosis::wrong(code, Severity::Slow, is, should_be, costs).of(&drive.name);
    Some(match hardware {
        Some(hardware) if hardware > kib => finding.mended_by(format!(
            "echo {} > /sys/block/{}/queue/max_sectors_kb",
            hardware.min(read_kib),
            drive.name
        )),
        // The drive takes no more: reads of its size are the remedy.
        _ => finding.mended_by(format!("ringquet … `read_size_bytes` {kib}KiB")),
    })
}

/// Needed for --iopoll only, which is an option: without them nothing is wrong.
fn poll_queues(machine: &Machine, drive: &BlockDevice) -> Diagnosis {
    let code = "poll_queues";
    let should_be = "some, where `iopoll` is wanted";
    let module = match drive.kind {
        BlockKind::Nvme => Some("nvme"),
        BlockKind::Virtual => Some("virtio_blk"),
        _ => None,
    };
    let queues = module.and_then(|module| {
        machine.tree.number::<u32>(format!("sys/module/{module}/parameters/poll_queues"))
    });
    let polls = machine.tree.number::<u32>(drive.dir.join("queue/io_poll")) == Some(1);
    let is = match (queues, polls) {
        (Some(queues), true) => format!("{queues}, polling works"),
        (Some(queues), false) => format!("{queues}, polling is off: `iopoll` is refused"),
        (None, true) => "polling works".to_owned(),
        (None, false) => "polling is off: `iopoll` is refused".to_owned(),
    };
    let finding = if polls {
        Diagnosis::good(code, is).should_be(should_be)
    } else {
        Diagnosis::unknown(code, is, should_be)
    };
    match module {
        Some(module) if !polls => finding
            .of(&drive.name)
            .mended_by(format!("kernel command line: {module}.poll_queues=4   # and a restart")),
        _ => finding.of(&drive.name),
    }
}

fn rotational(machine: &Machine, drive: &BlockDevice) -> Option<Diagnosis> {
    let spins = machine.tree.number::<u32>(drive.dir.join("queue/rotational"))? == 1;
    // Hypervisors say so of every disk.
    (spins && drive.kind == BlockKind::Drive).then(|| {
        Diagnosis::wrong(
            "rotational",
            Severity::Slow,
            "a disk with heads",
            "a drive without",
            "about 200 reads per second: random reads of a data set take hours",
        )
        .of(&drive.name)
    })
}
