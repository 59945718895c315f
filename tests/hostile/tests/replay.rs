//! Every target on each of its seeds and on changed ones, in seconds, without a fuzzer. Changes are the same each time.
//!
//! `RINGQUET_MUTATIONS=10000 cargo test -p ringquet-hostile manifest` makes more of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringquet_hostile::{Numbers, finding, mutate, mutate_file, targets};

/// Changed inputs per seed, where the environment does not say otherwise.
const MUTATIONS: usize = 40;

/// Longest input, as `cargo xtask fuzz` has it for the targets of text.
const INPUT_BYTES_MAX: usize = 16 << 10;

/// After which an input counts as a hang.
const INPUT_MAX: Duration = Duration::from_secs(10);

/// What lies in a folder of tests/fuzz.
fn listed(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz").join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("a folder that can be listed").path())
        .collect();
    paths.sort();
    paths
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = listed(&format!("seeds/{target}"));
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a seed"))).collect()
}

fn run(name: &str, target: fn(&[u8]), bytes: &[u8], seed: &Path, number: usize) {
    let begun = Instant::now();
    let found = finding(target, bytes);
    let took = begun.elapsed();
    let found = found.or_else(|| (took > INPUT_MAX).then(|| format!("took {took:?}")));
    if let Some(found) = found {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("found-{name}-{number}"));
        fs::write(&path, bytes).expect("the target directory can be written to");
        let seed = seed.display();
        panic!("change {number} of {seed}: {found}\nthe input lies in {}", path.display());
    }
}

fn replay(name: &str) {
    let (_, target) = targets::ALL.into_iter().find(|(known, _)| *known == name).expect("a target");
    let mutations = std::env::var("RINGQUET_MUTATIONS")
        .map_or(MUTATIONS, |number| number.parse().expect("RINGQUET_MUTATIONS is a number"));
    for (at, (path, seed)) in (0..).zip(&seeds(name)) {
        run(name, target, seed, path, 0);
        let mut numbers = Numbers::new(at);
        for number in 1..=mutations {
            let mut bytes = seed.clone();
            bytes.resize(INPUT_BYTES_MAX.max(seed.len()), 0);
            let room = bytes.len();
            let size = if name == "file" {
                let choice = u32::try_from(numbers.below(1 << 30)).expect("below 2^30");
                let change = |data: &mut [u8], size, room| mutate(&mut numbers, data, size, room);
                mutate_file(&mut bytes, seed.len(), room, choice, change)
            } else {
                mutate(&mut numbers, &mut bytes, seed.len(), room)
            };
            run(name, target, &bytes[..size], path, number);
        }
    }
}

macro_rules! replayed {
    ($($name:ident)*) => {
        /// What is replayed.
        const REPLAYED: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*
    };
}

replayed!(page_header levels dictionary delta plain codecs footer file workload overrides manifest documents results);

/// A name that is missing in one of these places would leave a target without a fuzzer, or seeds without a test.
#[test]
fn every_target_has_seeds_a_fuzzer_and_a_replay() {
    let sorted = |names: &mut dyn Iterator<Item = String>| -> Vec<String> {
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let names_in = |folder: &str| {
        let stem = |path: &PathBuf| path.file_stem().expect("a name").display().to_string();
        sorted(&mut listed(folder).iter().map(stem))
    };
    let targets = sorted(&mut targets::ALL.iter().map(|(name, _)| (*name).to_owned()));
    assert_eq!(targets, sorted(&mut REPLAYED.iter().map(|name| (*name).to_owned())), "replayed");
    assert_eq!(targets, names_in("seeds"), "folders of seeds");
    assert_eq!(targets, names_in("fuzz_targets"), "programs");
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let built =
        manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(targets, sorted(&mut built.map(str::to_owned)), "built programs");
    for name in &targets {
        assert!(!seeds(name).is_empty(), "{name} has no seeds");
    }
}
