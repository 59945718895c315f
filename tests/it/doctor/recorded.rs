//! What is reported about machines that are not this one.

use ringquet_device::doctor::{BlockKind, Diagnosis, DoctorReport, Severity, examine, members};

use super::tree_file::{Recorded, chain_text, uring_without};

/// The one finding of this code and subject.
#[track_caller]
fn finding<'a>(report: &'a DoctorReport, code: &str, subject: Option<&str>) -> &'a Diagnosis {
    let mut found = report
        .findings
        .iter()
        .filter(|finding| finding.code == code && finding.subject.as_deref() == subject);
    let first = found.next().unwrap_or_else(|| panic!("{code} {subject:?}: {report:#?}"));
    assert!(found.next().is_none(), "{code} {subject:?} comes twice");
    first
}

/// It is wrong, says what it costs, and is mended by a command with this in it.
#[track_caller]
fn check_wrong(report: &DoctorReport, code: &str, subject: Option<&str>, is: &str, mend: &str) {
    let finding = finding(report, code, subject);
    assert!(matches!(finding.standing, Severity::Slow | Severity::Broken), "{finding:?}");
    assert!(finding.is.contains(is), "{finding:?}");
    assert!(!finding.should_be.is_empty() && !finding.costs.is_empty(), "{finding:?}");
    assert!(finding.mend.as_deref().unwrap_or_default().contains(mend), "{finding:?}");
}

#[track_caller]
fn check_good(report: &DoctorReport, code: &str, subject: Option<&str>, is: &str) {
    let finding = finding(report, code, subject);
    assert_eq!(finding.standing, Severity::Good, "{finding:?}");
    assert!(finding.is.contains(is) && finding.mend.is_none(), "{finding:?}");
}

fn array() -> DoctorReport {
    let recorded = Recorded::open("nvme_array");
    examine(&recorded.machine("/data/set", (9, 0), Ok(512), uring_without(&["DEFER_TASKRUN"])))
}

#[test]
fn an_array_is_followed_to_its_drives() {
    let recorded = Recorded::open("nvme_array");
    let machine = recorded.machine("/data/set", (9, 0), Ok(512), uring_without(&[]));
    let place = machine.place.as_ref().unwrap();
    assert_eq!(place.mount.as_ref().unwrap().file_system, "xfs");
    let md = &place.devices[0];
    assert_eq!(md.kind, BlockKind::Md("raid0".to_owned()));
    assert_eq!(chain_text(md), "md0[nvme0n1p2[nvme0n1] nvme1n1p2[nvme1n1] nvme2n1 nvme3n1]");
    let members = members(&place.devices);
    let told: Vec<_> = members.iter().map(|m| (m.name.as_str(), m.numa_node)).collect();
    let expect = [
        ("nvme0n1p2", Some(0)),
        ("nvme1n1p2", Some(0)),
        ("nvme2n1", Some(1)),
        ("nvme3n1", Some(1)),
    ];
    assert_eq!(told, expect);
    let drives: Vec<_> = md.drives().iter().map(|drive| drive.name.as_str()).collect();
    assert_eq!(drives, ["nvme0n1", "nvme1n1", "nvme2n1", "nvme3n1"]);
}

#[test]
fn what_is_wrong_with_the_array() {
    let report = array();
    check_wrong(&report, "pcie_link", Some("nvme1n1"), "16 GT/s x2", "lspci -vv -s 0000:43:00.0");
    assert!(finding(&report, "pcie_link", Some("nvme1n1")).costs.contains("50 %"));
    check_good(&report, "pcie_link", Some("nvme0n1"), "16 GT/s x4, 7.34 GiB/s");
    let mend = "echo none > /sys/block/nvme2n1/queue/scheduler";
    check_wrong(&report, "scheduler", Some("nvme2n1"), "mq-deadline", mend);
    check_good(&report, "scheduler", Some("nvme0n1"), "none");
    let mend = "echo 512 > /sys/block/nvme3n1/queue/max_sectors_kb";
    check_wrong(&report, "max_sectors_kb", Some("nvme3n1"), "128", mend);
    assert!(finding(&report, "max_sectors_kb", Some("nvme3n1")).costs.contains("4 requests"));
    check_wrong(&report, "nr_requests", Some("nvme3n1"), "32", "nr_requests");
    check_wrong(&report, "locked_memory", None, "8192 KiB", "memlock unlimited");
    check_wrong(&report, "open_files", None, "1024", "ulimit -n 65536");
    check_wrong(
        &report,
        "cpu_governor",
        None,
        "powersave on 2 of 8 CPUs (first: CPU 6)",
        "cpupower",
    );
    check_wrong(&report, "huge_pages", None, "0 of 2048 KiB", "sysctl -w vm.nr_hugepages=384");
    check_wrong(&report, "transparent_huge_pages", None, "never", "echo madvise");
    // A limit of writes is none of reads.
    check_good(&report, "cgroup_io", None, "no limit");
    check_good(&report, "cgroup_cpu", None, "no limit");
    check_good(&report, "numa", Some("node 1"), "nvme2n1, nvme3n1 on node 1, 4 of its CPUs");
    check_good(&report, "o_direct", None, "512");
    if finding(&report, "seccomp", None).standing == Severity::Good
        && ringquet_io::uring_features().is_ok()
    {
        let found = finding(&report, "io_uring_setup", None);
        assert!(found.is.contains("DEFER_TASKRUN (Linux 6.1)"), "{found:?}");
    }
    let counted = report.good + report.slow + report.broken + report.unknown;
    assert_eq!(counted, report.findings.len());
}

