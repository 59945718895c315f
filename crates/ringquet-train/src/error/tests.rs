//! Every message of [`RunError`], kept in `snapshots/`.

use ringquet_messages::assert_messages;

use super::*;

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

#[test]
fn messages() {
    assert_messages!(RunError {
        Workload(WorkloadError::Override {
            text: "train.epochs".to_owned(),
            reason: "expected KEY=VALUE".to_owned(),
        }),
        NothingToRun {},
        Accelerators { accelerators: 0, max: 1024 },
        Launcher {
            variable: "OMPI_COMM_WORLD_SIZE",
            launcher: "mpirun",
            ranks: 4,
            process: " (this is number 2)".to_owned(),
        },
        Mpi { variable: "OMPI_COMM_WORLD_SIZE", reason: "1 process instead of 4".to_owned() },
        FewFiles {
            found: 3,
            wanted: 8,
            folder: PathBuf::from("data/train"),
            missing: " (the first missing one is img_3_of_8.parquet)".to_owned(),
            workload: PathBuf::from("dlrm.yaml"),
            data_dir: PathBuf::from("data"),
        },
        List { folder: PathBuf::from("data/train"), source: errno(13) },
        RowsDiffer { path: PathBuf::from("data/train/img_0_of_8.parquet"), found: 100, expected: 128 },
        Engine(ringquet::Error::Stopped),
        Thread { rank: 7, source: errno(11) },
        Panicked { panic: "index out of bounds (src/queue.rs:41)".to_owned() },
        NotReady { seconds: 60 },
        Short { epoch: 2, rank: 3, steps: 9, expected: 10, rows: 7 },
        NoTarget {},
        SearchSteps { steps: 3, needed: 8 },
        SearchLaunched { variable: "OMPI_COMM_WORLD_SIZE", ranks: 4 },
        DropCaches { source: errno(13) },
        Results { path: PathBuf::from("results"), source: errno(28) },
    });
}
