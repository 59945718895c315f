//! Every message of [`DatagenError`], kept in `snapshots/`.

use ringquet_messages::assert_messages;

use super::*;

fn path() -> PathBuf {
    PathBuf::from("data/train/img_0_of_8.parquet")
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

#[test]
fn messages() {
    assert_messages!(DatagenError {
        Workload(WorkloadError::Override {
            text: "dataset.num_files_train".to_owned(),
            reason: "expected KEY=VALUE".to_owned(),
        }),
        Option(OptionError::new("repeat_fraction", 1.5, "must be 0 to below 1")),
        RowTooLarge { row_bytes: 9_000_000_000, limit: 1_000_000_000 },
        Exists { path: path() },
        OtherDataSet {
            manifest: PathBuf::from("data/manifest.json"),
            difference: "seed: 7 instead of 42".to_owned(),
        },
        NoSpace { path: PathBuf::from("data"), needed: 2_000_000, available: 1_000_000 },
        Io { path: path(), operation: "write", source: errno(28) },
        Write(Box::new(ringquet_io::IoError::Write {
            path: path(),
            offset: 4096,
            length: 1_048_576,
            source: errno(5),
        })),
        Engine(Box::new(ringquet::Error::Stopped)),
        Panicked("index out of bounds (src/page.rs:41)".to_owned()),
        Stopped { files_done: 3, files: 8 },
        NoManifest { dir: PathBuf::from("data") },
        Manifest {
            path: PathBuf::from("data/manifest.json"),
            reason: "version 9, expected 3".to_owned(),
        },
    });
}
