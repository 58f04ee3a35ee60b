//! `logsieve check`: what the agent would do with this configuration on this node, without doing it:
//! modules are loaded and configured, containers are listed, nothing is read or sent.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;

use crate::agent;
use crate::clock::Clock;
use crate::config::{self, Config, Resolved, Shipped, Team};
use crate::filter::engine::Engine;
use crate::filter::instance::Blueprint;
use crate::filter::shipped;
use crate::record::{Container, Facts};
use crate::route::{Decision, Match, PodState, Route};
use crate::sink::Destination;
use crate::source::container_log::READERS;
use crate::source::container_log::discover::Discover;
use crate::source::log_file::files::{Disk, Files};
use crate::source::log_file::sighting::Sighting;
use crate::source::{files, journal};
use crate::telemetry::metrics::Metrics;

pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let (config, resolved) = Config::read_whole(path, &config::text(path)?)?;
    let engine = Engine::new(Clock::start()).map_err(agent::Error::from)?;
    let blueprints = agent::load_filters(&engine, &config, &resolved, &Metrics::default())?;
    let root = &config.source.container_log.path;
    Disk.list(root).map_err(|source| agent::Error::Source {
        path: root.clone(),
        source,
    })?;
    filters(&blueprints);
    for team in &resolved.teams {
        shipped(&engine, &config, &resolved, team)?;
    }
    destinations(&resolved);
    unreached(&resolved);
    let mut unreadable = containers(&config, &resolved);
    if !config.source.files.is_empty() {
        unreadable += plain_files(&config, &resolved);
    }
    if let Some(journal) = &config.source.journal {
        journal_files(journal);
    }
    if unreadable > 0 {
        bail!("files or folders that cannot be read: {unreadable}, as listed above ({READERS})");
    }
    println!("\n{}: ok", path.display());
    Ok(ExitCode::SUCCESS)
}

/// The journal's files that are on the node now.
fn journal_files(config: &journal::Config) {
    println!("journal");
    let mut discover =
        journal::discover::Discover::new(Arc::new(Disk), config, Facts::new(), HashSet::new());
    let mut journals = BTreeMap::<String, usize>::new();
    discover.scan(&mut |sighting| match sighting {
        journal::discover::Sighting::Found(found) => {
            *journals.entry(found.folder).or_default() += 1
        }
        journal::discover::Sighting::Failed { path, source }
        | journal::discover::Sighting::GivenUp(journal::discover::GivenUp {
            path, source, ..
        }) => {
            println!("  {}: {:#}", path.display(), anyhow::Error::from(source));
        }
    });
    if journals.is_empty() {
        println!("  none below {:?}", config.paths);
    }
    for (journal, files) in journals {
        println!("  {journal}  {files} files");
    }
}

/// The plain files that would be followed now, and where they would go; gives how many cannot be read.
fn plain_files(config: &Config, resolved: &Resolved) -> usize {
    println!("files");
    let facts = config.enrich.node_facts(std::env::var("NODE_NAME").ok());
    let files = &config.source.files;
    let mut discover = files::discover::Discover::new(Arc::new(Disk), files, facts, HashSet::new());
    let mut found: BTreeMap<String, (Arc<Container>, usize)> = BTreeMap::new();
    let mut unreadable = 0;
    discover.scan(&mut |sighting| match sighting {
        Sighting::Found(file) => {
            let known = found.entry(file.container.label());
            known.or_insert((file.container, 0)).1 += 1;
        }
        Sighting::Failed { path, source } => {
            println!("  {}: {source}", path.display());
            unreadable += 1;
        }
        _ => {}
    });
    if found.is_empty() {
        println!("  none");
    }
    for (label, (container, count)) in found {
        let count = match count {
            1 => "1 file".to_owned(),
            count => format!("{count} files, the rotated ones among them"),
        };
        println!("  {label} ({count})  {}", way(resolved, &container));
    }
    unreadable
}

/// Routes behind one that takes every container.
fn unreached(resolved: &Resolved) {
    let routes = resolved.table.routes.iter().zip(1..);
    let takes_all = |route: &Route| !route.also && route.matching == Match::default();
    let mut behind = routes.skip_while(|(route, _)| !takes_all(route));
    let Some((_, first)) = behind.next() else {
        return;
    };
    for (_, number) in behind {
        println!("route {number} takes nothing: route {first} before it takes everything");
    }
}

