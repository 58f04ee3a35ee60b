//! What commands print. `print!`, `println!`, `eprint!` and `eprintln!` below `cli` are these, not the standard
//! library's, which panic where the reader of a pipe has seen enough (`| head -1`) or a disk is full: a command
//! does its work to the end nevertheless, and its exit code is its own.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::print::write(format_args!($($text)*)) };
}

macro_rules! println {
    ($($text:tt)*) => { print!("{}\n", format_args!($($text)*)) };
}

macro_rules! eprint {
    ($($text:tt)*) => { $crate::cli::print::tell(format_args!($($text)*)) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { eprint!("{}\n", format_args!($($text)*)) };
}

/// Writes to standard output; ends the process where that fails otherwise than by a closed pipe.
pub fn write(text: Arguments) {
    match io::stdout().write_fmt(text) {
        Err(error) if !is_closed_pipe(&error) => {
            eprintln!("error: standard output: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}

/// Writes to standard error; where that fails there is nobody left to tell.
pub fn tell(text: Arguments) {
    let _ = io::stderr().write_fmt(text);
}

/// Whether whoever reads the output has seen enough.
#[must_use]
pub fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
