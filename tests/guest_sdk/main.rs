//! The author's kit, as an author meets it: `logsieve filter` and the languages of `guest-sdk`.
//!
//! Which languages can be built is told by `cargo xtask test`, which installs their tools. Without that
//! the tests of a language say that they were skipped; in CI none may be.

mod bad_input;
mod commands;
mod kit;
mod last_words;
mod modules;
mod output;
mod paths;
