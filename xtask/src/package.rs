//! `cargo xtask python`: the wheel of the Python package, installed and tested as users have it.
//!
//! | environment below the target directory | holds beside the wheel | runs |
//! |---|---|---|
//! | `python-plain` | nothing | `crates/ringquet-python/tests/smoke.py` |
//! | `python` | PyArrow, NumPy, polars, DuckDB | types, style, `tests`, the examples in docstrings and README |
//! | `python-torch` | PyTorch, Ray | `tests/torch`, `tests/ray` |
//!
//! All of it runs in a folder of its own, so that `import ringquet` finds the installed package and not the sources.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, cmd};

use crate::python::{FRAMEWORKS, PACKAGE, site_packages};
use crate::wheel::{self, Kind};
use crate::workshop::Workshop;

/// Free bytes of the file system without which the environment of PyTorch and Ray is not made: it takes half of them, and pip
/// unpacks beside it.
const FRAMEWORKS_BYTES: u64 = 12_000_000_000;

/// Modules that import a framework: only the environment that has it can read them.
const FRAMEWORK_MODULES: [&str; 3] = ["torch.py", "ray.py", "dlio.py"];

/// Tests of frameworks, each in a folder of its own. Those of `ringquet.dlio` need none: they bring what stands in for DLIO.
const FRAMEWORK_TESTS: [&str; 2] = ["torch", "ray"];

/// Builds the wheel and tests it in all environments.
///
/// # Errors
/// If Python or a package of the tests is missing, and whatever a test finds.
pub(crate) fn run(workshop: &Workshop, kind: Kind) -> Result<()> {
    let python = PACKAGE.environment(workshop)?.ready()?;
    let wheel = wheel::build(workshop, kind)?;
    let folder = workshop.e2e("python");
    workshop.empty_dir(&folder)?;
    let package = Package { workshop, wheel, folder };
    package.smoke(&python)?;
    package.install(&python)?;
    package.types_and_style(&python)?;
    package.tests(&python)?;
    package.frameworks()
}

/// The interpreter of the environment of the frameworks, with a release wheel of these sources in it.
///
/// # Errors
/// If the environment cannot be made, or the wheel cannot be built.
pub(crate) fn with_frameworks(workshop: &Workshop) -> Result<PathBuf> {
    let python = FRAMEWORKS.environment(workshop)?.ready()?;
    let wheel = wheel::build(workshop, Kind::Host)?;
    let folder = workshop.e2e("python");
    workshop.empty_dir(&folder)?;
    Package { workshop, wheel, folder }.install(&python)?;
    Ok(python)
}

/// The sources of the package, a wheel of them, and where tests run.
struct Package<'w> {
    workshop: &'w Workshop,
    wheel: PathBuf,
    folder: PathBuf,
}

