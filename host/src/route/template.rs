//! Names made from container facts: `/eks/{k8s.cluster.name}/{k8s.namespace.name}`.
//!
//! `{name}` stands for a fact, `{one,other}` for the first of them that is known, `{name|text}` for
//! the fact or, where it is not known, the text; without one a fact that is not known becomes
//! `unknown`. `{{` and `}}` are braces.

use crate::record::Facts;

/// Stands for a fact that is not known.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Fact {
        names: Vec<String>,
        or: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`{{` at character {at} is not closed; write `{{{{` for a brace")]
    Open { at: usize },
    #[error("`}}` at character {at} closes nothing; write `}}}}` for a brace")]
    Close { at: usize },
    #[error("`{name}` at character {at} is no name of a fact: those look like `k8s.pod.name`")]
    Name { at: usize, name: String },
}

impl Template {
    /// # Errors
    /// When braces do not match, or a name cannot be a fact's.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let at = text.len() - rest.len() + brace;
            plain.push_str(&rest[..brace]);
            let (this, behind) = (&rest[brace..=brace], &rest[brace + 1..]);
            if behind.starts_with(this) {
                plain.push_str(this);
                rest = &behind[1..];
                continue;
            }
            if this == "}" {
                return Err(Error::Close { at });
            }
            let end = behind.find('}').ok_or(Error::Open { at })?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(fact(&behind[..end], at)?);
            rest = &behind[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    #[must_use]
    pub fn render(&self, facts: &Facts) -> String {
        let value = |piece| value(piece, facts).unwrap_or(UNKNOWN);
        self.0.iter().map(value).collect()
    }

    /// None where a fact that it names is not known, and nothing is said for that case.
    #[must_use]
    pub fn render_known(&self, facts: &Facts) -> Option<String> {
        self.0.iter().map(|piece| value(piece, facts)).collect()
    }

    /// Whether this fact may stand in it.
    #[must_use]
    pub fn names(&self, fact: &str) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Fact { names, .. } => names.iter().any(|name| name == fact),
        })
    }

    /// What stands in it beside facts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Fact { or, .. } => or.as_deref(),
        })
    }
}

fn value<'a>(piece: &'a Piece, facts: &'a Facts) -> Option<&'a str> {
    match piece {
        Piece::Text(text) => Some(text),
        Piece::Fact { names, or } => {
            let known = names.iter().find_map(|name| facts.get(name));
            known.or(or.as_ref()).map(String::as_str)
        }
    }
}

fn fact(inside: &str, at: usize) -> Result<Piece, Error> {
    let (names, or) = match inside.split_once('|') {
        Some((names, or)) => (names, Some(or.to_owned())),
        None => (inside, None),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    let bad = |name: &&String| name.is_empty() || !name.chars().all(fits);
    if let Some(name) = names.iter().find(bad).cloned() {
        return Err(Error::Name { at, name });
    }
    Ok(Piece::Fact { names, or })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render(template: &str) -> String {
        let facts = [("k8s.pod.name", "api-0")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        Template::parse(template).unwrap().render(&facts.into())
    }

    #[test]
    fn facts_stand_where_the_template_names_them() {
        assert_eq!(render("/eks/{k8s.pod.name}/log"), "/eks/api-0/log");
        assert_eq!(render("{none}-{none|else}-{none|}"), "unknown-else-");
        assert_eq!(render("a{{b}}"), "a{b}");
        assert_eq!(render("{none,k8s.pod.name|else}"), "api-0");
        assert_eq!(render("{none,neither|else}"), "else");
    }

    #[test]
    fn a_template_can_ask_for_facts_that_are_known() {
        let known = |template: &str| {
            let facts = [("a".to_owned(), "x".to_owned())];
            Template::parse(template)
                .unwrap()
                .render_known(&facts.into())
        };
        assert_eq!(known("{a}-{b|y}").as_deref(), Some("x-y"));
        assert_eq!(known("{a}-{b}"), None);
    }

    #[test]
    fn a_template_tells_which_facts_it_names() {
        let template = Template::parse("a/{b,c|d}").unwrap();
        let named = ["a", "b", "c", "d"].map(|fact| template.names(fact));
        assert_eq!(named, [false, true, true, false]);
    }

    #[test]
    fn a_template_that_is_none_is_refused_with_its_place() {
        assert_eq!(Template::parse("ab{c"), Err(Error::Open { at: 2 }));
        assert_eq!(Template::parse("ab}c"), Err(Error::Close { at: 2 }));
        assert!(matches!(
            Template::parse("{}"),
            Err(Error::Name { at: 0, .. })
        ));
        assert!(matches!(
            Template::parse("{a,}"),
            Err(Error::Name { at: 0, .. })
        ));
        assert!(matches!(
            Template::parse("{a b}"),
            Err(Error::Name { at: 0, .. })
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_refused(text in "[{}|a.]{0,20}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&Facts::new());
            }
        }
    }
}
