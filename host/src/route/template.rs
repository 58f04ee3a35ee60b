//! Names made from container facts: `/eks/{k8s.cluster.name}/{k8s.namespace.name}`.
//!
//! `{name}` stands for a fact, `{name|text}` for the fact or, where it is not known, the text;
//! without one a fact that is not known becomes `unknown`. `{{` and `}}` are braces.

use crate::record::Facts;

/// Stands for a fact that is not known.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Fact { name: String, or: String },
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
    /// When braces do not match or a name is none.
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
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Fact { name, or } => facts.get(name).unwrap_or(or),
            })
            .collect()
    }
}

fn fact(inside: &str, at: usize) -> Result<Piece, Error> {
    let (name, or) = inside.split_once('|').unwrap_or((inside, UNKNOWN));
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        let name = name.to_owned();
        return Err(Error::Name { at, name });
    }
    Ok(Piece::Fact {
        name: name.to_owned(),
        or: or.to_owned(),
    })
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
