//! Results: the document that every command writes with `--json`, and its contents.
//!
//! ```text
//!  header:  schema version, command, argv, environment, options, warnings      document, environment, warning
//!  report:  of the command; of a training run with DLIO's metrics              metrics
//!  errors:  of options, by their names in the libraries                           option_error
//!  sizes:   in bytes, as people type them and as they are printed                 byte_size
//!  reading: access to documents in which any field may be missing              fields
//!  text:    of paths in documents, of files of /proc; opening what a folder has   path_text, proc_fields, regular_file
//!  schemas: JSON Schemas of documents, from the types (feature `schema`)          schema
//! ```
//! This is the lowest crate: all others may give warnings, and every command writes documents.

mod byte_size;
mod option_error;
mod warning;

mod environment;
pub mod path_text;
pub mod proc_fields;
pub mod regular_file;

mod document;

#[cfg(feature = "schema")]
pub mod schema;

pub mod command_line;

pub mod metrics;

mod fields;

pub use byte_size::{ByteSize, SizeError};
pub use document::{ErrorReport, Header, SCHEMA_VERSION, document};
pub use environment::Environment;
pub use fields::Fields;
pub use option_error::OptionError;
pub use warning::{Warning, WarningCode};
