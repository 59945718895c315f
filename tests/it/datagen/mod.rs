//! What is written, what of it is kept when it is resumed, and what verification finds.

mod generate;
mod golden;
mod layout;
mod partition;
mod resume;
mod support;
mod verify;
mod writing;
