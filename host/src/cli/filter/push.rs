//! `logsieve filter push`: a module into its team's ConfigMap, and the wait until every node runs it.
//!
//! The server changes the map: the client's own apply keeps a copy in an annotation, and fails above
//! 190 kB. What lies beside the module stays unless it is said otherwise: a redaction that lost its
//! settings would run, and redact nothing. Then every agent is asked for its status, through the API
//! server, until all run this module with these settings.

mod config_map;

use std::error::Error as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams};
use kube::core::Request;
use kube::{Client, Config};
use serde_json::Map;

use super::bed::Loaded;
use crate::filter::instance::{Failure, Instance};
use crate::filter::limits::Limits;
use crate::filter::module::packed::Packing;
use crate::filter::module::{sha256_hex, stem};
use crate::filter::settings;
use crate::record::status::Status;
use crate::telemetry::metrics::Metrics;
use config_map::Beside;

/// What a ConfigMap can hold, base64 and names included.
const CONFIG_MAP_BYTES_MAX: usize = 1_000_000;
/// How often the agents are asked.
const ASK_EVERY: Duration = Duration::from_millis(500);
const ADMIN_PORT: u16 = 9880;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The module: `NAME.wasm`, or packed (`.gz`, `.zst`).
    module: PathBuf,
    /// The team, as the chart's `teams` names it.
    #[arg(long)]
    team: String,
    /// Settings to lie beside the module: YAML that the filter is handed where the team ships it alone.
    /// Without this, those that lie there stay.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Take away the settings that lie there.
    #[arg(long, conflicts_with = "settings")]
    no_settings: bool,
    /// Examples to lie beside it, which every node tries before the module takes over. Without this,
    /// those that lie there stay.
    #[arg(long)]
    examples: Option<PathBuf>,
    /// Take away the examples that lie there.
    #[arg(long, conflicts_with = "examples")]
    no_examples: bool,
    /// The ConfigMap, where the chart's `teams` gives it another name than `logsieve-filters-TEAM`.
    #[arg(long)]
    config_map: Option<String>,
    /// The agent's namespace.
    #[arg(long, short, default_value = "logsieve")]
    namespace: String,
    /// How long to wait for every node, seconds; 0: not at all.
    #[arg(long, default_value_t = 120)]
    wait: u64,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(push(args))
}

async fn push(args: &Args) -> anyhow::Result<ExitCode> {
    let file = args.module.file_name().context("a module is a file")?;
    let file = file.to_string_lossy().into_owned();
    let filter = stem(&args.module);
    let packing = Packing::of(&file);
    if file != format!("{filter}.wasm{}", packing.suffix()) {
        bail!(
            "`{file}` is none of NAME.wasm, NAME.wasm.gz and NAME.wasm.zst, so no agent takes it for a module"
        );
    }
    let bytes = std::fs::read(&args.module)
        .with_context(|| format!("`{}` cannot be read", args.module.display()))?;
    if bytes.len() > CONFIG_MAP_BYTES_MAX {
        bail!(
            "`{file}` has {} bytes, and a ConfigMap holds {CONFIG_MAP_BYTES_MAX}: pack it with zstd, or use `filterImages`",
            bytes.len()
        );
    }
    let unpacked = packing.unpack(bytes.clone());
    let hash = sha256_hex(&unpacked.with_context(|| format!("`{file}` cannot be unpacked"))?);
    let beside = [
        (
            "settings",
            beside(args.settings.as_ref(), args.no_settings)?,
        ),
        (
            "examples",
            beside(args.examples.as_ref(), args.no_examples)?,
        ),
    ];
    try_out(args, &beside[0].1)?;
    let cluster = Config::infer().await.map_err(|error| {
        let why = error.source().map_or_else(String::new, ToString::to_string);
        anyhow::anyhow!(
            "no cluster is known: this is no pod with a service account, and the kubeconfig (`KUBECONFIG`, or `~/.kube/config`) gives none: {why}"
        )
    })?;
    let client = Client::try_from(cluster)?;
    let own = || format!("logsieve-filters-{}", args.team);
    let name = args.config_map.clone().unwrap_or_else(own);
    let is_kept = [0, 1].map(|at: usize| matches!(beside[at].1, Beside::Kept));
    let patch = config_map::patch(&filter, &file, bytes, beside);
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &args.namespace);
    let map = config_map::apply(&api, &name, &patch).await.map_err(told);
    let map = map.with_context(|| {
        let namespace = &args.namespace;
        format!(
            "ConfigMap `{name}` in `{namespace}` (it takes `patch`, and `create` the first time)"
        )
    })?;
    println!("{name}: {file} is there, sha256 {}", &hash[..12]);
    for (what, is_kept) in ["settings", "examples"].into_iter().zip(is_kept) {
        if is_kept && config_map::beside(&map, &filter, what).is_some() {
            println!("{name}: {filter}.{what}.yaml is kept (`--no-{what}` takes it away)");
        }
    }
    if args.wait == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let pushed = Pushed {
        settings: settings(&map, &filter)?,
        filter,
        hash,
    };
    wait(&client, args, &pushed).await
}

