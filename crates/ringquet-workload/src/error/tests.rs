//! Every message of [`WorkloadError`] and every form of [`Place`], kept in `snapshots/`.

use ringquet_messages::{assert_messages, assert_text, listed};
use ringquet_result::WarningCode;

use super::*;
use crate::{FormatType, Named as _};

fn file() -> PathBuf {
    PathBuf::from("dlrm.yaml")
}

fn place() -> Box<Place> {
    Box::new(Place { file: file(), line: Some(12), override_text: None })
}

#[test]
fn messages() {
    assert_messages!(WorkloadError {
        Read { file: file(), source: std::io::Error::from_raw_os_error(2) },
        TooLarge { file: file(), length: 5_000_000, limit: 4_194_304 },
        Syntax { place: place(), message: "mapping values are not allowed here".to_owned() },
        Override { text: "dataset.num_files_train".to_owned(), reason: "expected KEY=VALUE".to_owned() },
        Value {
            place: place(),
            key: "dataset.parquet.columns[3].dtype".to_owned(),
            value: "float12".to_owned(),
            accepted: "float32, float64".to_owned(),
        },
        Conflict {
            place: place(),
            key: "reader.batch_size".to_owned(),
            reason: "is larger than the data set".to_owned(),
        },
        Strict {
            file: file(),
            warnings: vec![
                Warning::new(WarningCode::UnknownKey, "dataset.formt: unknown key"),
                Warning::new(WarningCode::IneffectiveKey, "reader.computation_threads: no effect"),
            ],
        },
        Unsupported {
            key: "dataset.format".to_owned(),
            value: "tfrecord".to_owned(),
            reason: "only parquet is read".to_owned(),
        },
        Overflow { quantity: "the size of the data set", computation: "9000000000 x 9000000000".to_owned() },
    });
}

#[test]
fn places() {
    let line = *place();
    let places = [
        ("a line", line.clone()),
        ("an override", Place { override_text: Some("train.epochs=x".to_owned()), ..line.clone() }),
        ("a default", Place { line: None, ..line }),
    ];
    assert_text!("Place", listed(places.map(|(name, place)| (name, place.to_string()))));
}

#[test]
fn names() {
    let error = "parkett".parse::<FormatType>().expect_err("DLIO has no such format");
    assert_text!("UnknownName", format!("{error}\n{}", FormatType::accepted()));
}
