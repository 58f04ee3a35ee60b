//! Where log files lie, what mode they have, when they go.
//!
//! As seen on a real node; see `support/kubelet.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::kubelet::Kubelet;
use tempfile::tempdir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().flatten().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_container_has_its_folder_its_file_and_its_link() {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::new(root.path());
    let mut app = kubelet.start_in("payments", "api-0", "abc-1", "app");
    app.print("hello");
    let file = root.path().join("pods/payments_api-0_abc-1/app/0.log");
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o640, 0o755));
    assert_eq!(mode(&root.path().join("pods/payments_api-0_abc-1")), 0o755);
    let link = names(&kubelet.containers()).remove(0);
    assert!(
        link.starts_with("api-0_payments_app-") && link.len() == 19 + 64 + 4,
        "{link}"
    );
    assert_eq!(
        fs::read_link(kubelet.containers().join(link)).unwrap(),
        file
    );
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .ends_with(" stdout F hello\n")
    );
}

#[test]
fn containers_of_one_pod_share_its_folder() {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::new(root.path());
    kubelet.start_in("web", "shop-1", "u", "app");
    kubelet.start_in("web", "shop-1", "u", "proxy");
    assert_eq!(
        names(&root.path().join("pods/web_shop-1_u")),
        ["app", "proxy"]
    );
}

#[test]
fn a_restart_has_a_file_of_its_own_and_keeps_one_dead_instance() {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::new(root.path());
    let mut app = kubelet.start("web", "shop-1", "app");
    app.rotate();
    app.restart();
    assert_eq!(
        names(app.folder()).len(),
        3,
        "0.log, its rotated file, 1.log"
    );
    app.restart();
    assert_eq!(names(app.folder()), ["1.log", "2.log"]);
    let link = kubelet.containers().join(&names(&kubelet.containers())[0]);
    assert_eq!(fs::read_link(link).unwrap(), app.live_path());
}

#[test]
fn a_deleted_pod_leaves_empty_folders_until_the_sweep() {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::new(root.path());
    let mut app = kubelet.start("web", "shop-1", "app");
    app.rotate();
    app.rotate();
    app.delete();
    assert!(names(app.folder()).is_empty() && names(&kubelet.containers()).is_empty());
    app.sweep();
    assert!(names(&kubelet.pods()).is_empty());
}

#[test]
fn a_copied_and_truncated_file_is_written_on_from_its_beginning() {
    let root = tempdir().unwrap();
    let mut app = Kubelet::new(root.path()).start("web", "shop-1", "app");
    app.print("before");
    app.copy_and_truncate();
    app.print("after");
    let live = fs::read_to_string(app.live_path()).unwrap();
    assert!(live.ends_with("after\n") && !live.contains("before") && !live.contains('\0'));
    assert!(
        fs::read_to_string(app.folder().join("0.log.1"))
            .unwrap()
            .ends_with("before\n")
    );
}
