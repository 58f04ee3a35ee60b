//! What a configuration comes to, what is refused and in which words, and that the example in
//! `deploy/` says all there is to say.

use super::*;

const GOOD: &str = "
filters:
  modules:
    redact: { settings: { cards: true } }
destinations:
  main: { cloudwatch: { region: eu-central-1, log_group: '/eks/{k8s.namespace.name}' } }
  console: { stdout: {} }
routes:
  - { match: { namespace: kube-system }, exclude: true }
  - { match: { namespace: [pay, 'team-*'] }, filters: [redact], destination: main }
  - { destination: console }
";

fn refused(from: &str, to: &str) -> String {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD);
    let error = Config::parse(&text).map(|c| c.resolve().unwrap_err().to_string());
    error.unwrap_or_else(|parse| parse)
}

#[test]
fn a_configuration_becomes_routes_by_index() {
    let resolved = Config::parse(GOOD).unwrap().resolve().unwrap();
    let routes = &resolved.table.routes;
    assert_eq!(resolved.destinations[1].0, "main");
    assert_eq!(
        (
            routes[0].destination,
            routes[1].destination,
            routes[2].destination
        ),
        (None, Some(1), Some(0))
    );
    assert_eq!(routes[1].chain, [0]);
    assert_eq!(resolved.filters[0].module, Path::new("redact.wasm"));
}

#[test]
fn unknown_config_keys_are_refused_by_name() {
    let error = refused("exclude: true", "exlude: true");
    assert!(error.contains("exlude"), "{error}");
    assert!(error.contains("line 9"), "{error}");
    assert!(refused("region:", "regoin:").contains("regoin"));
}

#[test]
fn a_destination_is_one_of_the_kinds_that_there_are() {
    let parsed = |kinds: &str| {
        let text = format!("destinations: {{ d: {kinds} }}\nroutes: [{{ destination: d }}]\n");
        Config::parse(&text).map_err(|error| error.to_string())
    };
    // YAML reads the bare word as no text at all.
    for null in ["{ null: {} }", "{ 'null': {} }"] {
        let destination = &parsed(null).unwrap().destinations["d"];
        assert!(matches!(destination, sink::Destination::Null(_)), "{null}");
    }
    for (kinds, says) in [
        ("{}", "as in `cloudwatch: {}`"),
        ("7", "expected mapping"),
        ("{ s3: {} }", "unknown variant `s3`"),
        ("{ stdout: {}, null: {} }", "only one of"),
    ] {
        let error = parsed(kinds).unwrap_err();
        assert!(
            error.contains(says) && error.contains("line 1"),
            "{kinds}: {error}"
        );
    }
}

#[test]
fn a_pin_that_is_no_sha256_is_refused() {
    for pin in ["abc", &"g".repeat(64), &"A".repeat(64)] {
        let settings = "settings: { cards: true }";
        let error = refused(settings, &format!("sha256: {pin}"));
        assert!(error.contains("filter `redact`, `sha256`"), "{error}");
    }
}

#[test]
fn names_that_lead_nowhere_are_refused_with_what_there_is() {
    assert_eq!(
        refused("filters: [redact]", "filters: [redcat]"),
        "route 2: `redcat` is no filter of `filters.modules`; there is `redact`"
    );
    assert_eq!(
        refused("destination: main", "destination: mian"),
        "route 2: `mian` is no destination; there are `console`, `main`"
    );
    assert_eq!(
        refused("- { destination: console }", "- { filters: [redact] }"),
        "route 3: give it a `destination`, or `exclude: true`; there are `console`, `main`"
    );
}

#[test]
fn a_template_that_is_none_is_refused_by_its_key() {
    let error = refused("{k8s.namespace.name}", "{k8s.namespace.name");
    assert_eq!(error, "destination `main`, `log_group`");
}

#[test]
fn a_name_that_the_service_does_not_take_is_refused_by_its_character() {
    let error = refused("/eks/{k8s.namespace.name}", "/eks:{k8s.namespace.name}");
    assert_eq!(
        error,
        "destination `main`, `log_group`: no such name has a `:`"
    );
}

