//! How the runtime wrote a record down, beside its text: how its time was written, which the number does
//! not tell, and whether the line was split. Formats that repeat the line's head need it; nothing else does.

/// Four bytes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Minutes east of UTC, or [`UTC`].
    offset: i16,
    /// Digits of the fraction of a second, none to nine.
    digits: u8,
    pub line: Line,
}

/// What kind of line a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Line {
    /// One whole line.
    Whole,
    /// Its first piece was marked as partial by the runtime.
    Joined,
    /// No runtime's: there is neither a time nor a stream in it.
    Bare,
}

/// The offset of times that are written with a `Z`.
const UTC: i16 = i16::MIN;

impl Default for Form {
    fn default() -> Self {
        Self {
            offset: UTC,
            digits: 9,
            line: Line::Whole,
        }
    }
}

impl Form {
    /// A line that no runtime wrote.
    pub const BARE: Self = Self {
        offset: UTC,
        digits: 9,
        line: Line::Bare,
    };

    /// `offset`: minutes east of UTC; none for `Z`.
    #[inline]
    #[must_use]
    pub fn of_time(digits: u8, offset: Option<i16>) -> Self {
        Self {
            offset: offset.unwrap_or(UTC),
            digits,
            line: Line::Whole,
        }
    }

    #[must_use]
    pub fn digits(self) -> usize {
        usize::from(self.digits)
    }

    /// Minutes east of UTC; none where the time ends with `Z`.
    #[must_use]
    pub fn offset(self) -> Option<i16> {
        (self.offset != UTC).then_some(self.offset)
    }
}
