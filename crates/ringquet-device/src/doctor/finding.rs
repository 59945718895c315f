//! One line of the examination.

use serde::Serialize;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    Good,
    /// It works, and costs speed or makes numbers unsteady.
    Slow,
    /// Something that ringquet wants is refused, and a slower way is taken, or none.
    Broken,
    /// The kernel does not say, as in many containers and virtual machines.
    Untold,
}

/// What is, what it should be, what the difference costs, and the command that mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// Stable word for scripts, e.g. `scheduler`.
    pub code: &'static str,
    /// Whose: a device, a NUMA node; `None` where it is the machine's or the process's.
    pub subject: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// What is.
    pub is: String,
    /// What it should be.
    pub should_be: String,
    /// What the difference costs; empty where nothing is wrong.
    pub costs: String,
    /// The command that mends it; `None` where nothing is wrong or no command can.
    pub mend: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn good(code: &'static str, is: impl Into<String>) -> Finding {
        let is = is.into();
        Finding {
            code,
            subject: None,
            standing: Standing::Good,
            should_be: is.clone(),
            is,
            costs: String::new(),
            mend: None,
        }
    }

    /// The kernel does not say.
    pub(super) fn untold(code: &'static str, is: impl Into<String>, should_be: &str) -> Finding {
        Finding {
            code,
            subject: None,
            standing: Standing::Untold,
            is: is.into(),
            should_be: should_be.to_owned(),
            costs: String::new(),
            mend: None,
        }
    }

    /// Not as it should be.
    pub(super) fn wrong(
        code: &'static str,
        standing: Standing,
        is: impl Into<String>,
        should_be: impl Into<String>,
        costs: impl Into<String>,
    ) -> Finding {
        Finding {
            code,
            subject: None,
            standing,
            is: is.into(),
            should_be: should_be.into(),
            costs: costs.into(),
            mend: None,
        }
    }

    /// With the command that mends it.
    #[must_use]
    pub(super) fn mended_by(mut self, command: impl Into<String>) -> Finding {
        self.mend = Some(command.into());
        self
    }

    /// Whose it is.
    #[must_use]
    pub(super) fn of(mut self, subject: &str) -> Finding {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Where it is as it should be, that is worth saying too.
    #[must_use]
    pub(super) fn should_be(mut self, should_be: &str) -> Finding {
        should_be.clone_into(&mut self.should_be);
        self
    }
}
