//! What the agent asks of the machine that it runs on: how many lanes its CPU quota is good for, and
//! leave to hold every log file open.

/// As many as the CPU quota grants, at most four: one lane does 1 GB/s.
pub fn default_lanes() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(4))
}

/// Every file of every container is held open, so the limit is raised as far as it goes.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files is not raised");
    }
}
