//! The targets: a function per layer that takes any bytes. It panics when what must hold of them does not.

mod codecs;
mod delta;
mod dictionary;
mod file;
mod footer;
mod levels;
mod page_header;
mod plain;

pub use codecs::codecs;
pub use delta::delta;
pub use dictionary::dictionary;
pub use file::file;
pub use file::mutate_file;
pub use footer::footer;
pub use levels::levels;
pub use page_header::page_header;
pub use plain::plain;

/// What a target is.
pub type Target = fn(&[u8]);

/// All of them by name, as `cargo xtask fuzz` has them; seeds lie under the same name.
pub const ALL: [(&str, Target); 8] = [
    ("page_header", page_header),
    ("levels", levels),
    ("dictionary", dictionary),
    ("delta", delta),
    ("plain", plain),
    ("codecs", codecs),
    ("footer", footer),
    ("file", file),
];
