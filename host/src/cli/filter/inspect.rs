//! `logsieve filter inspect`: what a module is and asks for, and whether the agent takes it; if not, what
//! stands in the way.

use std::path::PathBuf;
use std::process::ExitCode;

use wasmtime::component::Component;

use super::build::size::{Size, grouped};
use super::place;
use crate::clock::Clock;
use crate::filter::engine::Engine;
use crate::filter::module;
use crate::filter::module::component::{SETTINGS_SCHEMA, custom, finish};
use crate::filter::module::sections::{self, Kind};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The module (`.wasm`), or the folder that it was built in.
    #[arg(default_value = ".")]
    module: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = place::module(&args.module)?;
    // As the shell has it: relative to the working directory. Packed or in parts, as the agent takes it.
    let absolute = std::path::absolute(&path).unwrap_or(path.clone());
    let module::find::Found { bytes, hash, .. } = module::find::read(&absolute, &[], None)?;
    println!("{}", path.display());
    line("sha256", &hash);
    let engine = Engine::new(Clock::start())?;
    let kind = sections::kind(&bytes);
    if kind.is_some() {
        let size = Size::of(&bytes)?;
        line("size", &size.to_string());
        line("", &size.advice());
    }
    match kind {
        None => {}
        Some(Kind::Core) => core(&engine, &bytes),
        Some(Kind::Component) => component(&engine, &bytes),
    }
    if let Some(schema) = custom(&bytes, SETTINGS_SCHEMA) {
        line("settings", &String::from_utf8_lossy(schema));
    }
    verdict(&engine, &path)
}

fn line(name: &str, value: &str) {
    println!("  {name:<10}{value}");
}

fn core(engine: &Engine, bytes: &[u8]) {
    line("kind", "core module");
    let imports = sections::core_imports(bytes).unwrap_or_default();
    let mut modules: Vec<_> = imports.iter().map(|(module, _)| *module).collect();
    modules.sort_unstable();
    modules.dedup();
    for module in modules {
        let names = imports.iter().filter(|(of, _)| *of == module).count();
        line("imports", &format!("{module}  ({names})"));
    }
    // What the agent makes of it before it compiles it.
    if let Ok(finished) = finish(engine.wasm(), bytes) {
        compiled(engine, &finished);
    }
}

fn component(engine: &Engine, bytes: &[u8]) {
    line("kind", "component");
    let Some(component) = compiled(engine, bytes) else {
        return;
    };
    let ty = component.component_type();
    for (name, _) in ty.imports(engine.wasm()) {
        line("imports", name);
    }
    for (name, _) in ty.exports(engine.wasm()) {
        line("exports", name);
    }
}

/// What the agent's compiler makes of a component; what is wrong with it is said by the verdict.
fn compiled(engine: &Engine, bytes: &[u8]) -> Option<Component> {
    let clock = Clock::start();
    let component = Component::new(engine.wasm(), bytes).ok()?;
    let milliseconds = clock.now().mono.as_millis();
    let code = component.serialize().map_or(0, |code| code.len());
    let what = format!("{} bytes, in {milliseconds} ms", grouped(code));
    line("compiled", &what);
    Some(component)
}

/// Whether the agent takes it, by the agent's own loader.
fn verdict(engine: &Engine, path: &std::path::Path) -> anyhow::Result<ExitCode> {
    match module::load(engine, path) {
        Ok(_) => {
            line("verdict", "the agent takes it");
            Ok(ExitCode::SUCCESS)
        }
        Err(source) => {
            line("verdict", "the agent refuses it");
            let name = module::stem(path);
            Err(crate::agent::Error::Module { name, source }.into())
        }
    }
}
