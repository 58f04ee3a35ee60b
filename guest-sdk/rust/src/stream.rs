//! Which output of its container a record was written to.
//!
//! In the contract that is a number, as file descriptors have it; here it has a name.

/// An output of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// From the number in the contract's column; what a later agent may number higher counts as
    /// standard output.
    pub(crate) fn from_number(number: u8) -> Self {
        if number == 2 {
            Self::Stderr
        } else {
            Self::Stdout
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }
}
