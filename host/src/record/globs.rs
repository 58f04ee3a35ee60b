//! Patterns with `*` and `?`, as people write them in the configuration: one, or a list of which any
//! may match. They serve wherever something is chosen, or facts are kept, by name.

use serde::Deserialize;

/// One or several patterns with `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Globs {
    One(String),
    Many(Vec<String>),
}

impl Globs {
    /// Each pattern.
    pub fn each(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::One(glob) => std::slice::from_ref(glob),
            Self::Many(globs) => globs,
        };
        all.iter().map(String::as_str)
    }

    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.each()
            .any(|glob| matches(glob.as_bytes(), text.as_bytes()))
    }
}

/// `*` stands for any run of characters, `?` for any one byte.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    takes(glob, text, |one, byte| one == b'?' || one == byte)
}

/// Whether a pattern takes a text, where `one` says what anything in it but `*` does with one byte.
#[must_use]
pub fn takes(glob: &[u8], text: &[u8], one: impl Fn(u8, u8) -> bool) -> bool {
    let (mut g, mut t) = (0, 0);
    // Where to go on when the last star takes one byte more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == b'*' {
            star = Some((g, t));
            g += 1;
        } else if g < glob.len() && one(glob[g], text[t]) {
            (g, t) = (g + 1, t + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (g, t) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_people_expect() {
        for (glob, text, fits) in [
            ("*", "", true),
            ("pay*", "payments", true),
            ("*-system", "kube-system", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("p?d", "pod", true),
            ("p?d", "pd", false),
            ("pod", "pods", false),
        ] {
            assert_eq!(
                matches(glob.as_bytes(), text.as_bytes()),
                fits,
                "{glob} {text}"
            );
        }
    }
}
