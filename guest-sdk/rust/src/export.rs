//! What the agent calls.
//!
//! The macro writes the two exports of the contract around one filter, which lives from `configure`
//! to the end of the instance. Natively it only checks that the types fit, so the same crate can be
//! tested and linked without Wasm.

use std::cell::RefCell;
use std::fmt::Display;

use serde::de::DeserializeOwned;

use crate::Columns;
use crate::filter::{Filter, judge};
use crate::wire::logsieve::filter::records::Outcome;

/// Makes a filter what its module exports. Once in a crate whose type is `cdylib`.
///
/// ```
/// # use logsieve_filter::{export_filter, Filter};
/// struct DropDebug;
/// # impl Filter for DropDebug {}
/// export_filter!(DropDebug); // a filter without settings: a unit struct, or `Name { field: 0 }`
/// ```
///
/// With settings: a function that takes them as a struct which serde can read, and says what is
/// wrong with them, if anything. The operator is shown that error.
///
/// ```
/// # use logsieve_filter::{export_filter, Filter};
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings { prefix: String }
///
/// struct DropPrefix { prefix: Vec<u8> }
/// # impl Filter for DropPrefix {}
///
/// impl DropPrefix {
///     fn new(settings: Settings) -> Result<Self, String> {
///         if settings.prefix.is_empty() {
///             return Err("`prefix` is empty: every record would be dropped".into());
///         }
///         Ok(Self { prefix: settings.prefix.into() })
///     }
/// }
///
/// export_filter!(DropPrefix, DropPrefix::new);
/// ```
#[macro_export]
macro_rules! export_filter {
    ($filter:ident $(,)?) => {
        $crate::export_filter!(@ $filter, |settings| $crate::__private::no_settings(settings, $filter));
    };
    ($filter:ident { $($fields:tt)* } $(,)?) => {
        $crate::export_filter!(@ $filter, |settings| {
            $crate::__private::no_settings(settings, $filter { $($fields)* })
        });
    };
    ($filter:ty, $new:expr $(,)?) => {
        $crate::export_filter!(@ $filter, |settings| $crate::__private::with_settings(settings, $new));
    };
    (@ $filter:ty, $configure:expr) => {
        const _: () = {
            const CONFIGURE: fn(&str) -> ::core::result::Result<$filter, ::std::string::String> = $configure;

            #[cfg(target_arch = "wasm32")]
            ::std::thread_local! {
                static FILTER: $crate::__private::Slot<$filter> = const { $crate::__private::Slot::empty() };
            }

            #[cfg(target_arch = "wasm32")]
            struct Exported;

            #[cfg(target_arch = "wasm32")]
            impl $crate::wire::exports::logsieve::filter::filter::Guest for Exported {
                fn configure(settings: ::std::string::String) -> ::core::result::Result<(), ::std::string::String> {
                    FILTER.with(|slot| slot.configure(CONFIGURE, &settings))
                }

                fn process(
                    batch: $crate::wire::logsieve::filter::records::Batch,
                ) -> ::core::result::Result<$crate::wire::logsieve::filter::records::Outcome, ::std::string::String>
                {
                    FILTER.with(|slot| slot.process(&batch))
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::wire::export!(Exported with_types_in $crate::wire);

            // Natively too, for the compiler to see that the filter is used.
            let _ = CONFIGURE;
        };
    };
}

/// Where a module keeps its filter between calls.
pub struct Slot<F>(RefCell<Option<F>>);

impl<F: Filter> Slot<F> {
    /// Before `configure`.
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// The export `configure`.
    pub fn configure(
        &self,
        configure: fn(&str) -> Result<F, String>,
        settings: &str,
    ) -> Result<(), String> {
        #[cfg(target_arch = "wasm32")]
        report_panics();
        *self.0.borrow_mut() = Some(configure(settings)?);
        Ok(())
    }

    /// The export `process`.
    pub fn process(&self, columns: &Columns) -> Result<Outcome, String> {
        match self.0.borrow_mut().as_mut() {
            Some(filter) => judge(filter, columns),
            None => Err("filter was not configured".into()),
        }
    }
}

/// A panic ends as a trap, which carries no message: so the message goes to the agent's log first.
#[cfg(target_arch = "wasm32")]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        crate::report::log(crate::report::Level::Error, &panic.to_string());
    }));
}

/// `configure` of a filter without settings.
pub fn no_settings<F>(settings: &str, filter: F) -> Result<F, String> {
    crate::settings::refuse(settings).map(|()| filter)
}

/// `configure` of a filter with settings.
pub fn with_settings<F, S: DeserializeOwned, E: Display>(
    settings: &str,
    new: impl FnOnce(S) -> Result<F, E>,
) -> Result<F, String> {
    new(crate::settings::parse(settings)?).map_err(|error| error.to_string())
}
