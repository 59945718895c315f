#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "temporary")]
use std::path::Path;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let overrides: Vec<String> =
        args[2..].iter().filter(|a| !a.starts_with("--")).cloned().collect();
    let opt = |n: &str| args.iter().find_map(|a| a.strip_prefix(n).map(str::to_owned));
    let loaded = ringquet_workload::load(Path::new(&args[1]), &overrides, false).unwrap();
    let options = ringquet_datagen::DatagenOptions {
        existing: ringquet_datagen::Existing::Force,
        direct: if args.iter().any(|a| a == "--buffered") {
            ringquet::DirectChoice::Off
        } else {
            ringquet::DirectChoice::Auto
        },
        threads: opt("--threads=").map_or(0, |t| t.parse().unwrap()),
        content: ringquet_datagen::ContentOptions {
            repeat_fraction: opt("--repeat=").map_or(0.0, |t| t.parse().unwrap()),
            raw_floats: args.iter().any(|a| a == "--raw"),
        },
        pages: ringquet_datagen::PageOptions {
            dictionary: !args.iter().any(|a| a == "--nodict"),
            byte_stream_split: args.iter().any(|a| a == "--bss"),
            data_page_v2: args.iter().any(|a| a == "--v2"),
            page_index: args.iter().any(|a| a == "--index"),
            page_bytes: opt("--page=").map_or(1 << 20, |t| t.parse().unwrap()),
        },
        ..Default::default()
    };
    let r = ringquet_datagen::generate(
        &loaded,
        &options,
        &ringquet_datagen::Silent,
        &std::sync::atomic::AtomicBool::new(false),
    )
    .unwrap();
    println!(
        "{} files {:.3} s, {} bytes {:.3} GB/s, nominal {:.3} GB/s, {} threads, {}",
        r.files,
        r.seconds,
        r.bytes,
        r.bytes as f64 / r.seconds / 1e9,
        r.nominal_bytes as f64 / r.seconds / 1e9,
        r.threads,
        r.digest
    );
    if args.iter().any(|a| a == "--verify") {
        let v = ringquet_datagen::verify(
            &r.data_dir,
            &Default::default(),
            &ringquet_datagen::Silent,
            &std::sync::atomic::AtomicBool::new(false),
        )
        .unwrap();
        println!("verify {:.3} s {:?}", v.seconds, v.problems);
    }
}
