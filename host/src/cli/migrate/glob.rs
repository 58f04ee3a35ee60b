//! What can be told of patterns with `*` and `?` without a text at hand: whether one takes all that
//! another takes, whether any text fits both, and what is left of one behind a known beginning.
//!
//! Where nothing certain can be told, the answer is the careful one: not contained, and not apart.

use crate::record::globs::takes;

/// Whether everything that `inner` takes is taken by `outer` too.
pub fn contains(outer: &str, inner: &str) -> bool {
    // A star of `inner` may stand for anything, so that only a star takes it.
    takes(outer.as_bytes(), inner.as_bytes(), |one, byte| {
        byte != b'*' && (one == b'?' || one == byte)
    })
}

/// Whether some text fits both.
pub fn intersects(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    // What holds of the ends of `other`, for one end of `one` after the other.
    let mut behind: Vec<bool> = Vec::new();
    for at in (0..=one.len()).rev() {
        let mut here = vec![false; other.len() + 1];
        for to in (0..=other.len()).rev() {
            let (a, b) = (one.get(at), other.get(to));
            let skip_one = a == Some(&b'*') && behind[to];
            let skip_other = b == Some(&b'*') && here[to + 1];
            here[to] = match (a, b) {
                (None, None) => true,
                (Some(b'*'), Some(b'*')) => skip_one || skip_other,
                (Some(b'*'), Some(_)) => skip_one || here[to + 1],
                (Some(_), Some(b'*')) => skip_other || behind[to],
                (Some(a), Some(b)) => (a == b || *a == b'?' || *b == b'?') && behind[to + 1],
                (Some(_), None) => skip_one,
                (None, Some(_)) => skip_other,
            };
        }
        behind = here;
    }
    behind.first().copied().unwrap_or_default()
}

/// What is left of a pattern for the text behind `beginning`; several where it can be read in several
/// ways, none where it does not begin so.
pub fn behind(glob: &str, beginning: &str) -> Vec<String> {
    let bytes = glob.as_bytes();
    let with_skips = |places: Vec<usize>| {
        let mut all = Vec::new();
        for mut at in places {
            while !all.contains(&at) {
                all.push(at);
                if bytes.get(at) == Some(&b'*') {
                    at += 1;
                }
            }
        }
        all
    };
    let mut places = with_skips(vec![0]);
    for byte in beginning.bytes() {
        let next = places.into_iter().filter_map(|at| match bytes.get(at) {
            Some(b'*') => Some(at),
            Some(b) if *b == b'?' || *b == byte => Some(at + 1),
            _ => None,
        });
        places = with_skips(next.collect());
    }
    // What stands before the last star, or right behind it, takes no more than that star does.
    let is_star = |at: &&usize| bytes.get(**at) == Some(&b'*');
    let star = places.iter().filter(is_star).max().copied();
    places.retain(|at| star.is_none_or(|star| *at == star || *at > star + 1));
    places.sort_unstable();
    let rest = |at: usize| glob.get(at..).map(str::to_owned);
    places.into_iter().filter_map(rest).collect()
}

pub fn is_exact(glob: &str) -> bool {
    !glob.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_contains_what_it_always_takes() {
        for (outer, inner, expected) in [
            ("*", "a*b", true),
            ("a*", "a*b", true),
            ("*_*", "kube.*_*_*.log", true),
            ("a*b", "a*", false),
            ("a?", "a*", false),
            ("a?", "ab", true),
            ("ab", "a?", false),
        ] {
            assert_eq!(contains(outer, inner), expected, "{outer} {inner}");
        }
    }

    #[test]
    fn patterns_are_apart_where_no_text_fits_both() {
        for (one, other, expected) in [
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("fluent-bit*", "fluentd*", false),
            ("kube.*_pay_*", "kube.*_*_*", true),
            ("a?c", "ab*", true),
            ("a", "", false),
            ("*", "", true),
        ] {
            assert_eq!(intersects(one, other), expected, "{one} {other}");
            assert_eq!(intersects(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_beginning_is_taken_off_a_pattern() {
        let tag = "kube.var.log.containers.";
        assert_eq!(behind("kube.*_pay_*", tag), ["*_pay_*"]);
        assert_eq!(behind("kube.var.log.containers.api*", tag), ["api*"]);
        assert_eq!(
            behind("kube.*.containers.api*", tag),
            ["*.containers.api*", "containers.api*", "api*"]
        );
        assert!(behind("host.*", tag).is_empty());
    }
}
