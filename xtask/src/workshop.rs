//! The checkout: where it stands, where its target directory is, and a shell in its root.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::{Shell, cmd};

/// A shell in the root of the checkout, and the directories that verbs write to.
pub(crate) struct Workshop {
    /// Runs commands in the root.
    pub(crate) sh: Shell,
    /// The directory of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// cargo's target directory: `CARGO_TARGET_DIR` and cargo's configuration can move it.
    pub(crate) target: PathBuf,
}

impl Workshop {
    /// Asks cargo where things are.
    pub(crate) fn open() -> Result<Workshop> {
        let sh = Shell::new()?;
        // cargo sets it for what it runs; the path of compile time is for a binary called by hand.
        let here = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&here)
            .parent()
            .with_context(|| format!("{here}: expected to be xtask/ inside the workspace"))?
            .to_owned();
        sh.change_dir(&root);
        let text = cmd!(sh, "cargo metadata --no-deps --format-version 1").quiet().read()?;
        let metadata: Value = serde_json::from_str(&text).context("output of cargo metadata")?;
        let Some(target) = metadata["target_directory"].as_str() else {
            bail!("cargo metadata names no target_directory");
        };
        let target = PathBuf::from(target);
        Ok(Workshop { sh, root, target })
    }

    /// `NAME` below the target directory's `e2e`.
    pub(crate) fn e2e(&self, name: &str) -> PathBuf {
        self.target.join("e2e").join(name)
    }

    /// Makes an empty directory, below the target directory only: what was there is removed.
    pub(crate) fn empty_dir(&self, dir: &Path) -> Result<()> {
        self.remove(dir)?;
        Ok(self.sh.create_dir(dir).map(drop)?)
    }

    /// Removes a file or directory with all that is in it, below the target directory only.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        if !path.starts_with(&self.target) || path == self.target {
            bail!("{}: not below {}, so not removed", path.display(), self.target.display());
        }
        Ok(self.sh.remove_path(path)?)
    }

    /// Whether a program is installed, by its answer to `--version`: `valgrind`, or `cargo deny`.
    pub(crate) fn has(&self, program: &str) -> bool {
        let words = program.split(' ');
        let asked = cmd!(self.sh, "env {words...} --version").quiet();
        asked.ignore_stdout().ignore_stderr().run().is_ok()
    }

    /// The golden files that the real benchmark wrote, where they lie beside the checkout.
    pub(crate) fn golden(&self) -> Option<PathBuf> {
        let golden = self.root.parent()?.join("shared").join("golden");
        golden.is_dir().then_some(golden)
    }
}
