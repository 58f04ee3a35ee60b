//! Changes nothing.
//! So it shows what a call costs by itself, and that records pass as they are.

use logsieve_filter::{Filter, export_filter};

struct Noop;

impl Filter for Noop {}

export_filter!(Noop);