#[test]
fn a_budget_that_no_batch_fits_is_refused() {
    let error = refused("filters:\n  modules", "budget: 1MiB\nfilters:\n  modules");
    assert!(error.contains("`budget`"), "{error}");
}

/// What `logsieve check` says of a text, with its causes.
fn told(text: &str) -> String {
    let error = Config::read_whole(Path::new("l.yaml"), text).unwrap_err();
    let cause = std::error::Error::source(&error);
    cause.map_or(error.to_string(), |cause| format!("{error}: {cause}"))
}

#[test]
fn what_does_not_fit_is_refused_with_its_line_and_column() {
    // What is replaced, by what, where that is wrong, and what is said.
    for (from, to, wrong, says) in [
        ("[redact]", "[redcat]", "[redcat]", "route 2: `redcat`"),
        (
            "destination: main",
            "destination: mian",
            "mian",
            "route 2: `mian`",
        ),
        (
            "cards: true }",
            "cards: true }, sha256: abc",
            "abc",
            "filter `redact`",
        ),
        (
            "{k8s.namespace.name}",
            "{k8s",
            "'/eks/{k8s",
            "destination `main`",
        ),
        (
            "{ destination: console }",
            "{ destination: console, format: aws_for_fluent_bit }",
            "aws_for",
            "route 3, `format`",
        ),
        (
            "filters:\n  modules",
            "filters:\n  quarantine: { notices: { destination: nobody } }\n  modules",
            "nobody",
            "filters.quarantine: `nobody`",
        ),
        (
            "exclude: true",
            "exclude: true, limits: { bytes_per_second: 1MiB }",
            "{ bytes_per",
            "route 1: reads no container itself, so its `limits`",
        ),
        (
            "destination: main",
            "destination: main, limits: { record_bytes_max: 1KiB }",
            "1KiB",
            "route 2: `limits.record_bytes_max` is 1.0 KiB",
        ),
    ] {
        let text = GOOD.replace(from, to);
        let before = &text[..text.find(wrong).unwrap()];
        let line = before.lines().count();
        let column = before.lines().last().unwrap().len() + 1;
        let error = told(&text);
        let place = format!("configuration `l.yaml`, line {line}, column {column}: ");
        assert!(error.starts_with(&place), "{to}: {place}, {error}");
        assert!(error[place.len()..].starts_with(says), "{error}");
    }
}

#[test]
fn a_route_may_have_its_records_written_in_another_format() {
    let text = GOOD.replace("destination: main", "destination: main, format: text")
        + "  - { match: { pod: a }, destination: main, format: text }\n\
           \x20 - { match: { pod: b }, destination: main, format: { fluent_bit: { merge_log: true } } }\n\
           \x20 - { match: { pod: c }, destination: console, format: text }\n";
    let resolved = Config::parse(&text).unwrap().resolve().unwrap();
    let to: Vec<_> = resolved
        .table
        .routes
        .iter()
        .map(|r| r.destination)
        .collect();
    assert_eq!(to, [None, Some(2), Some(0), Some(2), Some(3), Some(4)]);
    let names: Vec<_> = (0..5).map(|at| resolved.destination_name(at)).collect();
    assert_eq!(names, ["console", "main", "main", "main", "console"]);
    assert_eq!(resolved.table.names.len(), 5);
    let sink::Destination::Cloudwatch(as_text) = &resolved.written[0].destination else {
        panic!("{:?}", resolved.written);
    };
    assert_eq!(as_text.format(), sink::cloudwatch::Format::Text);
    assert_eq!(as_text.region.as_deref(), Some("eu-central-1"));
}

const TEAM: &str = "
destinations: { d: { 'null': {} } }
routes: [ {} ]
filters:
  directories: [/filters, /others]
  ceilings: { memory: 64MiB }
  modules: { mask: {} }
  teams: { pay: { limits: { edits: 7 }, on_error: block } }
annotations:
  allow:
    - { namespace: pay, filters: [mask, 'pay/*'] }
    - { namespace: shop, filters: ['*', 'pay/card-*'] }
    - { namespace: rest, filters: '*' }
";

