//! `Match_Regex` as patterns with `*` and `?`, where it says no more than they can: letters, `.`, `.*`,
//! `.+`, groups of alternatives and anchors.
//!
//! Fluent Bit holds a regex to the beginning of a tag and lets anything follow.

/// Ways to read one regex, at most.
const WAYS_MAX: usize = 64;

/// The patterns that take what the regex takes; `None` where there are none.
pub fn globs(regex: &str) -> Option<Vec<String>> {
    let mut reader = Reader {
        rest: regex.strip_prefix('^').unwrap_or(regex),
    };
    let mut ways = reader.alternatives()?;
    if !reader.rest.is_empty() {
        return None;
    }
    for way in &mut ways {
        match way.strip_suffix('$') {
            Some(whole) => *way = whole.to_owned(),
            None if way.ends_with('*') => {}
            None => way.push('*'),
        }
    }
    // An anchor anywhere else is none that can be told.
    (!ways.iter().any(|way| way.contains(['$', '^']))).then_some(ways)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn next_if(&mut self, start: &str) -> bool {
        let rest = self.rest.strip_prefix(start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `a|b`, up to the end or a closing parenthesis.
    fn alternatives(&mut self) -> Option<Vec<String>> {
        let mut all = self.sequence()?;
        while self.next_if("|") {
            all.extend(self.sequence()?);
        }
        (all.len() <= WAYS_MAX).then_some(all)
    }

    fn sequence(&mut self) -> Option<Vec<String>> {
        let mut ways = vec![String::new()];
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let next = self.piece()?;
            let joined =
                |way: &String| next.iter().map(|n| format!("{way}{n}")).collect::<Vec<_>>();
            ways = ways.iter().flat_map(joined).collect();
            if ways.len() > WAYS_MAX {
                return None;
            }
        }
        Some(ways)
    }

    fn piece(&mut self) -> Option<Vec<String>> {
        if self.next_if("(") {
            if self.next_if("?") && !self.next_if(":") {
                return None;
            }
            let inner = self.alternatives()?;
            return (self.next_if(")") && !self.is_repeated()).then_some(inner);
        }
        if self.next_if(".*") {
            return (!self.is_repeated()).then(|| vec!["*".to_owned()]);
        }
        if self.next_if(".+") {
            return (!self.is_repeated()).then(|| vec!["?*".to_owned()]);
        }
        let is_escaped = self.next_if("\\");
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        let piece = match letter {
            _ if is_escaped && letter.is_alphanumeric() => return None,
            '*' | '?' | '[' | ']' | '{' | '}' | '+' => return None,
            '$' | '^' if is_escaped => return None,
            '.' if !is_escaped => '?',
            _ => letter,
        };
        (!self.is_repeated()).then(|| vec![piece.to_string()])
    }

    fn is_repeated(&self) -> bool {
        self.rest.starts_with(['*', '+', '?', '{'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regex_becomes_patterns_where_they_can_say_it() {
        for (regex, expected) in [
            ("(a|b).*", Some(vec!["a*", "b*"])),
            ("^(?:kube|host)\\.(.*)", Some(vec!["kube.*", "host.*"])),
            ("kube\\..+_pay_.*$", Some(vec!["kube.?*_pay_*"])),
            ("^kube$", Some(vec!["kube"])),
            ("kube.x", Some(vec!["kube?x*"])),
            ("kube\\.[a-z]+", None),
            ("(a|b)+", None),
            ("a\\w", None),
            ("(?!kube).*", None),
            ("a$b", None),
            ("(a", None),
        ] {
            let expected = expected.map(|e| e.into_iter().map(str::to_owned).collect());
            assert_eq!(globs(regex), expected, "{regex}");
        }
    }
}
