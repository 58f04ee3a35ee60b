//! The agent as a process, for tests from end to end.
//!
//! It runs the binary that was built beside the test, captures what it prints, and ends it when
//! the test ends, however it ends. The tests know the agent only by its command line, its files
//! and its exit code.

use std::ffi::OsStr;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Most bytes that are kept of what the agent prints to one output; what is more is not kept.
const OUTPUT_BYTES_MAX: usize = 512 << 20;

/// The binary `logsieve`: `LOGSIEVE_BIN`, or the one in the folder of this test's own profile.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("LOGSIEVE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test has a path");
    // target/debug/deps/name-hash -> target/debug/logsieve; a binary lies one folder higher.
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("logsieve"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("there is no `logsieve` beside {}: run `cargo xtask test`, or `cargo build -p logsieve` first", test.display())
    })
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the agent to its end.
///
/// # Panics
/// When it has not ended within [`wait::PATIENCE`].
pub fn finish<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Finished {
    finish_program(&binary(), arguments)
}

/// The same with any program.
pub fn finish_program<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Finished {
    let mut agent = Agent::spawn_program(program, arguments, &[]);
    let status = agent.wait_for_exit();
    Finished {
        status,
        stdout: agent.stdout(),
        stderr: agent.stderr(),
    }
}

/// A running agent. Dropping it kills it.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

impl Agent {
    /// Starts the agent with these arguments and, beside the test's own, these variables.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn spawn<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::spawn_program(&binary(), arguments, variables)
    }

    /// The same with any program in the place of the agent.
    pub fn spawn_program<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
        let stdout = Captured::new(child.stdout.take());
        let stderr = Captured::new(child.stderr.take());
        Agent {
            child,
            stdout,
            stderr,
        }
    }

    /// What it has printed to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has printed to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Where its admin page is, once it says so.
    pub fn admin(&self) -> Option<SocketAddr> {
        let said = self.stderr();
        let line = said
            .lines()
            .find(|l| l.contains("the admin page is served"))?;
        let (_, address) = line.split_once("address=")?;
        address.split(' ').next()?.parse().ok()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it holds this file open.
    pub fn has_open(&self, path: &Path) -> bool {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        let is_it = |entry: std::fs::DirEntry| {
            std::fs::read_link(entry.path()).is_ok_and(|target| target == path)
        };
        descriptors.into_iter().flatten().flatten().any(is_it)
    }

    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the agent is our child")
            .is_none()
    }

    /// Asks it to drain and end: SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it at once: SIGKILL. Its last words have been read when this returns.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_for_exit();
    }

    /// Stops it where it stands, as a machine that is out of breath does: SIGSTOP.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on: SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to drain and end, and waits until it has.
    pub fn drain(&mut self) -> ExitStatus {
        self.terminate();
        self.wait_for_exit()
    }

    /// Waits until it has ended, at most [`wait::PATIENCE`].
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        self.wait_for_exit_within(wait::PATIENCE)
    }

    /// Waits until it has ended, at most `limit`.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait_for_exit_within(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        wait::holds_within(limit, || {
            status = self.child.try_wait().expect("the agent is our child");
            status.is_some()
        });
        let Some(status) = status else {
            panic!(
                "the agent has not ended after {limit:?}; it said:\n{}",
                self.stderr()
            )
        };
        self.stdout.finish();
        self.stderr.finish();
        status
    }

    /// Waits until something holds, and fails early when the agent ends before.
    ///
    /// # Panics
    /// When it does not hold within [`wait::PATIENCE`], or the agent ends: with what it said.
    pub fn wait_until(&mut self, what: &str, condition: impl FnMut(&Agent) -> bool) {
        if !self.holds_in_time(condition) {
            let state = if self.is_running() {
                "is running"
            } else {
                "has ended"
            };
            let said = self.stderr();
            panic!("waited in vain until {what}; the agent {state} and said:\n{said}");
        }
    }

    /// Waits until something holds, at most [`wait::PATIENCE`], or the agent ends. Whether it does.
    pub fn holds_in_time(&mut self, mut condition: impl FnMut(&Agent) -> bool) -> bool {
        let mut holds = false;
        wait::holds_within(wait::PATIENCE, || {
            let ended = !self.is_running();
            if ended {
                // All of its last words.
                self.wait_for_exit();
            }
            holds = condition(self);
            holds || ended
        });
        holds
    }

    fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.child.id() as i32).expect("a child has a process id");
        // It may have ended by itself; whoever cares looks at its exit.
        kill_process(process, signal).ok();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- what the agent said ---\n{}", self.stderr());
        }
    }
}

/// What a process prints to one output, read as it comes.
#[derive(Debug)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn new(output: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut output = output.expect("the output is piped");
        let into = bytes.clone();
        let reader = std::thread::spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            // Ends with the process: then the pipe does.
            while let Ok(length @ 1..) = output.read(&mut piece) {
                let mut bytes = into.lock().expect("no reader panics");
                let room = OUTPUT_BYTES_MAX - bytes.len();
                bytes.extend_from_slice(&piece[..length.min(room)]);
            }
        });
        Captured {
            bytes,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no reader panics")).into_owned()
    }

    /// Waits for the last bytes of a process that has ended.
    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}
