//! What verification finds, and with which words.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use ringquet_datagen::{
    DatagenError, DatagenOptions, Existing, Problem, ProblemKind, Silent, VerifyOptions,
};

use super::support::{MIXED, SMALL, dir, generate, try_generate, verify, workload};

fn only(problems: &[Problem]) -> (&str, ProblemKind, &str) {
    let [problem] = problems else { panic!("one problem expected: {problems:#?}") };
    (&problem.file, problem.kind, &problem.text)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_set_is_sound() {
    let dir = dir();
    let report = generate(&workload(MIXED, dir.path(), &[]), &DatagenOptions::default());
    let found = verify(dir.path());
    assert!(found.is_sound(), "{:#?}", found.problems);
    assert_eq!((found.files_checked, found.files_listed, found.rows), (4, 4, 20_000));
    assert_eq!(found.bytes, report.bytes);
    assert_eq!(found.digest, Some(report.digest));
}

#[test]
fn missing_extra_truncated_and_too_long() {
    let dir = dir();
    generate(&workload(SMALL, dir.path(), &[]), &DatagenOptions::default());
    let file = |index: u32| dir.path().join(format!("train/img_{index}_of_4.parquet"));
    fs::remove_file(file(0)).unwrap();
    edit(&file(1), |bytes| bytes.truncate(bytes.len() / 2));
    edit(&file(2), |bytes| bytes.push(0));
    fs::write(dir.path().join("train/stray.parquet"), b"PAR1").unwrap();
    fs::write(dir.path().join("valid/.img_0_of_4.parquet.partial-12"), b"").unwrap();
    let found = verify(dir.path());
    let kinds: Vec<(&str, ProblemKind)> =
        found.problems.iter().map(|problem| (problem.file.as_str(), problem.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("train/img_0_of_4.parquet", ProblemKind::Missing),
            ("train/img_1_of_4.parquet", ProblemKind::Truncated),
            ("train/img_2_of_4.parquet", ProblemKind::TooLong),
            ("train/stray.parquet", ProblemKind::Extra),
            ("valid/.img_0_of_4.parquet.partial-12", ProblemKind::Extra),
        ]
    );
    assert!(found.problems[1].text.contains("the manifest lists"), "{:?}", found.problems[1]);
    assert!(found.problems[4].text.contains("left over"), "{:?}", found.problems[4]);
    assert_eq!((found.files_checked, found.files_listed, found.rows), (3, 4, 3000));
    assert_eq!(found.digest, None);
}

#[test]
fn a_value_that_changed_is_named() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &["dataset.num_files_train=1"]);
    generate(&loaded, &DatagenOptions::default());
    let path = dir.path().join("train/img_0_of_1.parquet");
    let reader =
        parquet::file::reader::SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    use parquet::file::reader::FileReader as _;
    let chunk = reader.metadata().row_group(2).column(0).clone();
    // Values of the dictionary page lie behind its header; the last of them is that of row 999.
    let end = usize::try_from(chunk.data_page_offset()).unwrap();
    edit(&path, |bytes| bytes[end - 8] ^= 0x10);
    let found = verify(dir.path());
    let (file, kind, text) = only(&found.problems);
    assert_eq!((file, kind), ("train/img_0_of_1.parquet", ProblemKind::Content));
    let expected = "row group 2, column `id`, row 999 (row 2999 of the file): is ";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains(" was written (digest "), "{text}");
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let dir = dir();
    let overrides = ["dataset.num_files_train=1", "++workload.dataset.num_files_eval=0"];
    generate(&workload(MIXED, dir.path(), &overrides), &DatagenOptions::default());
    let path = dir.path().join("train/img_0_of_1.parquet");
    let sound = fs::read(&path).unwrap();
    let reader =
        parquet::file::reader::SerializedFileReader::new(bytes::Bytes::from(sound.clone()))
            .unwrap();
    use parquet::file::reader::FileReader as _;
    for (index, chunk) in reader.metadata().row_group(0).columns().iter().enumerate() {
        let (start, length) = chunk.byte_range();
        let column = chunk.column_path().string();
        // Headers, dictionary values, levels, statistics, indices: something of all of it.
        for offset in (start..start + length).step_by(usize::try_from(length / 7).unwrap()) {
            let offset = usize::try_from(offset).unwrap();
            edit(&path, |bytes| bytes[offset] ^= 0x04);
            let found = verify(dir.path());
            let (_, kind, text) = only(&found.problems);
            match kind {
                ProblemKind::Content => {
                    assert!(text.starts_with("row group 0, column `"), "{text}")
                }
                // What no value depends on: int8 and uint16 are stored as INT32.
                ProblemKind::Bytes | ProblemKind::Unreadable => {}
                _ => panic!("column {index} {column}, byte {offset}: {kind:?} {text}"),
            }
            fs::write(&path, &sound).unwrap();
        }
    }
    for offset in [0, sound.len() - 1, sound.len() - 6, sound.len() - 300, sound.len() - 2000] {
        edit(&path, |bytes| bytes[offset] ^= 0x04);
        only(&verify(dir.path()).problems);
        fs::write(&path, &sound).unwrap();
    }
    assert!(verify(dir.path()).is_sound());
}

#[test]
fn a_spoilt_footer_does_not_hide_the_other_files() {
    let dir = dir();
    generate(&workload(SMALL, dir.path(), &[]), &DatagenOptions::default());
    edit(&dir.path().join("train/img_1_of_4.parquet"), |bytes| {
        let magic = bytes.len() - 1;
        bytes[magic] = b'X';
    });
    let found = verify(dir.path());
    let (file, kind, text) = only(&found.problems);
    assert_eq!((file, kind), ("train/img_1_of_4.parquet", ProblemKind::Unreadable));
    assert!(!text.contains('\n'), "{text}");
    assert_eq!(found.rows, 9000);
}

