//! Two texts, or two lists of them, side by side: `-` before what was, `+` before what is, and what
//! differs within a line in colour, or marked below it where there is no colour.

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Longest lists whose lines are matched with each other; longer ones are compared by place.
const MATCHED_MAX: usize = 500;

#[must_use]
pub fn same(text: &str) -> String {
    format!("  {}", printable(text))
}

#[must_use]
pub fn removed(text: &str, color: bool) -> String {
    painted('-', RED, &printable(text), color)
}

#[must_use]
pub fn added(text: &str, color: bool) -> String {
    painted('+', GREEN, &printable(text), color)
}

fn painted(sign: char, paint: &str, text: &str, color: bool) -> String {
    match color {
        true => format!("{paint}{sign} {text}{PLAIN}"),
        false => format!("{sign} {text}"),
    }
}

/// Both, and where they differ.
#[must_use]
pub fn changed(before: &str, after: &str, color: bool) -> String {
    let (before, after) = (printable(before), printable(after));
    let (head, tail) = common(&before, &after);
    if !color {
        let width = after[head..after.len() - tail].chars().count().max(1);
        let indent = before[..head].chars().count() + 2;
        let mark = format!("{}{}", " ".repeat(indent), "^".repeat(width));
        return format!("- {before}\n+ {after}\n{mark}");
    }
    let side = |sign: char, paint: &str, text: &str| {
        let (start, rest) = text.split_at(head);
        let (middle, end) = rest.split_at(rest.len() - tail);
        format!("{paint}{sign} {start}{BOLD}{middle}{PLAIN}{paint}{end}{PLAIN}")
    };
    format!("{}\n{}", side('-', RED, &before), side('+', GREEN, &after))
}

/// Bytes that both begin with, and bytes that both end with.
fn common(a: &str, b: &str) -> (usize, usize) {
    let pairs = a.char_indices().zip(b.chars());
    let head = pairs
        .clone()
        .find(|((_, x), y)| x != y)
        .map_or(a.len().min(b.len()), |((at, _), _)| at);
    let (a, b) = (&a[head..], &b[head..]);
    let ends = a.chars().rev().zip(b.chars().rev());
    let tail = ends
        .take_while(|(x, y)| x == y)
        .map(|(c, _)| c.len_utf8())
        .sum();
    (head, tail)
}

/// A text in one line.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(c),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// One step from a list to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Same(usize, usize),
    Changed(usize, usize),
    Removed(usize),
    Added(usize),
}

/// The steps from a list of `a` things to one of `b`, with as many the same as can be.
#[must_use]
pub fn steps(a: usize, b: usize, same: &dyn Fn(usize, usize) -> bool) -> Vec<Step> {
    let mut found = Vec::new();
    let (mut x, mut y) = (0, 0);
    let longest = if a.max(b) <= MATCHED_MAX {
        table(a, b, same)
    } else {
        Vec::new()
    };
    let at = |x: usize, y: usize| longest.get(x * (b + 1) + y).copied().unwrap_or(0);
    while x < a || y < b {
        let both = x < a && y < b;
        if both && same(x, y) {
            found.push(Step::Same(x, y));
            (x, y) = (x + 1, y + 1);
        } else if both && at(x + 1, y) == at(x, y + 1) {
            found.push(Step::Changed(x, y));
            (x, y) = (x + 1, y + 1);
        } else if y == b || (x < a && at(x + 1, y) > at(x, y + 1)) {
            found.push(Step::Removed(x));
            x += 1;
        } else {
            found.push(Step::Added(y));
            y += 1;
        }
    }
    found
}

/// For every two places, how many things from there on can be the same in both lists.
fn table(a: usize, b: usize, same: &dyn Fn(usize, usize) -> bool) -> Vec<u16> {
    let mut longest = vec![0; (a + 1) * (b + 1)];
    for x in (0..a).rev() {
        for y in (0..b).rev() {
            let at = |x: usize, y: usize| longest[x * (b + 1) + y];
            longest[x * (b + 1) + y] = match same(x, y) {
                true => at(x + 1, y + 1) + 1,
                false => at(x + 1, y).max(at(x, y + 1)),
            };
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a: &str, b: &str) -> Vec<Step> {
        let (x, y) = (a.as_bytes(), b.as_bytes());
        steps(x.len(), y.len(), &|i, j| x[i] == y[j])
    }

    #[test]
    fn what_is_missing_or_more_is_found_between_what_is_the_same() {
        use Step::{Added, Changed, Removed, Same};
        assert_eq!(of("abc", "abc"), [Same(0, 0), Same(1, 1), Same(2, 2)]);
        assert_eq!(of("abc", "ac"), [Same(0, 0), Removed(1), Same(2, 1)]);
        assert_eq!(of("ac", "abc"), [Same(0, 0), Added(1), Same(1, 2)]);
        assert_eq!(of("abc", "axc"), [Same(0, 0), Changed(1, 1), Same(2, 2)]);
        assert_eq!(of("", "a"), [Added(0)]);
    }

    #[test]
    fn what_differs_is_marked() {
        assert_eq!(
            changed("a bb c", "a xyz c", false),
            "- a bb c\n+ a xyz c\n    ^^^"
        );
        assert_eq!(changed("aa", "aaa", false), "- aa\n+ aaa\n    ^");
        assert_eq!(changed("ü\n", "ö\n", false), "- ü\\n\n+ ö\\n\n  ^");
        assert!(changed("ab", "b", true).contains(RED));
    }
}