fn filters(blueprints: &[Blueprint]) {
    println!("filters");
    if blueprints.is_empty() {
        println!("  none: records pass as they are");
    }
    for filter in blueprints {
        let module = &filter.module;
        println!(
            "  {}  {} ({} KiB, sha256 {})",
            filter.name,
            module.path.display(),
            module.size.div_ceil(1024),
            &module.hash[..12],
        );
    }
}

/// What a team ships now; what is wrong with it is the team's to put right.
fn shipped(
    engine: &Engine,
    config: &Config,
    resolved: &Resolved,
    team: &Team,
) -> anyhow::Result<()> {
    println!(
        "filters of team {}, in {}",
        team.name,
        team.directory.display()
    );
    let present = shipped::names(&team.directory)?;
    let (allowed, surplus) = shipped::allowed(&present, &BTreeSet::new(), team.filters_max);
    let all = resolved.with_shipped(&Shipped::from([(team.name.clone(), allowed)]));
    for filter in &all.filters[resolved.filters.len()..] {
        match agent::load_filter(engine, config, filter, &Metrics::default()) {
            Ok(loaded) => println!("  {}  sha256 {}", filter.name, &loaded.module.hash[..12]),
            Err(error) => println!("  {:#}", anyhow::Error::from(error)),
        }
    }
    for name in surplus {
        println!(
            "  {name}: not run, there are more than {}",
            team.filters_max
        );
    }
    Ok(())
}

fn destinations(resolved: &Resolved) {
    println!("destinations");
    for (name, destination) in &resolved.destinations {
        match destination {
            Destination::Cloudwatch(c) => {
                let region = c.region.as_deref().unwrap_or("the environment's region");
                println!(
                    "  {name}  CloudWatch Logs in {region}: {} / {}",
                    c.log_group(),
                    c.log_stream()
                );
            }
            Destination::Stdout(_) => println!("  {name}  standard output"),
            Destination::Null(_) => println!("  {name}  nowhere"),
        }
    }
}

/// Where each container that is on the node now would go; gives how many files and folders cannot be read.
fn containers(config: &Config, resolved: &Resolved) -> usize {
    let source = &config.source.container_log;
    let facts = config.enrich.node_facts(std::env::var("NODE_NAME").ok());
    let mut discover = Discover::new(Arc::new(Disk), source, facts);
    let mut found = BTreeMap::new();
    let mut unreadable = 0;
    println!("containers below {}", source.path.display());
    discover.scan(&mut |sighting| match sighting {
        Sighting::Found(file) => {
            found.insert(file.container.label(), file.container);
        }
        Sighting::Failed { path, source } => {
            println!("  {}: {source}", path.display());
            unreadable += 1;
        }
        Sighting::Relabelled { .. }
        | Sighting::Gone { .. }
        | Sighting::Present { .. }
        | Sighting::Listed => {}
    });
    for (label, container) in found {
        println!("  {label}  {}", way(resolved, &container));
    }
    unreadable
}

/// Where a container's records would go, as far as its path tells.
fn way(resolved: &Resolved, container: &Container) -> String {
    let taken = match resolved.table.decide(container, PodState::GivenUp) {
        Decision::Never | Decision::Skip => return "not read".into(),
        Decision::Wait(_) => return "waits for its pod's labels and annotations".into(),
        Decision::Take(taken) => taken,
    };
    let chain = taken
        .chain
        .iter()
        .map(|f| resolved.filters[*f].name.as_str());
    let chain: Vec<_> = chain.collect();
    let mut text = if chain.is_empty() {
        "no filter".to_owned()
    } else {
        chain.join(" -> ")
    };
    for (place, to) in std::iter::once(&taken.destination)
        .chain(&taken.also)
        .enumerate()
    {
        text += if place == 0 { " -> " } else { ", and " };
        text += resolved.destination_name(*to);
        let names = resolved.table.names(*to, &container.facts);
        if !names.group.is_empty() {
            text += &format!("  {} / {}", names.group, names.stream);
        }
    }
    text
}
