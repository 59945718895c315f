//! `cargo xtask aarch64`: the workspace built for aarch64, its unit tests and whatever decodes in the test binary run under
//! qemu-user.
//!
//! The standard library of the target comes from the pinned toolchain where it has it. Elsewhere Debian's packages of a
//! compiler for browsers (`rustc-web`, at least as new as the pinned one) are unpacked under the target directory, host and
//! target of one version; nothing is installed by this verb, and it says what must be.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use xshell::{PushEnv, Shell, cmd};

use crate::workshop::Workshop;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// What root types once on Debian.
const INSTALL: &str = "dpkg --add-architecture arm64 && apt-get update && apt-get install gcc-aarch64-linux-gnu qemu-user";

/// Debian's compiler, and of its parts those whose names have no version in them.
const COMPILER: &str = "rustc-web";
const STANDARD_LIBRARIES: [&str; 2] = ["libstd-rust-web-dev", "libstd-rust-web-dev:arm64"];

/// Parts whose names begin with these have a version behind it.
const VERSIONED: [&str; 2] = ["libstd-rust-web-", "libllvm"];

/// Builds and tests.
pub(crate) fn run(workshop: &Workshop) -> Result<()> {
    let sh = &workshop.sh;
    for program in [LINKER, EMULATOR] {
        ensure!(workshop.has(program), "aarch64 needs {program}; on Debian: '{INSTALL}'");
    }
    let work = workshop.target.join("aarch64");
    let targets = cmd!(sh, "rustup target list --installed").quiet().read().unwrap_or_default();
    let _compiler = if targets.lines().any(|line| line == TARGET) {
        None
    } else {
        println!("the pinned toolchain has no {TARGET}: taking Debian's {COMPILER}");
        Some(debian_compiler(sh, &work)?)
    };
    let _target_dir = sh.push_env("CARGO_TARGET_DIR", &work);
    let _linker = sh.push_env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    let runner = format!("{EMULATOR} -L {LIBRARIES}");
    let _runner = sh.push_env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
    let test = ["test", "--workspace", "--locked", "--target", TARGET];
    cmd!(sh, "cargo {test...} --lib").run()?;
    Ok(cmd!(sh, "cargo {test...} --test it -- decode:: deliver:: regression::").run()?)
}

/// Debian's compiler, unpacked, as the one that cargo calls while the answer lives.
fn debian_compiler<'a>(sh: &'a Shell, work: &Path) -> Result<[PushEnv<'a>; 2]> {
    let tree = work.join("compiler");
    let rustc = tree.join("usr/bin/rustc");
    if !rustc.exists() {
        unpack(sh, &work.join("packages"), &tree)?;
    }
    let library = find(sh, &tree, "librustc_driver-*.so")?;
    let llvm = find(sh, &tree, "libLLVM*.so*")?;
    let path = std::env::join_paths([library, llvm])?;
    Ok([sh.push_env("RUSTC", rustc), sh.push_env("LD_LIBRARY_PATH", path)])
}

/// The directory of a file below `tree`.
fn find(sh: &Shell, tree: &Path, name: &str) -> Result<PathBuf> {
    let found = cmd!(sh, "find {tree} -name {name}").quiet().read()?;
    let directory = found.lines().next().and_then(|path| Path::new(path).parent());
    directory.map(Path::to_owned).with_context(|| format!("{}: has no {name}", tree.display()))
}

/// Fetches the packages and unpacks them beside their place, which they get when all of them are there.
fn unpack(sh: &Shell, packages: &Path, tree: &Path) -> Result<()> {
    let foreign = cmd!(sh, "dpkg --print-foreign-architectures").quiet().read();
    let foreign = foreign.context("without the target's standard library this needs Debian")?;
    ensure!(foreign.lines().any(|line| line == "arm64"), "needs Debian's packages: '{INSTALL}'");
    let mut names = vec![COMPILER.to_owned()];
    names.extend(STANDARD_LIBRARIES.map(str::to_owned));
    // Of the compiler's libraries those that come with it; the others every Debian that builds Rust has.
    let parts = cmd!(sh, "apt-cache depends --recurse --important {COMPILER}").quiet().read()?;
    let is_versioned = |name: &&str| {
        VERSIONED.iter().any(|prefix| {
            name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(char::is_numeric))
        })
    };
    names.extend(parts.lines().filter(is_versioned).map(str::to_owned));
    sh.remove_path(packages)?;
    sh.create_dir(packages)?;
    let within = sh.push_dir(packages);
    cmd!(sh, "apt-get download {names...}").run()?;
    drop(within);
    let unpacked = tree.with_extension("unpacking");
    sh.remove_path(&unpacked)?;
    for package in sh.read_dir(packages)? {
        cmd!(sh, "dpkg-deb -x {package} {unpacked}").quiet().run()?;
    }
    if !unpacked.join("usr/bin/rustc").exists() {
        bail!("{}: no compiler in the packages", packages.display());
    }
    Ok(std::fs::rename(&unpacked, tree)?)
}