/// Refuses what no node would take, while nothing is laid yet. What a node's own limits decide is left to it.
fn try_out(args: &Args, settings: &Beside) -> anyhow::Result<()> {
    let loaded = Loaded::new(&args.module)?;
    let settings = match settings {
        Beside::Laid(text) => {
            let mapping = settings::mapping(&String::from_utf8_lossy(text));
            mapping
                .map_err(anyhow::Error::msg)
                .context("`--settings` is no YAML mapping, and nothing was pushed")?
        }
        Beside::Removed => Map::new(),
        Beside::Kept => return Ok(()),
    };
    let blueprint = loaded.blueprint(&settings, Limits::default(), &Metrics::default());
    match Instance::new(&blueprint) {
        Err(failure @ Failure::Settings { .. }) => {
            bail!("`{}`: {failure}; nothing was pushed", loaded.name)
        }
        _ => Ok(()),
    }
}

/// What every node is to run.
struct Pushed {
    filter: String,
    /// SHA-256 of the module, and of the settings as the filter gets them from the file beside it.
    hash: String,
    settings: String,
}

fn settings(map: &ConfigMap, filter: &str) -> anyhow::Result<String> {
    let file = config_map::beside(map, filter, "settings");
    let json = match &file {
        None => "{}".to_owned(),
        Some(bytes) => settings::json(&String::from_utf8_lossy(bytes)).map_err(|wrong| {
            anyhow::anyhow!(
                "no node takes it: `{filter}.settings.yaml` is no YAML mapping: {wrong}"
            )
        })?,
    };
    Ok(sha256_hex(json.as_bytes()))
}

/// What is to become of the file beside the module.
fn beside(path: Option<&PathBuf>, is_removed: bool) -> anyhow::Result<Beside> {
    let Some(path) = path else {
        return Ok(if is_removed {
            Beside::Removed
        } else {
            Beside::Kept
        });
    };
    let text = std::fs::read(path);
    Ok(Beside::Laid(text.with_context(|| {
        format!("`{}` cannot be read", path.display())
    })?))
}

/// What the API server says; its client would add the whole answer.
fn told(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) => anyhow::anyhow!(status.message),
        other => other.into(),
    }
}

/// Asks every agent until all run the module.
async fn wait(client: &Client, args: &Args, pushed: &Pushed) -> anyhow::Result<ExitCode> {
    let tries = args.wait * 1000 / u64::try_from(ASK_EVERY.as_millis())?;
    let (mut agents, mut behind) = (0, Vec::new());
    for _ in 0..tries.max(1) {
        (agents, behind) = nodes_behind(client, args, pushed).await?;
        if agents > 0 && behind.is_empty() {
            println!("every node runs it ({agents})");
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    if agents == 0 {
        bail!(
            "no agent runs in the namespace `{}`, so nobody takes it: is it another (`--namespace`)?",
            args.namespace
        );
    }
    for (pod, why) in &behind {
        eprintln!("{pod}: {why}");
    }
    bail!("{} nodes do not run it after {} s", behind.len(), args.wait)
}

/// How many agents there are; those that do not run it, and what they run instead.
async fn nodes_behind(
    client: &Client,
    args: &Args,
    pushed: &Pushed,
) -> anyhow::Result<(usize, Vec<(String, String)>)> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &args.namespace);
    let agents = ListParams::default().labels("app.kubernetes.io/name=logsieve");
    let listed = pods.list(&agents).await.map_err(told);
    let listed = listed.context("the agent's pods (`list`)")?.items;
    let (count, mut behind) = (listed.len(), Vec::new());
    for pod in listed {
        let name = pod.metadata.name.unwrap_or_default();
        let why = match status(client, &args.namespace, &name).await {
            Ok(status) => match behind_with(&status, &args.team, pushed) {
                Some(why) => why,
                None => continue,
            },
            Err(error) => format!("does not tell: {error:#}"),
        };
        behind.push((name, why));
    }
    Ok((count, behind))
}

/// What a node runs instead; none where it runs what was pushed, as this team's own or, under the settings
/// of the configuration, as the operator's.
fn behind_with(status: &Status, team: &str, pushed: &Pushed) -> Option<String> {
    let filter = &pushed.filter;
    let named = |name: &str| status.filters.iter().find(|f| f.name == name);
    let own = named(&format!("{team}/{filter}"));
    let Some(found) = own.or_else(|| named(filter)) else {
        return Some(format!("has no filter `{filter}`, nor a team `{team}`"));
    };
    let runs = match found.sha256.as_deref() {
        Some(hash) if hash == pushed.hash => {
            // An agent of before tells none.
            let settings = own.and_then(|own| own.settings_sha256.as_ref());
            if settings.is_none_or(|settings| *settings == pushed.settings) {
                return None;
            }
            "runs it with other settings".to_owned()
        }
        other => format!("runs {}", other.unwrap_or("no module")),
    };
    Some(match &found.refused {
        Some(why) => format!("{runs}; what is there now is refused: {why}"),
        None => runs,
    })
}

async fn status(client: &Client, namespace: &str, pod: &str) -> anyhow::Result<Status> {
    let pods = Request::new(format!("/api/v1/namespaces/{namespace}/pods"));
    let request = pods.get_subresource("proxy/status", &format!("{pod}:{ADMIN_PORT}"))?;
    client.request::<Status>(request).await.map_err(told)
}
