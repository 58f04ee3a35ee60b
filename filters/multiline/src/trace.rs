//! What goes on in a stack trace, by the languages' own habits.
//!
//! Frames are told by how they begin, and what has no mark of its own (the last line of Python's traceback,
//! Go's function names) by what stood before it. So a line is asked about in the order of the log.

use serde::Deserialize;

/// Whose stack traces are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "their names say it")]
pub enum Language {
    Java,
    Python,
    Go,
    Node,
    Dotnet,
}

/// What is known of an event from its lines so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// Frames may follow.
    Usual,
    /// Something went wrong: frames, or a traceback, may follow.
    Logged,
    /// Frames were seen; what an error has behind them may follow.
    Framed,
    /// Python: in a traceback; its last line has no mark.
    Traceback,
    /// Python: behind a traceback's last line; another may follow, behind words of Python's own.
    Raised,
    /// Go: in a panic, whose frames are of two lines.
    Panic,
}

impl Trace {
    pub(crate) fn begin(text: &[u8], languages: &[Language]) -> Self {
        let has = |language| languages.contains(&language);
        if has(Language::Python) && is_traceback(text) {
            Self::Traceback
        } else if has(Language::Go) && is_panic(text) {
            Self::Panic
        } else if is_error(text) {
            Self::Logged
        } else {
            Self::Usual
        }
    }

    /// Whether this line belongs to the event.
    pub(crate) fn goes_on(&mut self, text: &[u8], languages: &[Language]) -> bool {
        let has = |language| languages.contains(&language);
        match *self {
            Self::Traceback => {
                if !is_indented(text) && !text.is_empty() {
                    *self = Self::Raised;
                }
                true
            }
            Self::Raised => {
                if is_traceback(text) {
                    *self = Self::Traceback;
                }
                *self == Self::Traceback
                    || text.is_empty()
                    || is_chained(text)
                    || text.starts_with(b"  ")
            }
            Self::Panic => is_panic_line(text),
            Self::Usual | Self::Logged | Self::Framed => {
                // A logger's message comes before the traceback.
                if *self == Self::Logged && has(Language::Python) && is_traceback(text) {
                    *self = Self::Traceback;
                    return true;
                }
                let is_frame = (has(Language::Java) && is_java(text))
                    || (has(Language::Node) && is_node(text))
                    || (has(Language::Dotnet) && is_dotnet(text));
                let is_behind = *self == Self::Framed && has(Language::Node) && is_property(text);
                if is_frame {
                    *self = Self::Framed;
                }
                is_frame || is_behind
            }
        }
    }
}

fn is_indented(text: &[u8]) -> bool {
    matches!(text, [b' ' | b'\t', ..])
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// `\tat com.x.Y.z(Y.java:1)`, `\t... 12 more`, `Caused by: ...`, `\tSuppressed: ...`
fn is_java(text: &[u8]) -> bool {
    let inner = trimmed(text);
    if text.starts_with(b"Caused by: ") {
        return true;
    }
    let more = || {
        inner.strip_prefix(b"... ").is_some_and(|rest| {
            rest.ends_with(b" more") || rest.ends_with(b" common frames omitted")
        })
    };
    is_indented(text)
        && (inner.starts_with(b"at ")
            || inner.starts_with(b"Suppressed: ")
            || inner.starts_with(b"Caused by: ")
            || more())
}

/// `    at f (file.js:1:2)`, `    at async g`
fn is_node(text: &[u8]) -> bool {
    is_indented(text) && trimmed(text).starts_with(b"at ")
}

/// `  code: 'E_X',`, `  [cause]: Error: y` and the brace behind them.
fn is_property(text: &[u8]) -> bool {
    text == b"}"
        || (text.starts_with(b"  ")
            && (text.contains(&b':') || text.ends_with(b"]") || text.ends_with(b",")))
}

/// `   at X.Y() in file:line 1`, ` ---> System...`, `   --- End of inner exception stack trace ---`
fn is_dotnet(text: &[u8]) -> bool {
    let inner = trimmed(text);
    is_indented(text)
        && [b"at ".as_slice(), b"---> ", b"--- End of "]
            .iter()
            .any(|mark| inner.starts_with(mark))
        || text.starts_with(b"--- End of stack trace")
}

/// Whether a logger says so, in capitals.
fn is_error(text: &[u8]) -> bool {
    let says = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    [b"ERROR".as_slice(), b"CRITICAL", b"WARNING"]
        .into_iter()
        .any(says)
}

fn is_traceback(text: &[u8]) -> bool {
    trimmed(text).starts_with(b"Traceback (most recent call last):")
}

fn is_chained(text: &[u8]) -> bool {
    text.starts_with(b"During handling of the above exception")
        || text.starts_with(b"The above exception was the direct cause")
}

fn is_panic(text: &[u8]) -> bool {
    [b"panic: ".as_slice(), b"fatal error: ", b"goroutine "]
        .iter()
        .any(|mark| text.starts_with(mark))
}

/// Names of functions end with their arguments; places are indented by a tab.
fn is_panic_line(text: &[u8]) -> bool {
    const MARKS: [&[u8]; 6] = [
        b"\t",
        b"goroutine ",
        b"created by ",
        b"[signal ",
        b"exit status ",
        b"panic: ",
    ];
    text.is_empty()
        || MARKS.iter().any(|mark| text.starts_with(mark))
        || (text.ends_with(b")") && !text.contains(&b' '))
        || (text.ends_with(b"(...)"))
}
