//! Every message of [`LayoutError`], kept in `snapshots/`.

use ringquet_messages::assert_messages;

use super::*;

#[test]
fn messages() {
    let variant = || "zstd".to_owned();
    assert_messages!(LayoutError {
        Workload(WorkloadError::Override {
            text: "dataset.compression".to_owned(),
            reason: "expected KEY=VALUE".to_owned(),
        }),
        Option(OptionError::new("repeats", 0, "must be 1 to 100")),
        Folder { path: PathBuf::from("data/layouts"), source: io::Error::from_raw_os_error(13) },
        Generate {
            variant: variant(),
            source: Box::new(DatagenError::Stopped { files_done: 0, files: 1 }),
        },
        Read { variant: variant(), source: Box::new(ringquet::Error::Stopped) },
        Damaged {
            variant: variant(),
            file: "img_0_of_1.parquet".to_owned(),
            reason: "unexpected end of file".to_owned(),
        },
        Stopped {},
        Nothing {},
    });
}
