//! Tells the entries of a file apart by what filters, routes and templates may ask of them: entries whose
//! told fields are the same are one stream.
//!
//! journald stores each value once in a file, and entries only point at it. So what a value means is
//! looked up by where it stands, in a small table that is overwritten and never grows; a stream is
//! looked up by the values that an entry points at. Nothing is parsed twice but what fell out.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::reader::{Entry, Error, Field, Next, Reader};
use super::select::{Fields, LEVEL, level};
use super::text::{Text, fields_as_text};

/// Places whose meaning is remembered, a power of two.
const PLACES: usize = 8 * 1024;
/// Values and streams that are remembered; past it all are forgotten, and learned again.
const VALUES_MAX: usize = 4096;
/// Longest value that becomes a fact, bytes; a longer one is left out.
const VALUE_BYTES_MAX: usize = 1024;

/// So many damaged entries in a row end a run.
const DAMAGED_MAX: u64 = 4096;

/// What a field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Text,
    /// One of `values`.
    Told(u32),
    Nothing,
}

/// What is told of a stream's entries, by fact.
pub type Told = BTreeMap<String, String>;

/// The streams of one file.
pub struct Streams {
    fields: Fields,
    places: Vec<(u64, Meaning)>,
    values: Vec<(String, String)>,
    by_values: HashMap<Vec<u32>, usize>,
    streams: Vec<Told>,
    /// The values of the entry in hand, and of the one before with its stream.
    key: Vec<u32>,
    last: (Vec<u32>, usize),
    /// How often everything was forgotten: numbers of streams from before mean nothing any more.
    generation: u64,
}

/// What an entry is to be taken for.
#[derive(Debug, Clone, Copy)]
pub struct Sorted {
    pub entry: Entry,
    /// Its stream in this generation; none: it cannot be read.
    pub stream: Option<usize>,
    /// Where its text stands; none where it has none.
    text: Option<u64>,
}

impl Sorted {
    /// Its text; none where it is damaged. `reader` has the entry in hand still.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn text<'r>(&self, reader: &'r mut Reader) -> Result<Option<Text<'r>>, Error> {
        match (self.stream, self.text) {
            (None, _) => Ok(None),
            (Some(_), Some(place)) => Ok(reader.field(place)?.map(|field| Text {
                bytes: Cow::Borrowed(field.value),
                is_cut: field.cut,
            })),
            (Some(_), None) => Ok(Some(fields_as_text(reader)?)),
        }
    }
}

impl Streams {
    #[must_use]
    pub fn new(fields: Fields) -> Self {
        Self {
            fields,
            places: Vec::new(),
            values: Vec::new(),
            by_values: HashMap::new(),
            streams: Vec::new(),
            key: Vec::new(),
            last: (Vec::new(), usize::MAX),
            generation: 0,
        }
    }

    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What is told of a stream.
    #[must_use]
    pub fn told(&self, stream: usize) -> Option<&Told> {
        self.streams.get(stream)
    }

    /// Finds out which stream an entry belongs to, that `reader` has in hand. None: it is damaged.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn sort(&mut self, reader: &mut Reader, entry: Entry) -> Result<Option<Sorted>, Error> {
        if self.places.is_empty() {
            self.places = vec![(0, Meaning::Nothing); PLACES];
        }
        if self.values.len() + self.streams.len() > VALUES_MAX {
            self.forget();
        }
        let (mut text, mut damaged) = (None, false);
        self.key.clear();
        for at in 0..reader.items().len() {
            let place = reader.items()[at];
            let held = &self.places[slot(place)];
            let meaning = if held.0 == place && place != 0 {
                held.1
            } else {
                match self.learn(reader, place)? {
                    Some(meaning) => meaning,
                    None => {
                        damaged = true;
                        continue;
                    }
                }
            };
            match meaning {
                Meaning::Text => text = text.or(Some(place)),
                Meaning::Told(value) => self.key.push(value),
                Meaning::Nothing => {}
            }
        }
        if damaged && text.is_none() {
            return Ok(None);
        }
        let stream = self.stream();
        Ok(Some(Sorted {
            entry,
            stream: Some(stream),
            text,
        }))
    }

    fn stream(&mut self) -> usize {
        if self.key == self.last.0 && self.last.1 < self.streams.len() {
            return self.last.1;
        }
        let stream = match self.by_values.get(&self.key) {
            Some(stream) => *stream,
            None => {
                let values = self.key.iter().map(|at| self.values[*at as usize].clone());
                self.streams.push(values.collect());
                let stream = self.streams.len() - 1;
                self.by_values.insert(self.key.clone(), stream);
                stream
            }
        };
        self.last.0.clone_from(&self.key);
        self.last.1 = stream;
        stream
    }

    #[cold]
    fn learn(&mut self, reader: &mut Reader, place: u64) -> Result<Option<Meaning>, Error> {
        let Some(field) = reader.field(place)? else {
            return Ok(None);
        };
        let meaning = if field.name == b"MESSAGE" {
            Meaning::Text
        } else {
            match self.fields.fact(field.name).and_then(|f| value(f, &field)) {
                Some(value) => Meaning::Told(self.number(value)),
                None => Meaning::Nothing,
            }
        };
        self.places[slot(place)] = (place, meaning);
        Ok(Some(meaning))
    }

    fn number(&mut self, value: (String, String)) -> u32 {
        let known = self.values.iter().position(|v| *v == value);
        let at = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        // `VALUES_MAX` is far below.
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn forget(&mut self) {
        self.places.fill((0, Meaning::Nothing));
        self.values.clear();
        self.by_values.clear();
        self.streams.clear();
        self.generation += 1;
    }

    /// Gives memory back until the next read.
    pub fn idle(&mut self) {
        self.places = Vec::new();
    }

    /// Reads entries and hands each on, until `take` says no, or there is no more. Says how many were
    /// there of which nothing can be told, and whether there may be more.
    ///
    /// # Errors
    /// As [`Reader::next_entry`].
    pub fn read(
        &mut self,
        reader: &mut Reader,
        take: &mut dyn FnMut(&Self, &Sorted, &mut Reader) -> Result<bool, Error>,
    ) -> Result<(u64, bool), Error> {
        let mut damaged = 0;
        loop {
            let entry = match reader.next_entry()? {
                Next::Entry(entry) => entry,
                Next::Damaged => {
                    damaged += 1;
                    if damaged >= DAMAGED_MAX {
                        return Ok((damaged, true));
                    }
                    continue;
                }
                Next::End => return Ok((damaged, false)),
            };
            let sorted = self.sort(reader, entry)?.unwrap_or(Sorted {
                entry,
                stream: None,
                text: None,
            });
            if !take(self, &sorted, reader)? {
                return Ok((damaged, true));
            }
        }
    }
}

/// Where a place is remembered: places are multiples of eight.
#[inline]
fn slot(place: u64) -> usize {
    let mixed = (place >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}

fn value(fact: String, field: &Field<'_>) -> Option<(String, String)> {
    if field.value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8_lossy(field.value);
    let named = (fact == LEVEL).then(|| level(&text)).flatten();
    let text = named.map_or_else(|| text.into_owned(), str::to_owned);
    Some((fact, text))
}
