//! The targets: a function per layer that takes any bytes. It panics when what must hold of them does not.

mod codecs;
mod delta;
mod dictionary;
mod documents;
mod file;
mod footer;
mod levels;
mod manifest;
mod overrides;
mod page_header;
mod plain;
mod results;
mod workload;

pub use codecs::codecs;
pub use delta::delta;
pub use dictionary::dictionary;
pub use documents::documents;
pub use file::file;
pub use file::mutate_file;
pub use footer::footer;
pub use levels::levels;
pub use manifest::manifest;
pub use overrides::overrides;
pub use page_header::page_header;
pub use plain::plain;
pub use results::results;
pub use workload::workload;

/// What a target is.
pub type Target = fn(&[u8]);

/// All of them by name, as `cargo xtask fuzz` has them; seeds lie under the same name.
pub const ALL: [(&str, Target); 13] = [
    ("page_header", page_header),
    ("levels", levels),
    ("dictionary", dictionary),
    ("delta", delta),
    ("plain", plain),
    ("codecs", codecs),
    ("footer", footer),
    ("file", file),
    ("workload", workload),
    ("overrides", overrides),
    ("manifest", manifest),
    ("documents", documents),
    ("results", results),
];
