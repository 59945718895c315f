//! The way from the file system to the drives: O_DIRECT, the chain of devices, their queues.

use ringquet_io::IoOptions;

use super::block_chain::{BlockDevice, BlockKind};
use super::finding::{Finding, Standing};
use super::machine::{Machine, Place};

/// File systems without a device: what lies on them lies in memory.
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

pub(super) fn examine(machine: &Machine, findings: &mut Vec<Finding>) {
    let Some(place) = &machine.place else {
        findings.push(Finding::untold(
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
            .map(|device| Finding::good("device_chain", chain_text(device)).of(&device.name)),
    );
    if place.devices.is_empty() {
        let is = "no block device of this machine (network, memory, overlay or ZFS)";
        findings.push(Finding::untold("device_chain", is, "a local drive or array"));
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

fn file_system(place: &Place) -> Finding {
    let code = "file_system";
    let Some(mount) = &place.mount else {
        return Finding::untold(code, "not in /proc/self/mountinfo", "xfs or ext4 on local drives");
    };
    let is =
        format!("{} at {} from {}", mount.file_system, mount.mount_point.display(), mount.source);
    let should_be = "xfs or ext4 on local drives";
    if IN_MEMORY.contains(&mount.file_system.as_str()) {
        let costs = "what is measured is memory, not a device";
        return Finding::wrong(code, Standing::Slow, is, should_be, costs);
    }
    match mount.file_system.as_str() {
        "btrfs" => Finding::wrong(
            code,
            Standing::Slow,
            is,
            should_be,
            "reads with O_DIRECT check sums on the CPU; compressed files go through the page cache",
        ),
        "overlay" => Finding::wrong(
            code,
            Standing::Slow,
            is,
            should_be,
            "the layers of a container image hide the device: counters and NUMA node are not known",
        )
        .mended_by("docker run -v /DIR/ON/THE/ARRAY:/data …"),
        "zfs" => Finding::wrong(
            code,
            Standing::Slow,
            is,
            should_be,
            "reads go through its own cache, and with O_DIRECT too before OpenZFS 2.3; sums are checked on the CPU",
        ),
        name if REMOTE.contains(&name) => Finding::wrong(
            code,
            Standing::Slow,
            is,
            should_be,
            "what is measured is the network and the server as well; device bytes and NUMA node are not known",
        ),
        name if name.starts_with("fuse") => Finding::wrong(
            code,
            Standing::Slow,
            is,
            should_be,
            "each read passes another process; device bytes and NUMA node are not known",
        ),
        name if LOCAL.contains(&name) => Finding::good(code, is).should_be(should_be),
        // Nothing is known of it here.
        _ => Finding::untold(code, is, should_be),
    }
}

fn direct(place: &Place) -> Finding {
    let code = "o_direct";
    if let Some(reason) = &place.direct_untried {
        let is = format!("could not be tried: {reason}");
        return Finding::untold(code, is, "taken, aligned to at most 4096 bytes");
    }
    match (place.direct_alignment_bytes, &place.direct_refused) {
        (Some(bytes), _) if bytes <= 4096 => {
            Finding::good(code, format!("taken, aligned to {bytes} bytes"))
                .should_be("taken, aligned to at most 4096 bytes")
        }
        (Some(bytes), _) => Finding::wrong(
            code,
            Standing::Slow,
            format!("taken, aligned to {bytes} bytes"),
            "aligned to at most 4096 bytes",
            "more bytes are read around each column chunk",
        ),
        (None, reason) => Finding::wrong(
            code,
            Standing::Slow,
            reason.clone().unwrap_or_else(|| "could not be tried".to_owned()),
            "taken",
            "reads go through the page cache: a copy per byte, and memory that others lose",
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

fn scheduler(machine: &Machine, drive: &BlockDevice) -> Finding {
    let code = "scheduler";
    let file = format!("/sys/block/{}/queue/scheduler", drive.name);
    let Some(text) = machine.tree.text(drive.dir.join("queue/scheduler")) else {
        return Finding::untold(code, "not told", "none").of(&drive.name);
    };
    let chosen = text.split(['[', ']']).nth(1).unwrap_or(&text).to_owned();
    let spins = machine.tree.number::<u32>(drive.dir.join("queue/rotational")) == Some(1)
        && drive.kind == BlockKind::Drive;
    // A disk with heads gains from sorting; a drive without loses CPU and a lock to it.
    if chosen == "none" || (spins && chosen == "mq-deadline") {
        return Finding::good(code, chosen).of(&drive.name);
    }
    Finding::wrong(
        code,
        Standing::Slow,
        chosen,
        "none",
        "every request passes a lock that all CPUs share: some per cent of CPU, and an end to scaling near 1 M IOPS",
    )
    .of(&drive.name)
    .mended_by(format!("echo none > {file}"))
}

fn nr_requests(machine: &Machine, drive: &BlockDevice) -> Option<Finding> {
    let code = "nr_requests";
    let requests: u32 = machine.tree.number(drive.dir.join("queue/nr_requests"))?;
    let depth = IoOptions::default().queue_depth;
    let should_be = format!("at least {depth} (the default `queue_depth`)");
    if requests >= depth {
        return Some(
            Finding::good(code, requests.to_string()).should_be(&should_be).of(&drive.name),
        );
    }
    let costs = format!(
        "of {depth} reads in flight {} wait in the kernel, not in the drive",
        depth - requests
    );
    Some(
        Finding::wrong(code, Standing::Slow, requests.to_string(), should_be, costs)
            .of(&drive.name)
            .mended_by(format!("echo 256 > /sys/block/{}/queue/nr_requests", drive.name)),
    )
}

fn max_sectors(machine: &Machine, drive: &BlockDevice) -> Option<Finding> {
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
        return Some(Finding::good(code, is).should_be(&should_be).of(&drive.name));
    }
    let costs =
        format!("each read of {read_kib} KiB becomes {} requests", read_kib.div_ceil(kib.max(1)));
    let finding = Finding::wrong(code, Standing::Slow, is, should_be, costs).of(&drive.name);
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
fn poll_queues(machine: &Machine, drive: &BlockDevice) -> Finding {
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
        Finding::good(code, is).should_be(should_be)
    } else {
        Finding::untold(code, is, should_be)
    };
    match module {
        Some(module) if !polls => finding
            .of(&drive.name)
            .mended_by(format!("kernel command line: {module}.poll_queues=4   # and a restart")),
        _ => finding.of(&drive.name),
    }
}

fn rotational(machine: &Machine, drive: &BlockDevice) -> Option<Finding> {
    let spins = machine.tree.number::<u32>(drive.dir.join("queue/rotational"))? == 1;
    // Hypervisors say so of every disk.
    (spins && drive.kind == BlockKind::Drive).then(|| {
        Finding::wrong(
            "rotational",
            Standing::Slow,
            "a disk with heads",
            "a drive without",
            "about 200 reads per second: random reads of a data set take hours",
        )
        .of(&drive.name)
    })
}
