//! A rotation, step by step: what is where after each.
//!
//! The order is that of a real kubelet; a test can stand still between any two steps.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flate2::read::GzDecoder;
use support::kubelet::{Container, Kubelet, ROTATION, Step};
use tempfile::{TempDir, tempdir};

fn container() -> (Container, TempDir) {
    let root = tempdir().unwrap();
    (
        Kubelet::new(root.path()).start("web", "shop-1", "app"),
        root,
    )
}

fn unpack(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn between_rename_and_reopening_lines_go_into_the_renamed_file() {
    let (mut app, _root) = container();
    app.print("before");
    app.step(Step::Rename);
    assert!(!app.live_path().exists());
    app.print("late");
    app.step(Step::Reopen);
    app.print("after");
    let rotated = fs::read_to_string(&app.plain()[0]).unwrap();
    assert!(
        rotated.lines().nth(1).unwrap().ends_with("late"),
        "{rotated}"
    );
    assert!(
        fs::read_to_string(app.live_path())
            .unwrap()
            .ends_with("F after\n")
    );
    assert_eq!(app.written().len(), 3);
}

#[test]
fn a_renamed_file_is_the_same_file() {
    let (mut app, _root) = container();
    let inode = fs::metadata(app.live_path()).unwrap().ino();
    app.step(Step::Rename);
    assert_eq!(fs::metadata(&app.plain()[0]).unwrap().ino(), inode);
}

#[test]
fn the_rotated_file_is_plain_until_the_next_rotation_packs_it() {
    let (mut app, _root) = container();
    app.print("first");
    app.rotate();
    assert_eq!((app.plain().len(), app.packed().len()), (1, 0));
    app.print("second");
    app.rotate();
    assert_eq!((app.plain().len(), app.packed().len()), (1, 1));
    assert!(unpack(&app.packed()[0]).ends_with("F first\n"));
    assert!(
        fs::read_to_string(&app.plain()[0])
            .unwrap()
            .ends_with("F second\n")
    );
}

#[test]
fn the_steps_stand_still_where_a_test_wants_them() {
    let (mut app, _root) = container();
    app.print("first");
    app.rotate();
    app.step(ROTATION[0]);
    app.step(ROTATION[1]);
    let tmp = app.plain()[0].with_extension(format!("{}.tmp", stamp(&app.plain()[0])));
    assert!(tmp.exists() && app.packed().is_empty());
    app.step(ROTATION[2]);
    assert!(!tmp.exists() && app.packed().len() == 1 && app.plain().len() == 1);
    app.step(ROTATION[3]);
    assert!(app.plain().is_empty() && app.live_path().exists());
}

fn stamp(path: &Path) -> String {
    path.extension().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn five_files_are_kept_and_the_oldest_is_deleted_first() {
    let (mut app, _root) = container();
    for number in 0..8 {
        app.print(format!("line {number}"));
        app.rotate();
    }
    let packed: Vec<String> = app.packed().iter().map(|path| unpack(path)).collect();
    let lines: Vec<&str> = packed
        .iter()
        .map(|text| text.trim_end().rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(
        lines,
        ["4", "5", "6"],
        "and the plain file has 7, and the live one is empty"
    );
    assert_eq!(fs::read_dir(app.folder()).unwrap().count(), 5);
}
