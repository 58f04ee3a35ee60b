//! Changes nothing: what a call costs by itself.

use logsieve_filter::{Filter, export_filter};

struct Noop;

impl Filter for Noop {}

export_filter!(Noop);
