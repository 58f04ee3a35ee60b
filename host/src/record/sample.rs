//! How a file without time stamps to the nanosecond is recognised: by what it held where it was looked at.
//! Sources take it, and the checkpoint keeps it.

use serde::{Deserialize, Serialize};

/// Of a file that was seen to be `at` bytes long, or longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub at: u64,
    /// Hash of its first bytes.
    pub first: [u8; 16],
    /// Hash of the last bytes below `at`.
    pub last: [u8; 16],
}