impl Package<'_> {
    /// The sources.
    fn root(&self) -> PathBuf {
        self.workshop.root.join("crates/ringquet-python")
    }

    /// `python WORDS…` in the folder.
    fn python(&self, python: &Path, words: &[&str]) -> Cmd<'_> {
        let sh = &self.workshop.sh;
        let command = cmd!(sh, "env --chdir").arg(&self.folder).arg(python).args(words);
        // What a user has set is not part of the package.
        command.env_remove("PYTHONPATH").env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// Installs the wheel with pip of `with` into the environment of `python`: without index, so without any other package.
    fn install_with(&self, with: &Path, python: &Path) -> Result<()> {
        let pip = self.python(with, &["-m", "pip", "--python"]).arg(python);
        let pip = pip.args(["install", "--quiet", "--no-index", "--force-reinstall"]);
        Ok(pip.arg("--disable-pip-version-check").arg(&self.wheel).run()?)
    }

    fn install(&self, python: &Path) -> Result<()> {
        self.install_with(python, python)
    }

    /// The wheel and nothing else, as a new user has it.
    fn smoke(&self, with: &Path) -> Result<()> {
        let venv = self.workshop.target.join("python-plain");
        self.workshop.remove(&venv)?;
        self.python(with, &["-m", "venv", "--without-pip"]).arg(&venv).run()?;
        let python = venv.join("bin/python");
        self.install_with(with, &python)?;
        // -P: the folders `torch` and `ray` beside the script are no packages.
        Ok(self.python(&python, &["-P"]).arg(self.root().join("tests/smoke.py")).run()?)
    }

    /// Strict types, the stubs against the module, and the style of docstrings.
    fn types_and_style(&self, python: &Path) -> Result<()> {
        let root = self.root();
        let config = root.join("pyproject.toml");
        let sources = root.join("python");
        self.python(python, &["-m", "ruff", "check", "--quiet", "--no-cache"]).arg(&root).run()?;
        let framework = FRAMEWORK_MODULES.map(|name| format!("--exclude=/{name}$"));
        self.mypy(python).args(framework).arg(sources).run()?;
        let stubtest = self.python(python, &["-m", "mypy.stubtest", "ringquet._native"]);
        Ok(stubtest.arg("--mypy-config-file").arg(config).run()?)
    }

    fn mypy(&self, python: &Path) -> Cmd<'_> {
        let cache = self.workshop.target.join("mypy");
        let command = self.python(python, &["-m", "mypy", "--strict", "--cache-dir"]).arg(cache);
        command.arg("--config-file").arg(self.root().join("pyproject.toml"))
    }

    /// Every test without a framework, and every example.
    fn tests(&self, python: &Path) -> Result<()> {
        let root = self.root();
        let tests = root.join("tests");
        let others = FRAMEWORK_TESTS.map(|name| format!("--ignore={}", tests.join(name).display()));
        let pytest = self.pytest(python).args(others).arg(&tests);
        pytest.arg("--doctest-glob=README.md").arg(root.join("README.md")).run()?;
        // The same test in four threads at once, as code without the GIL would call.
        let at_once = self.pytest(python).arg("--parallel-threads=4");
        at_once.arg(tests.join("test_dlpack.py")).run()?;
        // The installed modules, whose examples are those that `help` shows.
        let installed = site_packages(self.workshop, python)?.join("ringquet");
        ensure!(installed.is_dir(), "{}: the wheel is not installed there", installed.display());
        let others =
            FRAMEWORK_MODULES.map(|name| format!("--ignore={}", installed.join(name).display()));
        let examples = self.pytest(python).arg("--doctest-modules").args(others).arg(installed);
        // 5: there is no example.
        let output = examples.ignore_status().output()?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        ensure!(matches!(output.status.code(), Some(0 | 5)), "an example in a docstring failed");
        Ok(())
    }

    fn pytest(&self, python: &Path) -> Cmd<'_> {
        let command = self.python(python, &["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]);
        command.arg("-c").arg(self.root().join("pyproject.toml"))
    }

    /// PyTorch and Ray: skipped where there is no room for them.
    fn frameworks(&self) -> Result<()> {
        let tests = FRAMEWORK_TESTS.map(|name| self.root().join("tests").join(name));
        let tests: Vec<_> = tests.into_iter().filter(|folder| folder.is_dir()).collect();
        if tests.is_empty() {
            return Ok(());
        }
        let target = &self.workshop.target;
        let is_made = FRAMEWORKS.path(self.workshop).exists();
        let free = free_bytes(self.workshop, target)?;
        if !is_made && free < FRAMEWORKS_BYTES {
            println!(
                "SKIPPED {}: {:.1} GB are free below {}, {:.1} are needed",
                FRAMEWORKS.user,
                free as f64 / 1e9,
                target.display(),
                FRAMEWORKS_BYTES as f64 / 1e9
            );
            return Ok(());
        }
        let python = FRAMEWORKS.environment(self.workshop)?.ready()?;
        self.install(&python)?;
        let sources = FRAMEWORK_MODULES.map(|name| self.root().join("python/ringquet").join(name));
        let sources = sources.into_iter().filter(|module| module.is_file());
        self.mypy(&python).args(sources).run()?;
        Ok(self.pytest(&python).args(tests).run()?)
    }
}

/// What a process without privileges may still write.
fn free_bytes(workshop: &Workshop, folder: &Path) -> Result<u64> {
    let free = cmd!(workshop.sh, "stat --file-system --format %a*%S {folder}").quiet().read()?;
    let (blocks, bytes) =
        free.split_once('*').with_context(|| format!("output of stat: {free}"))?;
    let number =
        |text: &str| text.parse::<u64>().with_context(|| format!("output of stat: {free}"));
    Ok(number(blocks)?.saturating_mul(number(bytes)?))
}