#[test]
fn what_a_team_ships_may_be_chosen_where_the_operator_says_so_and_nowhere_else() {
    let resolved = Config::parse(TEAM).unwrap().resolve().unwrap();
    let waits = |at: usize| resolved.table.allow[at].waits();
    assert!(waits(0) && waits(1) && waits(2));
    let ships = ["card-mask", "other"].map(str::to_owned);
    let shipped = Shipped::from([("pay".to_owned(), ships.into())]);
    let with = resolved.with_shipped(&shipped);
    let names: Vec<_> = with.filters.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["mask", "pay/card-mask", "pay/other"]);
    let filter = &with.filters[1];
    assert_eq!(filter.module, Path::new("/filters/pay/card-mask.wasm"));
    assert_eq!(filter.limits.edits, 7);
    assert_eq!(filter.config.on_error, filter::OnError::Block);
    let may = |at: usize| {
        let all = with.table.allow[at].filters.iter();
        all.map(|(_, filter)| *filter).collect::<Vec<_>>()
    };
    assert_eq!(
        [may(0), may(1), may(2)],
        [vec![0, 1, 2], vec![0, 1], vec![0]]
    );
}

#[test]
fn a_team_is_bounded_and_cannot_take_the_operators_names() {
    let refused = |from: &str, to: &str| {
        let text = TEAM.replace(from, to);
        assert_ne!(text, TEAM);
        Config::parse(&text)
            .unwrap()
            .resolve()
            .unwrap_err()
            .to_string()
    };
    let error = refused("limits: { edits: 7 }", "limits: { memory: 65MiB }");
    assert!(error.starts_with("team `pay`: `limits.memory`"), "{error}");
    let error = refused("{ mask: {} }", "{ mask: {}, pay/mask: {} }");
    assert!(error.contains("what team `pay` ships"), "{error}");
    let error = refused("'pay/*'", "'play/*'");
    assert_eq!(
        error,
        "`annotations.allow` 1, `filters`: `play/*` names nothing; there is `pay/*`"
    );
    let error = refused("teams: { pay", "teams: { a/b: {}, pay");
    assert!(error.starts_with("team `a/b`"), "{error}");
    let error = refused("on_error: block", "routes: [e]");
    assert_eq!(error, "team `pay`: `e` is no destination; there is `d`");
}

const EXAMPLE: &str = include_str!("../../../deploy/logsieve.example.yaml");

#[test]
fn the_example_for_the_logs_of_a_node_loads() {
    let text = include_str!("../../../deploy/node-logs.example.yaml");
    let resolved = Config::parse(text).unwrap().resolve().unwrap();
    assert_eq!(resolved.table.routes.len(), 8);
}

#[test]
fn the_example_configuration_loads_and_shows_the_defaults() {
    let example = Config::parse(EXAMPLE).unwrap();
    example.resolve().unwrap();
    let defaults = Config::default();
    assert_eq!(example.state, defaults.state);
    assert_eq!(example.budget, defaults.budget);
    assert_eq!(example.drain, defaults.drain);
    assert_eq!(example.source.container_log, defaults.source.container_log);
    let journal = source::journal::Config::default();
    assert_eq!(example.source.journal.unwrap().paths, journal.paths);
    let host = &example.source.files["host"];
    let least: Config = Config::parse("source: { files: { host: { include: [/x] } } }").unwrap();
    let defaults_of_group = &least.source.files["host"];
    assert_eq!(host.start, defaults_of_group.start);
    assert_eq!(host.zone, defaults_of_group.zone);
    assert_eq!(host.files_max, defaults_of_group.files_max);
    assert_eq!(example.telemetry, defaults.telemetry);
    assert_eq!(example.enrich.pods, defaults.enrich.pods);
    assert_eq!(example.filters.directories, defaults.filters.directories);
    assert_eq!(example.filters.hold_idle, defaults.filters.hold_idle);
    assert_eq!(example.filters.quarantine, defaults.filters.quarantine);
    let limits = filter::limits::Limits {
        // Shown with a number, since it has no end by default.
        batches: 1_000_000,
        ..filter::limits::Limits::default()
    };
    let shown = example.filters.limits;
    assert_eq!(shown.over(&filter::limits::Limits::default()), limits);
    let redact = filter::FilterConfig {
        module: Some("redact.wasm".into()),
        ..filter::FilterConfig::default()
    };
    assert_eq!(example.filters.modules["redact"], redact);
    let main = sink::cloudwatch::Config {
        region: Some("eu-central-1".into()),
        log_group: Some(sink::cloudwatch::Config::default().log_group().into()),
        log_stream: Some(sink::cloudwatch::Config::default().log_stream().into()),
        format: Some(sink::cloudwatch::Format::Json),
        ..sink::cloudwatch::Config::default()
    };
    assert_eq!(
        example.destinations["main"],
        sink::Destination::Cloudwatch(Box::new(main))
    );
}

