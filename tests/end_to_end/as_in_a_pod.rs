//! The agent as the manifest runs it: uid 0 without a single capability, no new privileges, a root that
//! it cannot write, log files that it can only read, the manifest's environment and no other. Needs
//! root and `unshare`; where that is not to be had the test says so and passes.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::agent::{self, Agent};

use crate::cluster::{CARD, Cluster, EVERYTHING, SELF_SERVICE};
use crate::node::{until, wait_for_words};

/// `$1` state, `$2` logs, `$3` the agent, `$4` its configuration.
const IN_A_POD: &str = "
    set -e
    mount --bind $1 $1
    mount --bind $2 $2
    mount -o remount,bind,ro $2
    mount -o remount,bind,ro /
    ! touch $2/probe /probe 2>/dev/null
    exec env -i AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=AKIATEST AWS_SECRET_ACCESS_KEY=secret \\
        AWS_EC2_METADATA_DISABLED=true NODE_NAME=node-1 POD_NAME=agent-0 POD_NAMESPACE=logsieve \\
        setpriv --bounding-set -all --inh-caps -all --no-new-privs $3 run --config $4
";

fn in_a_pod(state: &Path, logs: &Path, config: &Path) -> Agent {
    let binary = agent::binary();
    let words = [
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        IN_A_POD,
        "sh",
    ];
    let paths = [state, logs, &binary, config].map(|p| p.display().to_string());
    let words = words.iter().map(|w| (*w).to_owned()).chain(paths);
    Agent::spawn_program(Path::new("unshare"), words, &[])
}

fn may_unshare() -> bool {
    let probe = "mount -o remount,bind,ro / && setpriv --bounding-set -all --inh-caps -all true";
    let words = ["--mount", "--propagation", "private", "sh", "-c", probe];
    let done = Command::new("unshare").args(words).output();
    done.is_ok_and(|output| output.status.success())
}

#[test]
fn the_agent_runs_as_the_manifest_runs_it() {
    if !may_unshare() {
        eprintln!("mounts may not be unshared here: nothing was tested");
        return;
    }
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    let mut container = cluster.container("p1", CARD);
    let state = cluster.node.state();
    fs::create_dir_all(&state).expect("the folder is ours");
    let logs = cluster.node.path().join("log");
    let config = cluster.node.write_config();
    let mut agent = in_a_pod(&state, &logs, &config);
    wait_for_words(&mut agent, "logsieve runs");
    let status = fs::read_to_string(format!("/proc/{}/status", agent.process_id()));
    let status = status.expect("it runs");
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    until("its record arrives", || {
        cluster.stream("api/api").len() == 1
    });
    container.print("and another");
    until("the next one, too", || cluster.stream("api/api").len() == 2);
    assert!(
        !cluster.stream("api/api")[0].contains("4111"),
        "it was redacted"
    );
    assert!(agent.drain().success());

    // The next one goes on from the checkpoint.
    container.print("after a restart");
    let mut agent = in_a_pod(&state, &logs, &config);
    until("what was written meanwhile", || {
        cluster.stream("api/api").len() == 3
    });
    assert!(agent.drain().success());
}
