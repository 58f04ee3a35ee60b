//! What makes a file the same file across restarts of the agent, rotation and compression.
//!
//! None of inode, name and size lasts so long. The head does: a hash of the first line (at most its
//! first 1 KiB), which carries the runtime's time stamp to the nanosecond.

use sha2::{Digest, Sha256};

/// At most so many bytes of the first line are hashed.
pub const HEAD_BYTES_MAX: usize = 1024;

/// Length and hash of a file's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Head {
    pub len: u16,
    pub hash: [u8; 16],
}

impl Head {
    /// The head of a file that starts with `bytes`; none while its first line is not complete.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
        let len = match memchr::memchr(b'\n', window) {
            Some(newline) => newline + 1,
            None if window.len() == HEAD_BYTES_MAX => HEAD_BYTES_MAX,
            None => return None,
        };
        let digest = Sha256::digest(&window[..len]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Some(Self {
            len: u16::try_from(len).ok()?,
            hash,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_known_once_the_first_line_is_complete_and_never_changes() {
        assert_eq!(Head::of(b""), None);
        assert_eq!(Head::of(b"2026 out"), None);
        let head = Head::of(b"2026 out\n").unwrap();
        assert_eq!(Head::of(b"2026 out\nmore\n"), Some(head));
        assert_ne!(Head::of(b"2026 err\n"), Some(head));
        let long = vec![b'x'; 5000];
        assert_eq!(Head::of(&long[..1024]), Head::of(&long));
        assert_eq!(Head::of(&long[..1023]), None);
    }
}