/// Readers are bound to the other socket.
#[test]
fn readers_far_from_the_drives() {
    let recorded = Recorded::open("nvme_array");
    let mut machine = recorded.machine("/data/set", (9, 0), Ok(512), uring_without(&[]));
    let place = machine.place.as_mut().unwrap();
    for member in &mut place.devices[0].below {
        member.numa_node = Some(7);
    }
    let report = examine(&machine);
    check_wrong(&report, "numa", Some("node 7"), "0 of its CPUs usable", "taskset");
}

#[test]
fn a_single_drive_has_nothing_to_mend() {
    let recorded = Recorded::open("single_drive");
    let uring = uring_without(&[]);
    let has_uring = uring.is_ok();
    let machine = recorded.machine("/home/x", (252, 1), Ok(4096), uring);
    let report = examine(&machine);
    let chain: Vec<String> = report.devices.iter().map(chain_text).collect();
    assert_eq!(chain, ["dm-1[dm-0[nvme0n1p3[nvme0n1]]]"]);
    let wrong =
        |finding: &&Diagnosis| matches!(finding.standing, Severity::Slow | Severity::Broken);
    let wrong: Vec<&Diagnosis> = report.findings.iter().filter(wrong).collect();
    assert_eq!(wrong.iter().filter(|_| has_uring).count(), 0, "{wrong:#?}");
    check_good(&report, "poll_queues", Some("nvme0n1"), "4, polling works");
    check_good(&report, "numa", None, "one node");
    check_good(&report, "locked_memory", None, "unlimited");
}

#[test]
fn a_virtual_disk_tells_less() {
    let recorded = Recorded::open("virtual_disk");
    let machine = recorded.machine("/srv/data", (254, 0), Ok(512), uring_without(&[]));
    let report = examine(&machine);
    assert_eq!(report.devices[0].kind, BlockKind::Virtual);
    assert_eq!(finding(&report, "cpu_governor", None).standing, Severity::Unknown);
    check_wrong(&report, "scheduler", Some("vda"), "mq-deadline", "echo none");
    // A hypervisor that calls its disk rotational does not make it one.
    assert!(report.findings.iter().all(|finding| finding.code != "rotational"));
    assert!(report.findings.iter().all(|finding| finding.code != "pcie_link"));
    // Version 1: -1 and the largest page-rounded number are no limits.
    check_good(&report, "cgroup_cpu", None, "no limit");
    check_good(&report, "cgroup_memory", None, "no limit");
    // CAP_IPC_LOCK stands above the limit of 8 MiB.
    check_good(&report, "locked_memory", None, "CAP_IPC_LOCK");
    check_good(&report, "open_files", None, "20000");
}

#[test]
fn a_container_is_told_what_it_lacks() {
    let recorded = Recorded::open("container");
    let refused =
        Err("io_uring is not available: io_uring_setup: EPERM; a seccomp filter".to_owned());
    let machine = recorded.machine("/data", (0, 120), Err("no O_DIRECT here"), refused);
    let report = examine(&machine);
    assert!(report.devices.is_empty());
    let seccomp = finding(&report, "seccomp", None);
    assert_eq!(seccomp.standing, Severity::Broken);
    assert!(seccomp.mend.as_ref().unwrap().contains("--security-opt"));
    assert_eq!(finding(&report, "io_uring", None).standing, Severity::Broken);
    check_wrong(&report, "cgroup_cpu", None, "2.0 CPUs for 16 reader threads", "`threads` 2");
    check_wrong(&report, "cgroup_memory", None, "512 MiB", "`memory_budget_bytes` 134217728");
    check_wrong(&report, "cgroup_io", None, "rbps=104857600", "io.max");
    check_wrong(&report, "locked_memory", None, "64 KiB", "--ulimit memlock=-1");
    check_wrong(&report, "file_system", None, "overlay", "docker run -v");
    assert_eq!(finding(&report, "o_direct", None).standing, Severity::Slow);
    assert_eq!(finding(&report, "device_chain", None).standing, Severity::Unknown);
    check_good(&report, "io_uring_disabled", None, "no such switch");
}

#[test]
fn all_members_of_a_btrfs() {
    let recorded = Recorded::open("btrfs_pool");
    let machine = recorded.machine("/pool/a/b", (0, 45), Ok(4096), uring_without(&[]));
    let place = machine.place.as_ref().unwrap();
    let names: Vec<_> = place.devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["vdb", "vdc"]);
}

/// An empty tree, and one whose files hold nonsense: everything is unknown, nothing panics.
#[test]
fn a_machine_that_tells_nothing() {
    let recorded = Recorded::open("single_drive");
    let empty = tempfile::tempdir().unwrap();
    let mut machine = recorded.machine("/home/x", (252, 1), Ok(4096), uring_without(&[]));
    machine.tree = ringquet_device::doctor::Tree::at(empty.path());
    let report = examine(&machine);
    assert_eq!(finding(&report, "locked_memory", None).standing, Severity::Unknown);
    assert_eq!(finding(&report, "cgroup", None).standing, Severity::Unknown);
    assert_eq!(finding(&report, "huge_pages", None).standing, Severity::Unknown);

    for path in [
        "proc/self/limits",
        "proc/self/status",
        "proc/self/cgroup",
        "proc/meminfo",
        "proc/self/mountinfo",
    ] {
        let path = empty.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(
            path,
            "::\n:::/../..\n - \nMax open files\nHugePages_Free: -1 kB\nSeccomp: x\n\u{0}",
        )
        .unwrap();
    }
    examine(&machine);
}
