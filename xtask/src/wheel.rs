//! `cargo xtask wheel`: the wheel of the Python package, and whether it holds what it should and runs where its tag says.
//!
//! maturin builds it, in an environment of its own. For manylinux2014 it links with zig, which brings the C library that is the
//! oldest one of that tag; the linker of this machine would bind it to the C library of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use xshell::cmd;

use crate::python::{MANYLINUX, Pinned, WHEEL};
use crate::workshop::Workshop;

/// Bytes of a wheel at most: what a download may take.
const WHEEL_BYTES_MAX: u64 = 15_000_000;

/// The newest C library that a manylinux2014 wheel may need.
const GLIBC_MAX: (u32, u32) = (2, 17);

/// The package, below the root.
const PACKAGE: &str = "crates/ringquet-python";

/// Which wheel is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// For any Linux since 2014; compiles everything, for zig's linker
    Manylinux,
    /// For machines like this one; shares what the release binary is built from
    Host,
    /// As `host` from a debug build, for the time between two edits
    Dev,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Kind::Manylinux => "wheels",
            Kind::Host => "wheels/host",
            Kind::Dev => "wheels/dev",
        }
    }

    /// With what it is built.
    fn pinned(self) -> Pinned {
        match self {
            Kind::Manylinux => MANYLINUX,
            Kind::Host | Kind::Dev => WHEEL,
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Kind::Manylinux => {
                &["--profile", "release", "--zig", "--compatibility", "manylinux2014"]
            }
            Kind::Host => &["--profile", "release", "--compatibility", "linux"],
            Kind::Dev => &["--profile", "dev", "--compatibility", "linux"],
        }
    }

    /// How the platform begins in the name of the wheel.
    fn platform(self) -> &'static str {
        match self {
            Kind::Manylinux => "manylinux",
            Kind::Host | Kind::Dev => "linux",
        }
    }
}

/// Builds a wheel, checks it and shows where it is.
pub(crate) fn run(workshop: &Workshop, kind: Kind) -> Result<()> {
    let wheel = build(workshop, kind)?;
    let bytes = fs::metadata(&wheel)?.len();
    println!("{}: {bytes} bytes", wheel.display());
    Ok(())
}

/// Builds a wheel and checks it.
///
/// # Errors
/// If there is no environment to build it in, if it does not build, or if it is not as it should be.
pub(crate) fn build(workshop: &Workshop, kind: Kind) -> Result<PathBuf> {
    let sh = &workshop.sh;
    let python = kind.pinned().environment(workshop)?.ready()?;
    let folder = workshop.target.join(kind.folder());
    sh.create_dir(&folder)?;
    for old in wheels(&folder)? {
        workshop.remove(&old)?;
    }
    let bin = python.parent().context("an interpreter lies in a folder")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path)))?;
    let arguments = kind.arguments();
    let target = &workshop.target;
    let maturin = bin.join("maturin");
    let manifest = workshop.root.join(PACKAGE).join("Cargo.toml");
    // maturin asks the `python3` of the PATH for zig.
    cmd!(
        sh,
        "{maturin} build --quiet --locked {arguments...} --manifest-path {manifest}
         --target-dir {target} --out {folder}"
    )
    .env("PATH", path)
    .run()?;
    let built = wheels(&folder)?;
    let [wheel] = &built[..] else {
        bail!("{}: expected one wheel, there are {}", folder.display(), built.len());
    };
    check(workshop, kind, &python, wheel).with_context(|| wheel.display().to_string())?;
    Ok(wheel.clone())
}

/// The wheels in a folder.
fn wheels(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            found.push(path);
        }
    }
    Ok(found)
}

