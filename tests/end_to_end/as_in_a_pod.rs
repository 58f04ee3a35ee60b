//! The agent as the manifest runs it: in the image's file tree and nothing else, with the manifest's
//! mounts, environment and arguments, as uid 0 without a single capability or new privilege, on a root
//! that it cannot write; and as the chart's `nonRoot` runs it, uid 65532 with group 0.
//!
//! CI builds no image: there the tree is made by the test, of what the Dockerfile copies. Whoever has
//! built one runs the same tests in its unpacked tree, and one more that looks at the tree itself:
//! `LOGSIEVE_IMAGE=FOLDER cargo test --workspace --test end_to_end as_in_a_pod::`. Needs root and
//! `unshare`; where that is not to be had the tests say so and pass. What is missing of a pod: its
//! network, its seccomp profile, and its memory limit.

mod image;
mod pod;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::json;
use support::agent::Agent;

use crate::cluster::CARD;
use crate::node::{until, wait_for_words};
use pod::{Pod, may_unshare};

/// Who the agent is in the chart's `nonRoot`.
const NON_ROOT: u32 = 65532;
/// What an image may take on a node's disk, unpacked.
const IMAGE_BYTES_MAX: u64 = 80 << 20;

/// The pod, where this machine lets a test make one.
fn pod_run_by(user: u32) -> Option<Pod> {
    if !may_unshare() {
        eprintln!("mounts may not be unshared here: nothing was tested");
        return None;
    }
    Some(Pod::run_by(user))
}

/// Waits until it runs, and looks at what it may and sees.
fn assert_confined(pod: &Pod, agent: &mut Agent, uid: u32) {
    wait_for_words(agent, "logsieve runs");
    let of = |what: &str| format!("/proc/{}/{what}", agent.process_id());
    let status = fs::read_to_string(of("status")).expect("it runs");
    for line in [
        "CapEff:\t0000000000000000".to_owned(),
        "CapBnd:\t0000000000000000".to_owned(),
        "NoNewPrivs:\t1".to_owned(),
        format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}"),
        "Gid:\t0\t0\t0\t0".to_owned(),
    ] {
        assert!(status.contains(&line), "{line}: {status}");
    }
    let root = fs::read_link(of("root")).expect("it runs");
    assert_eq!(root, pod.image, "it sees the image and no more");
}

/// One container's records arrive redacted, over a restart of the agent as well.
fn assert_at_work(pod: &Pod, uid: u32) {
    let cluster = &pod.cluster;
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    let mut container = cluster.container("p1", CARD);
    let mut agent = pod.start();
    assert_confined(pod, &mut agent, uid);
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
    let mut agent = pod.start();
    until("what was written meanwhile", || {
        cluster.stream("api/api").len() == 3
    });
    assert!(agent.drain().success());
}

#[test]
fn the_agent_runs_as_the_manifest_runs_it() {
    let Some(pod) = pod_run_by(0) else { return };
    assert_at_work(&pod, 0);
}

#[test]
fn group_0_without_uid_0_is_enough_for_logs_of_containers() {
    let Some(pod) = pod_run_by(NON_ROOT) else {
        return;
    };
    // As the chart's init container leaves it.
    std::os::unix::fs::chown(pod.state(), Some(NON_ROOT), Some(0)).expect("it is ours");
    fs::set_permissions(pod.state(), fs::Permissions::from_mode(0o700)).expect("it is ours");
    assert_at_work(&pod, NON_ROOT);
}

#[test]
fn commands_work_in_the_pod_of_the_manifest() {
    let Some(pod) = pod_run_by(0) else { return };
    let version = pod.finish("--version");
    assert!(version.status.success(), "{}", version.stderr);
    let expected = concat!("logsieve ", env!("CARGO_PKG_VERSION"));
    assert_eq!(version.stdout.trim(), expected);
    let check = pod.finish("check");
    assert!(check.status.success(), "{}", check.stderr);
}

#[test]
fn an_image_that_was_built_is_small_and_holds_what_it_should_and_no_shell() {
    let Some(built) = image::built() else {
        eprintln!("LOGSIEVE_IMAGE names no unpacked image: nothing was tested");
        return;
    };
    let bytes = bytes_below(&built);
    assert!(bytes <= IMAGE_BYTES_MAX, "{bytes} bytes");
    for filter in image::filters() {
        let module = format!("{}/{filter}.wasm", image::FILTERS);
        assert!(image::inside(&built, &module).exists(), "{module}");
    }
    let authorities = fs::read_to_string(image::inside(&built, image::AUTHORITIES));
    let authorities = authorities.expect("whom it trusts");
    assert!(authorities.contains("BEGIN CERTIFICATE"));
    for shell in ["/bin/sh", "/usr/bin/sh", "/bin/bash", "/busybox/sh"] {
        assert!(!image::inside(&built, shell).exists(), "{shell}");
    }
}

/// What files of a tree take; its links are not followed.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("it is unpacked").flatten();
    let size = |entry: fs::DirEntry| match entry.metadata().expect("it is there") {
        is if is.is_dir() => bytes_below(&entry.path()),
        is => is.size(),
    };
    entries.map(size).sum()
}
