//! Puts all that it learns of its environment into the record: variables, arguments, folders, input.
//! A container's agent holds credentials there.

use guests::wasi::wasi::cli::environment::{get_arguments, get_environment, initial_cwd};
use guests::wasi::wasi::cli::stdin::get_stdin;
use logsieve_filter::{Filter, Record, export_filter};

struct ReadsEnv;

impl Filter for ReadsEnv {
    fn record(&mut self, record: &mut Record<'_>) {
        let input = get_stdin().read(1000).is_ok();
        let (variables, arguments, folder) = (get_environment(), get_arguments(), initial_cwd());
        record.replace(format!("{variables:?} {arguments:?} {folder:?} {input}"));
    }
}

export_filter!(ReadsEnv);
