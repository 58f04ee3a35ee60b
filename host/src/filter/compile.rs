//! From a module's bytes to code: out of the cache, or compiled in a short-lived child.
//!
//! A child, because a compiler works on a stranger's bytes: one that crashes it, or makes it take all
//! memory or time, fails alone, and what compiling takes (hundreds of megabytes for a large module)
//! is given back whole. The child is this very program; it reads the module from its standard input,
//! writes the code to its standard output, and says what is wrong on standard error. Where the disk takes
//! no file, the code goes to a file in memory: a full disk keeps no filter from running. Commands, which
//! have no state folder, compile in their own process.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal};

use wasmtime::component::Component;

use super::cache::{self, Cache};
use super::engine::{self, Engine};
use super::module::find::Found;
use super::module::{self, Error, Module, packed};

/// The command, and its one argument: what the module is called.
pub const COMMAND: &str = "compile-module";
/// This program, even when its file was replaced meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// CPU time of one compilation. A JavaScript engine of 12 MB takes 20 s.
const CPU_SECONDS_MAX: u64 = 300;
/// Address space of the child.
const MEMORY_BYTES_MAX: u64 = 4 << 30;
/// Wall time of one compilation: a small CPU quota stretches it.
const WAIT_MAX: Duration = Duration::from_secs(1800);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Bytes that are kept of what the child says.
const WORDS_BYTES_MAX: u64 = 4096;
/// How far the child stands back behind the lanes with a module larger than that: a small one is done
/// in a moment, and is waited for.
const NICE: i32 = 10;
/// How a child ends that could not write the code.
pub const UNWRITTEN: u8 = 3;
const SMALL_BYTES_MAX: usize = 1024 * 1024;

/// Makes modules of what was found.
pub struct Compiler {
    engine: Engine,
    cache: Option<Cache>,
    program: OsString,
}

impl Compiler {
    /// Compiles in this process, and keeps nothing.
    #[must_use]
    pub fn here(engine: Engine) -> Self {
        Self {
            engine,
            cache: None,
            program: OsString::new(),
        }
    }

    /// Compiles in children, and keeps code in `folder`.
    #[must_use]
    pub fn cached(engine: Engine, folder: &Path, bytes_max: u64) -> Self {
        Self::with_program(engine, folder, bytes_max, OsStr::new(THIS_PROGRAM))
    }

    /// The same with another program that knows the command [`COMMAND`].
    #[must_use]
    pub fn with_program(engine: Engine, folder: &Path, bytes_max: u64, program: &OsStr) -> Self {
        let cache = Cache::open(folder, bytes_max, engine.wasm());
        let cache = cache.inspect_err(|error| {
            let folder = folder.display();
            tracing::warn!(%folder, %error, "compiled code is not kept: the folder cannot be used");
        });
        Self {
            engine,
            cache: cache.ok(),
            program: program.to_owned(),
        }
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// # Errors
    /// When it is no filter that this agent runs.
    pub fn module(&self, found: &Found) -> Result<Module, Error> {
        if self.program.is_empty() {
            return module::from_bytes(&self.engine, &found.path, &found.bytes);
        }
        let wasm = self.engine.wasm();
        let cache = self.cache.as_ref();
        let component = match cache.and_then(|cache| cache.get(wasm, &found.hash)) {
            Some(component) => component,
            None => match cache.map(|cache| self.kept(cache, found)) {
                Some(Err(Error::Keep { source, .. })) => {
                    let module = found.path.display();
                    tracing::warn!(%module, error = %source, "compiled code cannot be kept on the disk, and stays in memory");
                    self.in_memory(found)?
                }
                Some(made) => made?,
                None => self.in_memory(found)?,
            },
        };
        let (path, size) = (&found.path, found.bytes.len());
        module::link(&self.engine, path, &found.hash, size, &component)
    }

    fn kept(&self, cache: &Cache, found: &Found) -> Result<Component, Error> {
        let room = cache.room().map_err(|e| unkept(&found.path, e))?;
        let output = room.reopen().map_err(|e| unkept(&found.path, e))?;
        self.compile(found, output)?;
        let kept = cache.put(self.engine.wasm(), &found.hash, room);
        kept.map_err(|e| unkept(&found.path, e))
    }

    fn in_memory(&self, found: &Found) -> Result<Component, Error> {
        let room = cache::memory().map_err(|e| unkept(&found.path, e))?;
        let output = room.try_clone().map_err(|e| unkept(&found.path, e))?;
        self.compile(found, output)?;
        let component = cache::component(self.engine.wasm(), &room);
        component.ok_or_else(|| unkept(&found.path, io::ErrorKind::InvalidData.into()))
    }

    /// Writes the module's code to `output`.
    fn compile(&self, found: &Found, mut output: File) -> Result<(), Error> {
        let taken = output.try_clone().map_err(|e| unkept(&found.path, e))?;
        let child = Command::new(&self.program)
            .arg(COMMAND)
            .arg(&found.path)
            .stdin(Stdio::piped())
            .stdout(taken)
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => finish(child, found),
            Err(error) => {
                tracing::warn!(%error, "no process can be started to compile in; it is done here");
                let code = module::precompile(self.engine.wasm(), &found.path, &found.bytes)?;
                output.write_all(&code).map_err(|e| unkept(&found.path, e))
            }
        }
    }
}