#[test]
fn a_filters_limit_above_its_ceiling_is_refused_by_name() {
    let text = "destinations: { d: { 'null': {} } }\nroutes: [ { filters: [f] } ]\n\
                filters: { ceilings: { memory: 64MiB }, limits: { memory: 48MiB }, \
                modules: { f: { limits: LIMITS } } }\n";
    let resolve = |limits: &str| {
        let config = Config::parse(&text.replace("LIMITS", limits)).unwrap();
        config
            .resolve()
            .map(|resolved| resolved.filters[0].limits.memory)
    };
    assert_eq!(resolve("{}").unwrap(), ByteSize::mib(48));
    assert_eq!(resolve("{ memory: 64MiB }").unwrap(), ByteSize::mib(64));
    let error = resolve("{ memory: 65MiB }").unwrap_err().to_string();
    assert!(
        error.starts_with("filter `f`: `limits.memory` is 65"),
        "{error}"
    );
    assert!(error.contains("`filters.ceilings` allows 64"), "{error}");
}

/// An unknown key makes the parser list the known ones: so a key cannot be added without the
/// example.
#[test]
fn every_key_is_in_the_example_configuration() {
    let places = [
        "{ x: 1 }",
        "{ source: { x: 1 } }",
        "{ source: { container_log: { x: 1 } } }",
        "{ enrich: { x: 1 } }",
        "{ enrich: { pods: { x: 1 } } }",
        "{ enrich: { pods: { kubelet: { x: 1 } } } }",
        "{ annotations: { x: 1 } }",
        "{ annotations: { allow: [ { x: 1 } ] } }",
        "{ filters: { x: 1 } }",
        "{ filters: { limits: { x: 1 } } }",
        "{ filters: { ceilings: { x: 1 } } }",
        "{ filters: { quarantine: { x: 1 } } }",
        "{ filters: { modules: { f: { x: 1 } } } }",
        "{ filters: { teams: { t: { x: 1 } } } }",
        "{ filters: { modules: { f: { limits: { x: 1 } } } } }",
        "{ destinations: { d: { x: 1 } } }",
        "{ destinations: { d: { cloudwatch: { x: 1 } } } }",
        "{ destinations: { d: { cloudwatch: { format: { fluent_bit: { x: 1 } } } } } }",
        "{ destinations: { d: { cloudwatch: { entity: { x: 1 } } } } }",
        "{ destinations: { d: { cloudwatch: { create: { x: 1 } } } } }",
        "{ destinations: { d: { cloudwatch: { role: { x: 1 } } } } }",
        "{ destinations: { d: { stdout: { x: 1 } } } }",
        "{ routes: [ { x: 1 } ] }",
        "{ routes: [ { match: { x: 1 } } ] }",
        "{ routes: [ { limits: { x: 1 } } ] }",
        "{ routes: [ { format: { fluent_bit: { x: 1 } } } ] }",
        "{ telemetry: { x: 1 } }",
        "{ telemetry: { log: { x: 1 } } }",
    ];
    for place in places {
        let error = Config::parse(place).unwrap_err();
        let (_, known) = error
            .split_once("expected")
            .unwrap_or_else(|| panic!("{place}: {error}"));
        let known = known.lines().next().unwrap();
        let keys: Vec<&str> = known
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty() && !["one", "of", "or", "unknown"].contains(word))
            .collect();
        assert!(!keys.is_empty(), "{place}: {error}");
        for key in keys {
            let written = [format!("{key}:"), format!("'{key}':")];
            assert!(
                written.iter().any(|k| EXAMPLE.contains(k)),
                "`{key}` ({place}) is not in the example"
            );
        }
    }
}