fn check(workshop: &Workshop, kind: Kind, python: &Path, wheel: &Path) -> Result<()> {
    let sh = &workshop.sh;
    let name = wheel.file_name().context("a wheel has a name")?.to_string_lossy();
    check_name(&name, env!("CARGO_PKG_VERSION"), kind.platform())?;
    let bytes = fs::metadata(wheel)?.len();
    // What has debug info is for this machine alone.
    ensure!(
        kind == Kind::Dev || bytes <= WHEEL_BYTES_MAX,
        "it has {bytes} bytes, more than {WHEEL_BYTES_MAX}"
    );
    let unpacked = workshop.e2e("wheel");
    workshop.empty_dir(&unpacked)?;
    cmd!(sh, "{python} -m zipfile -e {wheel} {unpacked}").quiet().run()?;
    let info = unpacked.join(format!("ringquet-{}.dist-info", env!("CARGO_PKG_VERSION")));
    let sources = sources(&workshop.root.join(PACKAGE).join("python"))?;
    check_record(&sh.read_file(info.join("RECORD"))?, &sources)?;
    check_metadata(&sh.read_file(info.join("METADATA"))?)?;
    let native = unpacked.join(NATIVE);
    let dynamic = cmd!(sh, "readelf --dynamic --wide {native}").env("LC_ALL", "C").quiet().read();
    check_libraries(&dynamic.context("readelf is part of binutils, as the linker is")?)?;
    if kind == Kind::Manylinux {
        let versions = cmd!(sh, "readelf --version-info --wide {native}").env("LC_ALL", "C");
        check_glibc(&versions.quiet().read()?)?;
    }
    workshop.remove(&unpacked)
}

/// `ringquet-0.1.0-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl`.
fn check_name(name: &str, version: &str, platform: &str) -> Result<()> {
    let begin = format!("ringquet-{version}-cp311-abi3-{platform}");
    ensure!(name.starts_with(&begin), "the name of the wheel does not begin with {begin}");
    Ok(())
}

/// The extension module in the wheel.
const NATIVE: &str = "ringquet/_native.abi3.so";

/// What users need beside the sources, whatever these are: the module, and what makes type checkers look at it.
const REQUIRED: [&str; 3] = [NATIVE, "ringquet/_native.pyi", "ringquet/py.typed"];

