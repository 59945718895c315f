//! One line of the examination.

use serde::Serialize;

/// How good or bad a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// It works, and costs speed or makes numbers unsteady.
    Slow,
    /// A feature that ringquet needs is refused; a slower one is used, or none.
    Broken,
    /// The kernel does not report it, as in many containers and virtual machines. JSON: `untold`.
    #[serde(rename = "untold")]
    Unknown,
}

/// A setting: its value, the value it should have, the cost of the difference, and the command that fixes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnosis {
    /// Stable word for scripts, e.g. `scheduler`.
    pub code: &'static str,
    /// A device or a NUMA node; `None` for a setting of the machine or the process.
    pub subject: Option<String>,
    /// How good or bad it is.
    pub standing: Severity,
    /// Its value.
    pub is: String,
    /// The value it should have.
    pub should_be: String,
    /// The cost of the difference; empty if nothing is wrong.
    pub costs: String,
    /// The command that fixes it; `None` if nothing is wrong or no command can fix it.
    pub mend: Option<String>,
}

impl Diagnosis {
    /// As it should be.
    pub(super) fn good(code: &'static str, is: impl Into<String>) -> Diagnosis {
        let is = is.into();
        Diagnosis {
            code,
            subject: None,
            standing: Severity::Good,
            should_be: is.clone(),
            is,
            costs: String::new(),
            mend: None,
        }
    }

    /// The kernel does not report it.
    pub(super) fn unknown(code: &'static str, is: impl Into<String>, should_be: &str) -> Diagnosis {
        Diagnosis {
            code,
            subject: None,
            standing: Severity::Unknown,
            is: is.into(),
            should_be: should_be.to_owned(),
            costs: String::new(),
            mend: None,
        }
    }

    /// Not as it should be.
    pub(super) fn wrong(
        code: &'static str,
        standing: Severity,
        is: impl Into<String>,
        should_be: impl Into<String>,
        costs: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis {
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
    pub(super) fn mended_by(mut self, command: impl Into<String>) -> Diagnosis {
        self.mend = Some(command.into());
        self
    }

    /// Sets the subject.
    #[must_use]
    pub(super) fn of(mut self, subject: &str) -> Diagnosis {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Sets the recommended value, also of a good setting.
    #[must_use]
    pub(super) fn should_be(mut self, should_be: &str) -> Diagnosis {
        should_be.clone_into(&mut self.should_be);
        self
    }
}
