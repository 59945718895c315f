//! Virtual environments below the target directory, each with the packages that its pins name.
//!
//! An environment is made once and reused as long as the pins and the interpreter stay what they were: a copy of both
//! lies in the environment and is written last, so that an environment that was interrupted while it was
//! made is made again.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use xshell::cmd;

use crate::workshop::Workshop;

/// The oldest interpreter for which the pinned packages exist.
const PYTHON_MIN: (u32, u32) = (3, 11);

/// An environment: what it is called, and what is in it.
pub(crate) struct Pinned {
    /// What needs it, as messages say.
    pub(crate) user: &'static str,
    /// Below the target directory.
    folder: &'static str,
    /// Below the root: a package and its exact version in each line.
    pins: &'static str,
}

/// PyArrow, beside which fork-compat and cases read and write.
pub(crate) const FORK_COMPAT: Pinned =
    Pinned { user: "fork-compat", folder: "venv", pins: "xtask/python/requirements.txt" };

/// What builds wheels for this host.
pub(crate) const WHEEL: Pinned =
    Pinned { user: "wheel", folder: "python-wheel", pins: "xtask/python/wheel.txt" };

/// What builds wheels for any Linux: zig is large, so it is not part of the other one.
pub(crate) const MANYLINUX: Pinned =
    Pinned { user: "wheel", folder: "python-manylinux", pins: "xtask/python/manylinux.txt" };

/// The tests of the Python package, and what they compare with.
pub(crate) const PACKAGE: Pinned =
    Pinned { user: "python", folder: "python", pins: "xtask/python/package.txt" };

/// The same for PyTorch and Ray, which are larger than all the rest.
pub(crate) const FRAMEWORKS: Pinned = Pinned {
    user: "python, PyTorch and Ray",
    folder: "python-torch",
    pins: "xtask/python/frameworks.txt",
};

/// What DLIO needs beside the frameworks.
pub(crate) const DLIO: Pinned =
    Pinned { user: "dlio", folder: "python-dlio", pins: "xtask/python/dlio.txt" };

/// Whether the checks that need an environment can run here.
pub(crate) enum Environment {
    /// The interpreter of an environment that holds the pinned packages.
    Ready(PathBuf),
    /// Why not, and what to install.
    Missing(String),
}

impl Environment {
    /// The interpreter, for verbs that cannot go on without.
    pub(crate) fn ready(self) -> Result<PathBuf> {
        match self {
            Environment::Ready(python) => Ok(python),
            Environment::Missing(why) => bail!("{why}"),
        }
    }
}

impl Pinned {
    /// Where it is, or will be.
    pub(crate) fn path(&self, workshop: &Workshop) -> PathBuf {
        workshop.target.join(self.folder)
    }

    /// Finds the environment or makes it.
    ///
    /// # Errors
    /// Only what stands in the way of writing to the target directory; a missing interpreter, module or package
    /// is [`Environment::Missing`].
    pub(crate) fn environment(&self, workshop: &Workshop) -> Result<Environment> {
        let sh = &workshop.sh;
        let facts = match self.interpreter(workshop) {
            Ok(facts) => facts,
            Err(missing) => return Ok(missing),
        };
        let venv = self.path(workshop);
        let python = venv.join("bin").join("python");
        let stamp = venv.join("made-from.txt");
        let pins = workshop.root.join(self.pins);
        let want = format!("{facts}\n{}", sh.read_file(&pins)?);
        if sh.path_exists(&stamp) && sh.read_file(&stamp)? == want {
            return Ok(Environment::Ready(python));
        }

        println!("Making the Python environment {}", venv.display());
        workshop.remove(&venv)?;
        if let Err(error) = cmd!(sh, "python3 -m venv {venv}").run() {
            let why = format!("python3 -m venv failed ({error})");
            return Ok(self.missing(&why, "python3-venv"));
        }
        // Wheels only: nothing is compiled here, and a package without a wheel says so at once. Pins can name exceptions.
        let install = cmd!(
            sh,
            "{python} -m pip install --quiet --no-input --disable-pip-version-check
             --only-binary :all: --requirement {pins}"
        );
        if let Err(error) = install.run() {
            return Ok(Environment::Missing(format!(
                "{}: the packages of {} could not be installed ({error}). pip needs the network once, \
                 or a directory of wheels named by PIP_FIND_LINKS.",
                self.user,
                pins.display()
            )));
        }
        sh.write_file(&stamp, want)?;
        Ok(Environment::Ready(python))
    }

