//! A panic ends the agent, whichever thread or task it is in: one that is gone would be missed by nobody while
//! records wait for what it did. The kubelet starts the agent again, and nothing unsettled is lost.
//!
//! It is done where panics begin, so that no thread has to remember it, nor a runtime can catch one.

use crate::filter::module::component;

/// From here on panics end the process, those apart that the encoder of components is known for.
pub fn ends_the_process() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        if !component::catches_panics() {
            std::process::abort();
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    /// What a child of this test does.
    const PART: &str = "LOGSIEVE_TEST_PANICS_IN";
    const NAME: &str = "agent::panic::tests::a_panic_in_any_thread_or_task_ends_the_process";

    fn ends(part: &str) -> std::process::ExitStatus {
        let this = std::env::current_exe().unwrap();
        let mut child = Command::new(this);
        child.args(["--exact", NAME]).env(PART, part);
        child.output().unwrap().status
    }

    #[test]
    fn a_panic_in_any_thread_or_task_ends_the_process() {
        let Ok(part) = std::env::var(PART) else {
            let abort = Some(rustix::process::Signal::ABORT.as_raw());
            assert_eq!(ends("a thread").signal(), abort);
            assert_eq!(ends("a task").signal(), abort);
            assert!(ends("nothing").success());
            return;
        };
        super::ends_the_process();
        match part.as_str() {
            "a thread" => drop(std::thread::spawn(|| panic!("as told")).join()),
            "a task" => {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                let task = async { tokio::spawn(async { panic!("as told") }).await };
                let _ = runtime.unwrap().block_on(task);
            }
            _ => {}
        }
    }
}
