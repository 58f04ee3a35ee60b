//! A hash of bytes that is the same on every machine and in every instance, so that the same record
//! meets the same fate wherever and however often it is shown.

/// Mixes eight bytes at a time. `seed` is a part of what is hashed.
#[must_use]
pub fn hash(text: &[u8], seed: u64) -> u64 {
    let mut state = mix(seed ^ text.len() as u64);
    let (words, rest) = text.as_chunks();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The low bits of a product are the poor ones, and they decide a remainder.
    let state = mix(state ^ u64::from_le_bytes(last));
    state ^ (state >> 32)
}

/// Spreads every bit over all: a multiplication to 128 bits, its halves folded.
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x2545_F491_4F6C_DD1D) * 0x9E37_79B9_7F4A_7C15;
    (product as u64) ^ (product >> 64) as u64
}