    /// Version and place of the interpreter, if environments can be made with it.
    fn interpreter(&self, workshop: &Workshop) -> Result<String, Environment> {
        let sh = &workshop.sh;
        let facts = "import sys; print(*sys.version_info[:3], sys.base_prefix)";
        let Ok(facts) = cmd!(sh, "python3 -c {facts}").quiet().ignore_stderr().read() else {
            return Err(self.missing("there is no python3 on the PATH", "python3 and python3-venv"));
        };
        if version(&facts).is_none_or(|version| version < PYTHON_MIN) {
            let (major, minor) = PYTHON_MIN;
            let why = format!("python3 is {facts}, the pinned packages need {major}.{minor}");
            return Err(self.missing(&why, &format!("Python {major}.{minor} or newer")));
        }
        if cmd!(sh, "python3 -c {IMPORTS}").quiet().ignore_stderr().run().is_err() {
            return Err(self.missing("python3 has no module venv or ensurepip", "python3-venv"));
        }
        Ok(facts)
    }

    fn missing(&self, why: &str, install: &str) -> Environment {
        let user = self.user;
        Environment::Missing(format!(
            "{user}: {why}. Install {install} (on Debian: apt-get install python3 python3-venv)."
        ))
    }
}

/// Where an environment has its packages.
pub(crate) fn site_packages(workshop: &Workshop, python: &Path) -> Result<PathBuf> {
    let platlib = "import sysconfig; print(sysconfig.get_path('platlib'))";
    Ok(PathBuf::from(cmd!(workshop.sh, "{python} -c {platlib}").quiet().read()?))
}

/// What `python3 -m venv` imports; Debian keeps ensurepip in a package of its own.
const IMPORTS: &str = "import venv, ensurepip";

/// Major and minor version from `3 11 7 /usr`.
fn version(facts: &str) -> Option<(u32, u32)> {
    let mut words = facts.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(version("3 9 18 /usr"), Some((3, 9)));
        assert!(version("3 9 18 /usr").is_some_and(|version| version < PYTHON_MIN));
        assert!(version("3 11 2 /usr").is_some_and(|version| version >= PYTHON_MIN));
        assert!(version("3 14 0 /usr").is_some_and(|version| version >= PYTHON_MIN));
        assert_eq!(version("no numbers"), None);
    }

    /// pip would take whatever is newest, and two clones would differ.
    #[test]
    fn every_package_has_its_exact_version() {
        let workshop = Workshop::open().unwrap();
        let mut folders = Vec::new();
        let all = [FORK_COMPAT, WHEEL, MANYLINUX, PACKAGE, FRAMEWORKS, DLIO];
        for pinned in &all {
            let pins = workshop.sh.read_file(workshop.root.join(pinned.pins)).unwrap();
            let lines: Vec<&str> = pins.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(!lines.is_empty(), "{}", pinned.pins);
            // Which packages exist as source only is said by name as well.
            for line in lines.into_iter().filter(|line| !line.starts_with("--no-binary ")) {
                assert!(
                    line.split_once("==").is_some_and(|(name, version)| !name.is_empty()
                        && version.starts_with(|c: char| c.is_ascii_digit())),
                    "{}: {line:?}",
                    pinned.pins
                );
            }
            folders.push(pinned.folder);
        }
        folders.sort_unstable();
        folders.dedup();
        assert_eq!(folders.len(), all.len(), "each has a folder of its own");
    }
}