/// The Python sources and type stubs, relative to `python`.
fn sources(python: &Path) -> Result<BTreeSet<String>> {
    let mut sources = BTreeSet::new();
    let mut folders = vec![python.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_none_or(|extension| extension != "so" && extension != "pyc")
            {
                let name = path.strip_prefix(python).context("it lies in the folder")?;
                sources.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(sources)
}

/// The list of files, `path,hash,bytes`: the sources, the module, and what describes the wheel. Nothing else.
fn check_record(record: &str, sources: &BTreeSet<String>) -> Result<()> {
    let files = record.lines().filter_map(|line| line.split(',').next());
    let files: BTreeSet<&str> = files
        .filter(|file| !file.split('/').next().unwrap_or(file).ends_with(".dist-info"))
        .collect();
    for required in REQUIRED {
        ensure!(files.contains(required), "RECORD: {required} is missing");
    }
    let expected: BTreeSet<&str> = sources.iter().map(String::as_str).chain([NATIVE]).collect();
    let difference: Vec<_> = files.symmetric_difference(&expected).collect();
    ensure!(difference.is_empty(), "RECORD: it differs from the sources in {difference:?}");
    Ok(())
}

/// Every package that it needs belongs to an extra.
fn check_metadata(metadata: &str) -> Result<()> {
    let needed = metadata.lines().filter_map(|line| line.strip_prefix("Requires-Dist: "));
    let always: Vec<&str> = needed.filter(|line| !line.contains("extra ==")).collect();
    ensure!(always.is_empty(), "METADATA: it always needs {always:?}");
    Ok(())
}

/// Libraries that every Linux of a manylinux tag has, and that this one may need.
const LIBRARIES: [&str; 6] =
    ["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1"];

/// From lines such as `0x…01 (NEEDED)  Shared library: [libc.so.6]`.
fn check_libraries(dynamic: &str) -> Result<()> {
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let needed: Vec<&str> =
        needed.filter_map(|line| line.split_once('[')?.1.strip_suffix(']')).collect();
    ensure!(needed.contains(&"libc.so.6"), "readelf names no libc among {needed:?}");
    // The loader has another name on each architecture.
    let others: Vec<_> = needed
        .iter()
        .filter(|library| !LIBRARIES.contains(library) && !library.starts_with("ld-linux"))
        .collect();
    ensure!(others.is_empty(), "{NATIVE} needs {others:?}, which manylinux does not have");
    Ok(())
}

/// From lines such as `0x0020:   Name: GLIBC_2.17  Flags: none  Version: 5`.
fn check_glibc(versions: &str) -> Result<()> {
    let (major, minor) = GLIBC_MAX;
    let mut found = 0;
    for word in versions.split_whitespace().filter_map(|word| word.strip_prefix("GLIBC_")) {
        let mut numbers = word.split('.').map(str::parse::<u32>);
        let (Some(Ok(of_major)), Some(Ok(of_minor))) = (numbers.next(), numbers.next()) else {
            bail!("{NATIVE} needs GLIBC_{word}, which is no version");
        };
        ensure!(
            (of_major, of_minor) <= GLIBC_MAX,
            "{NATIVE} needs GLIBC_{word}, newer than {major}.{minor} of manylinux2014"
        );
        found += 1;
    }
    ensure!(found > 0, "readelf names no version of the C library");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_has_the_version_the_stable_abi_and_the_platform_in_its_name() {
        let check = |name: &str| check_name(name, "0.1.0", "manylinux").is_ok();
        let tag = "manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
        assert!(check(&format!("ringquet-0.1.0-cp311-abi3-{tag}")));
        assert!(!check(&format!("ringquet-0.2.0-cp311-abi3-{tag}")));
        assert!(!check(&format!("ringquet-0.1.0-cp311-cp311-{tag}")));
        assert!(!check("ringquet-0.1.0-cp311-abi3-linux_x86_64.whl"));
    }

    #[test]
    fn a_record_holds_the_sources_and_the_module() {
        let sources = |more: &[&str]| {
            let names = ["ringquet/__init__.py", "ringquet/_native.pyi", "ringquet/py.typed"];
            names.iter().chain(more).map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()
        };
        let record = "ringquet/__init__.py,sha256=a,1\nringquet/_native.abi3.so,sha256=b,2\n\
            ringquet/_native.pyi,sha256=c,3\nringquet/py.typed,sha256=d,0\n\
            ringquet-0.1.0.dist-info/METADATA,sha256=e,4\nringquet-0.1.0.dist-info/RECORD,,\n";
        check_record(record, &sources(&[])).unwrap();
        let error = |record: &str, more: &[&str]| {
            check_record(record, &sources(more)).unwrap_err().to_string()
        };
        assert!(error(&record.replace("py.typed", "py.typo"), &[]).contains("py.typed is missing"));
        assert!(error(record, &["ringquet/torch.py"]).contains("torch.py"));
        assert!(error(&format!("{record}tests/test_a.py,sha256=f,5\n"), &[]).contains("test_a"));
    }

    #[test]
    fn packages_are_needed_by_extras_only() {
        let extra = "Requires-Dist: pyarrow>=24 ; extra == 'arrow'\n";
        check_metadata(extra).unwrap();
        assert!(check_metadata(&format!("{extra}Requires-Dist: numpy>=2.1\n")).is_err());
    }

    #[test]
    fn libraries_and_their_versions_are_those_of_manylinux() {
        let needed = |name| format!(" 0x0000000000000001 (NEEDED)   Shared library: [{name}]\n");
        let libc = needed("libc.so.6");
        check_libraries(&format!("{libc}{}", needed("ld-linux-x86-64.so.2"))).unwrap();
        assert!(check_libraries(&format!("{libc}{}", needed("libpython3.11.so.1.0"))).is_err());
        assert!(check_libraries("").is_err());
        let version =
            |version| format!("  0x0020:   Name: GLIBC_{version}  Flags: none  Version: 5\n");
        check_glibc(&[version("2.2.5"), version("2.17")].concat()).unwrap();
        assert!(check_glibc(&[version("2.17"), version("2.34")].concat()).is_err());
        assert!(check_glibc("").is_err());
    }
}
