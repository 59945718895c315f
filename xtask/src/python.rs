//! The virtual environment of fork-compat: `target/venv`, with the packages pinned in requirements.txt.
//!
//! It is made once and reused as long as the pins and the interpreter stay what they were: a copy of both
//! lies in the environment and is written last, so that an environment that was interrupted while it was
//! made is made again.

use std::path::PathBuf;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::workshop::Workshop;

/// The oldest interpreter for which the pinned packages exist.
const PYTHON_MIN: (u32, u32) = (3, 11);

/// Whether the checks that need PyArrow can run here.
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

/// Finds the environment or makes it.
///
/// # Errors
/// Only what stands in the way of writing to the target directory; a missing interpreter, module or package
/// is [`Environment::Missing`].
pub(crate) fn environment(workshop: &Workshop) -> Result<Environment> {
    let sh = &workshop.sh;
    let facts = "import sys; print(*sys.version_info[:3], sys.base_prefix)";
    let Ok(facts) = cmd!(sh, "python3 -c {facts}").quiet().ignore_stderr().read() else {
        return Ok(missing("there is no python3 on the PATH", "python3 and python3-venv"));
    };
    if version(&facts).is_none_or(|version| version < PYTHON_MIN) {
        let (major, minor) = PYTHON_MIN;
        let why = format!("python3 is {facts}, the pinned packages need {major}.{minor}");
        return Ok(missing(&why, &format!("Python {major}.{minor} or newer")));
    }
    if cmd!(sh, "python3 -c {IMPORTS}").quiet().ignore_stderr().run().is_err() {
        return Ok(missing("python3 has no module venv or ensurepip", "python3-venv"));
    }

    let venv = workshop.target.join("venv");
    let python = venv.join("bin").join("python");
    let stamp = venv.join("made-from.txt");
    let pins = workshop.root.join("xtask/python/requirements.txt");
    let want = format!("{facts}\n{}", sh.read_file(&pins)?);
    if sh.path_exists(&stamp) && sh.read_file(&stamp)? == want {
        return Ok(Environment::Ready(python));
    }

    println!("Making the Python environment {}", venv.display());
    workshop.remove(&venv)?;
    if let Err(error) = cmd!(sh, "python3 -m venv {venv}").run() {
        return Ok(missing(&format!("python3 -m venv failed ({error})"), "python3-venv"));
    }
    // Wheels only: nothing is compiled here, and a package without a wheel says so at once.
    let install = cmd!(
        sh,
        "{python} -m pip install --quiet --no-input --disable-pip-version-check
         --only-binary :all: --requirement {pins}"
    );
    if let Err(error) = install.run() {
        return Ok(Environment::Missing(format!(
            "fork-compat: the packages of {} could not be installed ({error}). pip needs the network once, \
             or a directory of wheels named by PIP_FIND_LINKS.",
            pins.display()
        )));
    }
    sh.write_file(&stamp, want)?;
    Ok(Environment::Ready(python))
}

/// What `python3 -m venv` imports; Debian keeps ensurepip in a package of its own.
const IMPORTS: &str = "import venv, ensurepip";

fn missing(why: &str, install: &str) -> Environment {
    Environment::Missing(format!(
        "fork-compat: {why}. Install {install} (on Debian: apt-get install python3 python3-venv)."
    ))
}

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
}