fn unkept(path: &Path, source: io::Error) -> Error {
    Error::Keep {
        path: path.to_owned(),
        source,
    }
}

/// Hands the module over, and waits.
fn finish(mut child: Child, found: &Found) -> Result<(), Error> {
    // A child that does not want all of it says why.
    let handed = child.stdin.take().map(|mut to| to.write_all(&found.bytes));
    let status = wait(&mut child).map_err(|e| unkept(&found.path, e))?;
    let mut words = String::new();
    if let Some(from) = child.stderr.take() {
        // What is not text is not worth reading.
        let _ = from.take(WORDS_BYTES_MAX).read_to_string(&mut words);
    }
    if status.success() && handed.is_some_and(|h| h.is_ok()) {
        return Ok(());
    }
    let words = words.trim_end().to_owned();
    Err(match status.code() {
        Some(1) => Error::Child { words },
        Some(code) if code == i32::from(UNWRITTEN) => unkept(&found.path, io::Error::other(words)),
        _ => Error::Killed {
            path: found.path.clone(),
            status: status.to_string(),
        },
    })
}

fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if waited >= WAIT_MAX {
            child.kill()?;
            return child.wait();
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}

/// The child's side: the module from `from`, its code to `to`.
///
/// # Errors
/// When the bytes are no module, or cannot be read or written.
pub fn child(name: PathBuf, from: &mut dyn Read, to: &mut dyn Write) -> Result<(), Error> {
    stand_back();
    let bytes = packed::bounded(from, 0).map_err(|source| Error::Read {
        path: name.clone(),
        source,
    })?;
    if bytes.len() > SMALL_BYTES_MAX {
        // A machine that refuses it compiles at the lanes' side.
        let _ = rustix::process::nice(NICE);
    }
    // One thread: the others are the lanes'.
    let config = engine::config();
    let engine = wasmtime::Engine::new(config.clone().parallel_compilation(false));
    let engine = engine.map_err(|e| Error::Compile {
        path: name.clone(),
        cause: format!("{e:#}"),
    })?;
    let code = module::precompile(&engine, &name, &bytes)?;
    let written = to.write_all(&code).and_then(|()| to.flush());
    written.map_err(|source| unkept(&name, source))
}

/// Limits of this process, which is the child.
fn stand_back() {
    let most = |resource, most: u64| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        let _ = rustix::process::setrlimit(resource, limit);
    };
    // Each is a further net; a machine that refuses one has the others.
    most(Resource::Cpu, CPU_SECONDS_MAX);
    most(Resource::As, MEMORY_BYTES_MAX);
    most(Resource::Core, 0);
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}
