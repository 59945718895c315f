//! Isolates Snappy decompression, which the legacy data sets live on: the `snap` crate, our choice, beside Google's C++ library
//! on pages of 1 MiB as Parquet has them.
//!
//! `cargo bench -p ringquet-benches --features snappy-cpp --bench snappy`. Without the feature the peer is left out: it needs
//! the library itself (Debian: `apt-get install libsnappy-dev`).

use std::time::Instant;

use anyhow::Result;
use ringquet_benches::pairs::{Pairs, Sample, tell};
use ringquet_benches::{Scale, chosen};
use ringquet_io::throughput::GIB;

/// Bytes of a page before compression: PyArrow's default.
const PAGE_BYTES: usize = 1 << 20;

fn main() -> Result<()> {
    let scale = Scale::of_this_process();
    let page_bytes = scale.pick(PAGE_BYTES / 64, PAGE_BYTES);
    for (name, page) in pages(page_bytes) {
        if chosen(name) {
            measure(name, scale, &page)?;
        }
    }
    Ok(())
}

/// What is compressed: what data sets hold, and the two ends, bytes that do not compress and bytes that repeat.
fn pages(page_bytes: usize) -> [(&'static str, Vec<u8>); 5] {
    let mut state = 7_u64;
    let mut words = |limit: u64, start: u64, step: u64| -> Vec<u8> {
        let values = (0..page_bytes as u64 / 8).flat_map(|n| {
            // xorshift64: good enough to have nothing in it that compresses.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (start + n * step + state % limit).to_le_bytes()
        });
        values.collect()
    };
    let small = words(255, 0, 0);
    let timestamps = words(500, 1_700_000_000_000, 1000);
    let floats = words(u64::MAX, 0, 0);
    let record = small[..small.len().min(484 * 8)].to_vec();
    let repeated = record.iter().copied().cycle().take(page_bytes).collect();
    let text = (0..).flat_map(|n: u32| {
        format!("user_{} GET /index.html?id={} ", n % 977, n % 7919).into_bytes()
    });
    [
        ("int64 below 255", small),
        ("timestamps", timestamps),
        ("text", text.take(page_bytes).collect()),
        ("random bits", floats),
        ("one record again and again", repeated),
    ]
}

fn measure(name: &str, scale: Scale, page: &[u8]) -> Result<()> {
    let compressed = snap::raw::Encoder::new().compress_vec(page)?;
    let mut decoder = snap::raw::Decoder::new();
    let passes = scale.pick(1, 50);
    let mut target = vec![0; page.len()];
    let mut theirs = target.clone();
    let ours = || {
        let begun = Instant::now();
        for _ in 0..passes {
            decoder.decompress(&compressed, &mut target)?;
        }
        Ok::<_, anyhow::Error>(Sample::since((page.len() * passes) as u64, begun))
    };
    let peer = || peer(&compressed, &mut theirs, passes);
    let pairs = Pairs::measure(scale.pick(1, 15), ours, peer)?;
    let ratio = page.len() as f64 / compressed.len() as f64;
    tell(&format!("{name}, compressed {ratio:.1}×"), "C++", "GiB/s", GIB, &pairs, None);
    anyhow::ensure!(target == page, "{name}: decompressed to something else");
    Ok(())
}

#[cfg(feature = "snappy-cpp")]
fn peer(compressed: &[u8], target: &mut [u8], passes: usize) -> Result<Sample> {
    let begun = Instant::now();
    for _ in 0..passes {
        let written = snappy_cpp::decompress(compressed, target).map_err(anyhow::Error::msg)?;
        anyhow::ensure!(written == target.len(), "{written} bytes came out");
    }
    Ok(Sample::since((target.len() * passes) as u64, begun))
}

#[cfg(not(feature = "snappy-cpp"))]
fn peer(_compressed: &[u8], _target: &mut [u8], _passes: usize) -> Result<Sample> {
    Ok(Sample::NOTHING)
}
