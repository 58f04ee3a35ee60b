//! `cargo fuzz run plain`, in the folder `tests`: the promise of that name, tried by libFuzzer on the
//! corpus that the ordinary test keeps.
#![no_main]

#[path = "../promises.rs"]
#[allow(dead_code, reason = "each target tries one promise")]
mod promises;

libfuzzer_sys::fuzz_target!(|data: &[u8]| promises::plain(data));
