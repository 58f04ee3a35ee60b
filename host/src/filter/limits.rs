//! What one filter may use.
//!
//! Every limit has a default here, which the operator moves for all filters (`filters.limits`) or for
//! one (its `limits`), up to ceilings that no filter passes (`filters.ceilings`). How near a filter
//! came to each is a metric. `deadline` watches the time of one call, `memory` what an instance grows to.

pub mod deadline;
pub mod memory;

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// A batch may always grow to this many bytes.
const OUTPUT_BYTES_FREE: usize = 1024 * 1024;

/// Each limit once: its name in the configuration, and its default.
macro_rules! limits {
    ($($(#[$attribute:meta])* $name:ident: $type:ty = $default:expr,)+) => {
        /// The limits of one filter.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = concat!("`", stringify!($name), "` in the configuration")] pub $name: $type,)+
        }

        impl Limits {
            /// Their names in the configuration.
            pub const NAMES: &[&str] = &[$(stringify!($name),)+];
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Limits as the operator gives them: some.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Given {
            $($(#[$attribute])* pub $name: Option<$type>,)+
        }

        impl Given {
            /// These, and for the others those of `base`.
            #[must_use]
            pub fn over(&self, base: &Limits) -> Limits {
                Limits { $($name: self.$name.unwrap_or(base.$name),)+ }
            }

            /// As ceilings: the first limit that is above its own.
            #[must_use]
            pub fn passed_by(&self, limits: &Limits) -> Option<Passed> {
                $(if let Some(most) = self.$name && limits.$name > most {
                    return Some(Passed {
                        name: stringify!($name),
                        value: format!("{:?}", limits.$name),
                        most: format!("{most:?}"),
                    });
                })+
                None
            }
        }
    };
}

/// A limit above its ceiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub name: &'static str,
    pub value: String,
    pub most: String,
}

limits! {
    /// Linear memory of one instance.
    memory: ByteSize = ByteSize::mib(32),
    /// Places in each table of an instance; indirect calls of a large Go module need some 10,000.
    table_elements: u32 = 100_000,
    /// Core instances that one instance is linked of; Python's interpreter is of some thirty.
    core_instances: u32 = 64,
    /// Tables of one instance.
    tables: u32 = 16,
    /// Linear memories of one instance; nobody needs more than one.
    memories: u32 = 4,
    /// CPU time for a batch: for every 256 KiB or 1,000 records begun, whichever is more.
    #[serde(with = "humantime_serde")]
    cpu_per_batch: Duration = Duration::from_millis(100),
    /// Bytes of output per byte of input; a batch may always grow to 1 MiB.
    output_ratio: u32 = 8,
    /// Edits of one batch.
    edits: u32 = 100_000,
    /// Compiled size of all patterns of one instance.
    patterns: ByteSize = ByteSize::mib(4),
    /// Lines in the agent's log, a second, of all instances together.
    log_lines: u32 = 10,
    /// Counters of its own, by name.
    counters: u32 = 32,
    /// Instances in each lane for namespaces whose pods chose the filter; past it one of them starts anew.
    instances: u32 = 32,
    /// Batches that one instance is handed before it is made anew.
    batches: u64 = u64::MAX,
}

impl Limits {
    /// CPU time that a batch of this size may take.
    #[must_use]
    pub fn deadline(&self, bytes: usize, records: usize) -> Duration {
        let begun = bytes
            .div_ceil(256 * 1024)
            .max(records.div_ceil(1000))
            .max(1);
        self.cpu_per_batch
            .saturating_mul(u32::try_from(begun).unwrap_or(u32::MAX))
    }

    /// Bytes of text that may come out of a batch with `bytes` of it.
    #[must_use]
    pub fn output_max(&self, bytes: usize) -> usize {
        bytes
            .saturating_mul(self.output_ratio as usize)
            .max(OUTPUT_BYTES_FREE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_near_a_filter_came_to_each_limit_is_a_metric() {
        use crate::telemetry::metrics::Limit;
        let mut shown = Limit::ALL.map(Limit::name);
        let mut limits = Limits::NAMES.to_vec();
        shown.sort_unstable();
        limits.sort_unstable();
        assert_eq!(shown.as_slice(), limits);
    }

    #[test]
    fn what_is_not_given_is_as_it_is_for_all() {
        let all = Given {
            memory: Some(ByteSize::mib(8)),
            edits: Some(7),
            ..Given::default()
        };
        let one = Given {
            edits: Some(9),
            ..Given::default()
        };
        let limits = one.over(&all.over(&Limits::default()));
        let expected = Limits {
            memory: ByteSize::mib(8),
            edits: 9,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn a_limit_above_its_ceiling_is_named() {
        let ceilings = Given {
            memory: Some(ByteSize::mib(64)),
            cpu_per_batch: Some(Duration::from_millis(50)),
            ..Given::default()
        };
        let passed = ceilings.passed_by(&Limits::default()).unwrap();
        assert_eq!(
            (passed.name, passed.most.as_str()),
            ("cpu_per_batch", "50ms")
        );
        let within = Limits {
            cpu_per_batch: Duration::from_millis(50),
            ..Limits::default()
        };
        assert_eq!(ceilings.passed_by(&within), None);
    }

    #[test]
    fn a_deadline_grows_with_what_is_begun_of_bytes_and_records() {
        let deadline = |bytes, records| Limits::default().deadline(bytes, records).as_millis();
        assert_eq!(deadline(0, 0), 100);
        assert_eq!(deadline(256 * 1024, 1000), 100);
        assert_eq!(deadline(256 * 1024 + 1, 1), 200);
        assert_eq!(deadline(1, 4096), 500);
    }
}
