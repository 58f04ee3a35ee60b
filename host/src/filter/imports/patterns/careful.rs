//! A search that can be stopped, for records and patterns on which one search may take seconds.
//!
//! The engines of `regex-automata` run a search to its end. With the worst patterns that means every
//! state at every byte (11 s for `(?s-u:.*.{3000}Q)` over 256 KiB), and no deadline reaches in. So where
//! states times bytes are many, a lazy automaton tries first, and gives up once its small cache was full
//! twice, which takes milliseconds. What it gives up is done here, by the same simulation of the NFA as
//! theirs, except that it looks at the deadline at every byte. It finds what their engines find.

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::{self, NFA, State};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Input, Match};

use super::small;

/// States times bytes that any engine is through with in 5 ms.
const STEPS_MAX: usize = 400_000;
/// What the lazy automaton keeps of its states, bytes.
pub const CACHE_BYTES: usize = 128 * 1024;

pub struct Careful {
    nfa: NFA,
    lazy: DFA,
    cache: dfa::Cache,
    now: Threads,
    next: Threads,
    stack: Vec<StateID>,
}

impl Careful {
    /// # Errors
    /// When a pattern does not parse, or all together are larger than `bytes_max`.
    pub fn new(patterns: &[String], bytes_max: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let thompson = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(bytes_max))
            .which_captures(thompson::WhichCaptures::None);
        let nfa = thompson::Compiler::new()
            .configure(thompson)
            .syntax(syntax::Config::new().utf8(false))
            .build_many(patterns)?;
        let lazy = DFA::config()
            .unicode_word_boundary(true)
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(1));
        let lazy = DFA::builder().configure(lazy).build_from_nfa(nfa.clone())?;
        Ok(Self {
            cache: lazy.create_cache(),
            lazy,
            nfa,
            now: Threads::default(),
            next: Threads::default(),
            stack: Vec::new(),
        })
    }

    /// Bytes that it takes beside its cache.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        self.nfa.memory_usage() + 2 * self.nfa.states().len() * THREAD_BYTES
    }

    /// Whether one search of another engine may take long.
    #[must_use]
    pub fn is_needed(&self, input: &Input<'_>) -> bool {
        let bytes = input.end().saturating_sub(input.start());
        self.nfa.states().len().saturating_mul(bytes) > STEPS_MAX
    }

    /// The leftmost match.
    ///
    /// # Errors
    /// What `look` says.
    pub fn search<E>(
        &mut self,
        input: &Input<'_>,
        look: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<Option<Match>, E> {
        match self.try_lazy(input) {
            Some(false) => Ok(None),
            // Where it begins is not known.
            Some(true) | None => self.simulate(input, look),
        }
    }

    /// Whether there is a match.
    ///
    /// # Errors
    /// What `look` says.
    pub fn is_match<E>(
        &mut self,
        input: &Input<'_>,
        look: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<bool, E> {
        match self.try_lazy(input) {
            Some(found) => Ok(found),
            None => Ok(self.simulate(input, look)?.is_some()),
        }
    }

    /// Nothing where there are too many states, or a byte that the automaton cannot judge.
    fn try_lazy(&mut self, input: &Input<'_>) -> Option<bool> {
        match self.lazy.try_search_fwd(&mut self.cache, input) {
            Ok(found) => Some(found.is_some()),
            Err(_) => {
                self.cache.reset(&self.lazy);
                None
            }
        }
    }

    fn simulate<E>(
        &mut self,
        input: &Input<'_>,
        look: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<Option<Match>, E> {
        let Self {
            nfa,
            now,
            next,
            stack,
            ..
        } = self;
        now.begin(nfa.states().len());
        next.begin(nfa.states().len());
        let mut found = None;
        for at in input.start()..=input.end() {
            look()?;
            if found.is_none() {
                // A match that begins here counts less than those that began before.
                now.follow(nfa, stack, nfa.start_anchored(), input, at, at);
            } else if now.order.is_empty() {
                break;
            }
            found = step(nfa, now, next, stack, input, at).or(found);
            std::mem::swap(now, next);
            next.order.clear();
        }
        Ok(found)
    }
}

/// All threads over one byte. Gives the match that one of them came to, which ends all behind it.
fn step(
    nfa: &NFA,
    now: &Threads,
    next: &mut Threads,
    stack: &mut Vec<StateID>,
    input: &Input<'_>,
    at: usize,
) -> Option<Match> {
    let byte = input.haystack()[..input.end()].get(at).copied();
    for id in &now.order {
        let start = now.start[id.as_usize()] as usize;
        let state = nfa.state(*id);
        if let State::Match { pattern_id } = state {
            return Some(Match::new(*pattern_id, start..at));
        }
        let to = byte.and_then(|byte| match state {
            State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
            State::Sparse(transitions) => transitions.matches_byte(byte),
            State::Dense(transitions) => transitions.matches_byte(byte),
            _ => None,
        });
        if let Some(to) = to {
            next.follow(nfa, stack, to, input, at + 1, start);
        }
    }
    None
}

/// Bytes of a state in [`Threads`].
const THREAD_BYTES: usize = 12;

/// States that a search is in, in order of preference, and where the match of each begins.
#[derive(Default)]
struct Threads {
    order: Vec<StateID>,
    /// Where a state stands in `order`, if it does: what is there otherwise says nothing.
    place: Vec<u32>,
    start: Vec<u32>,
}

impl Threads {
    fn begin(&mut self, states: usize) {
        self.order.clear();
        self.place.resize(states, 0);
        self.start.resize(states, 0);
    }

    /// Adds a state, and all that it comes to without a byte.
    fn follow(
        &mut self,
        nfa: &NFA,
        stack: &mut Vec<StateID>,
        first: StateID,
        input: &Input<'_>,
        at: usize,
        start: usize,
    ) {
        stack.push(first);
        while let Some(id) = stack.pop() {
            if !self.insert(id, start) {
                continue;
            }
            match nfa.state(id) {
                State::Look { look, next }
                    if nfa.look_matcher().matches(*look, input.haystack(), at) =>
                {
                    stack.push(*next);
                }
                State::Union { alternates } => stack.extend(alternates.iter().rev()),
                State::BinaryUnion { alt1, alt2 } => stack.extend([*alt2, *alt1]),
                State::Capture { next, .. } => stack.push(*next),
                _ => {}
            }
        }
    }

    /// Says whether it is new.
    fn insert(&mut self, id: StateID, start: usize) -> bool {
        let number = id.as_usize();
        if self.order.get(self.place[number] as usize) == Some(&id) {
            return false;
        }
        self.place[number] = small(self.order.len());
        self.start[number] = small(start);
        self.order.push(id);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use regex_automata::meta::Regex;
    use regex_automata::util::iter::Searcher;

    use super::*;

    const PATTERNS: [&str; 20] = [
        "a",
        "ab|abc",
        "[ab]*c",
        "",
        "a*",
        "(?s).*",
        "^a",
        "a$",
        r"\bx\b",
        r"\d{2,4}",
        "é+",
        r"(?-u:\xff)",
        "a{2,3}?",
        "(a|ab)(c|bcd)(d*)",
        "(?i)AB",
        r"\B",
        "[^a]+b",
        "(?m)^b",
        r"\w+\s",
        "[ab]*a[ab]{9}c",
    ];
    const PIECES: [&[u8]; 10] = [
        b"a",
        b"b",
        b"c",
        b"d",
        b" ",
        b"\n",
        b"\xc3\xa9",
        b"\xff",
        b"x",
        b"17",
    ];

    fn all(text: &[u8], mut search: impl FnMut(&Input<'_>) -> Option<Match>) -> Vec<Match> {
        let mut searcher = Searcher::new(Input::new(text));
        std::iter::from_fn(|| searcher.advance(|input| Ok(search(input)))).collect()
    }

    fn never() -> Result<(), ()> {
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_found_is_what_other_engines_find(
            patterns in proptest::collection::vec(select(&PATTERNS[..]), 1..4),
            pieces in proptest::collection::vec(select(&PIECES[..]), 0..40),
        ) {
            let patterns: Vec<String> = patterns.into_iter().map(str::to_owned).collect();
            let text = pieces.concat();
            let regex = Regex::builder()
                .configure(Regex::config().utf8_empty(false))
                .syntax(syntax::Config::new().utf8(false))
                .build_many(&patterns)
                .unwrap();
            let expected = all(&text, |input| regex.search(input));
            let mut careful = Careful::new(&patterns, 1 << 20).unwrap();
            let found = all(&text, |input| careful.search(input, &mut never).unwrap());
            prop_assert_eq!(&found, &expected);
            let simulated = all(&text, |input| careful.simulate(input, &mut never).unwrap());
            prop_assert_eq!(simulated, expected);
            let any = careful.is_match(&Input::new(&text), &mut never);
            prop_assert_eq!(any, Ok(!found.is_empty()));
        }
    }

    #[test]
    fn a_search_through_every_state_at_every_byte_can_be_stopped() {
        let pattern = ["(?s-u:.*.{3000}Q)".to_owned()];
        let mut careful = Careful::new(&pattern, 1 << 20).unwrap();
        let text = vec![b'a'; 64 * 1024];
        let input = Input::new(&text);
        assert!(careful.is_needed(&input));
        let mut looks = 0;
        let stopped = careful.search(&input, &mut || {
            looks += 1;
            if looks < 100 { Ok(()) } else { Err(looks) }
        });
        assert_eq!(stopped, Err(100));
        assert!(!careful.is_needed(&Input::new("a short one")));
    }
}