#[test]
fn a_file_of_another_place_is_not_taken_for_this_one() {
    let dir = dir();
    generate(&workload(SMALL, dir.path(), &[]), &DatagenOptions::default());
    let file = |index: u32| dir.path().join(format!("train/img_{index}_of_4.parquet"));
    fs::copy(file(1), file(2)).unwrap();
    let found = verify(dir.path());
    let (name, kind, text) = only(&found.problems);
    assert_eq!((name, kind), ("train/img_2_of_4.parquet", ProblemKind::Content));
    assert!(text.starts_with("row group 0, column `id`, row 0 (row 0 of the file): "), "{text}");
}

#[test]
fn another_schema_is_named() {
    let (small, renamed) = (dir(), dir());
    generate(&workload(SMALL, small.path(), &[]), &DatagenOptions::default());
    let yaml = SMALL.replace("name: x", "name: y");
    generate(&workload(&yaml, renamed.path(), &[]), &DatagenOptions::default());
    let name = "train/img_0_of_4.parquet";
    fs::copy(renamed.path().join(name), small.path().join(name)).unwrap();
    let found = verify(small.path());
    let (_, kind, text) = only(&found.problems);
    assert_eq!(kind, ProblemKind::Structure, "{text}");
    assert_eq!(text, "column 1 is `y` Float32; `x` Float32 was written");
}

/// A fuzzer wrote such manifests: sums of their numbers did not fit, which ended a debug build in a panic and gave others a
/// wrong count of missing files.
#[test]
fn numbers_that_no_data_set_has_are_refused() {
    let dir = dir();
    generate(&workload(SMALL, dir.path(), &[]), &DatagenOptions::default());
    let path = dir.path().join("ringquet-manifest.json");
    let sound: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let cases: [(&[(&str, u64)], &str); 5] = [
        (&[("/workload/num_files_train", u64::MAX), ("/workload/num_files_eval", 1)], "files"),
        (&[("/files/0/bytes", u64::MAX), ("/files/1/bytes", 1)], "bytes"),
        (
            &[
                ("/workload/num_samples_per_file", u64::MAX / 2),
                ("/files/0/rows", u64::MAX / 2),
                ("/files/1/rows", u64::MAX / 2),
                ("/files/2/rows", u64::MAX / 2),
                ("/files/3/rows", u64::MAX / 2),
            ],
            "rows",
        ),
        (&[("/files/3/index", 4)], "index 4"),
        (&[("/files/1/index", 0)], "index 0"),
    ];
    for (changes, reason) in cases {
        let mut spoilt = sound.clone();
        for (pointer, number) in changes {
            *spoilt.pointer_mut(pointer).unwrap() = (*number).into();
        }
        fs::write(&path, spoilt.to_string()).unwrap();
        let options = VerifyOptions::default();
        let found =
            ringquet_datagen::verify(dir.path(), &options, &Silent, &AtomicBool::new(false));
        let message = found.unwrap_err().to_string();
        assert!(message.contains("ringquet-manifest.json: not a usable manifest"), "{message}");
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_directory_without_a_manifest_is_told() {
    let dir = dir();
    let options = VerifyOptions::default();
    let error = ringquet_datagen::verify(dir.path(), &options, &Silent, &AtomicBool::new(false))
        .unwrap_err();
    assert!(matches!(error, DatagenError::NoManifest { .. }));
    assert!(error.to_string().contains("ringquet-manifest.json"), "{error}");
}

#[test]
fn files_of_another_generator_are_held_against_their_digests() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    generate(&loaded, &DatagenOptions::default());
    let manifest = dir.path().join("ringquet-manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    // The first version did not write the field.
    let older = text.replacen("  \"generator\": 2,\n", "", 1);
    assert_ne!(older, text);
    fs::write(&manifest, &older).unwrap();
    assert!(verify(dir.path()).is_sound());

    let options = DatagenOptions { existing: Existing::Resume, ..DatagenOptions::default() };
    let error = try_generate(&loaded, &options).unwrap_err().to_string();
    assert!(error.contains("generator, 1 instead of 2"), "{error}");

    // In the dictionary of the first column.
    edit(&dir.path().join("train/img_2_of_4.parquet"), |bytes| bytes[200] ^= 1);
    let found = verify(dir.path());
    let (_, kind, text) = only(&found.problems);
    assert_eq!(kind, ProblemKind::Content);
    assert!(text.contains("generator 1 wrote them"), "{text}");
}

#[test]
fn parts_that_were_made_differently_are_no_data_set() {
    let dir = dir();
    let loaded = workload(SMALL, dir.path(), &[]);
    let part = |first_file, seed| DatagenOptions {
        first_file,
        files: Some(2),
        seed,
        ..DatagenOptions::default()
    };
    generate(&loaded, &part(0, 10));
    let error = try_generate(&loaded, &part(2, 11)).unwrap_err().to_string();
    assert!(error.contains("seed, 10 instead of 11"), "{error}");
    // Another host does not see the first one's manifest.
    let first = dir.path().join("ringquet-manifest.0-2.json");
    let text = fs::read_to_string(&first).unwrap();
    fs::remove_file(&first).unwrap();
    generate(&loaded, &part(2, 11));
    fs::write(&first, text).unwrap();
    let found = verify(dir.path());
    let (file, kind, text) = only(&found.problems);
    assert_eq!((file, kind), ("ringquet-manifest.2-4.json", ProblemKind::Conflict));
    assert!(text.starts_with("generated with another seed, 11 instead of 10"), "{text}");
}
