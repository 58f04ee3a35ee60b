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
fn a_budget_that_no_batch_fits_is_refused() {
    let error = refused("filters:\n  modules", "budget: 1MiB\nfilters:\n  modules");
    assert!(error.contains("`budget`"), "{error}");
}
