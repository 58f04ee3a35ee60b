//! The file tree of an image.
//!
//! Where the variable LOGSIEVE_IMAGE names a folder, it is that of an image which was built from
//! `deploy/Dockerfile` and unpacked there (`docker export`, `buildah mount`). Else it is made of what the
//! Dockerfile copies, with the libraries that the agent of this build loads. Beside either lies
//! `/.tools`: `setpriv` with a loader and libraries of its own, so that the agent gets nothing but
//! what the image has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::agent;

use crate::node::module;

/// Whom the image trusts, as every Debian has it.
pub const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Where the image has filters.
pub const FILTERS: &str = "/etc/logsieve/filters";
const TOOLS: &str = "/.tools";

/// The folder that the variable names.
pub fn built() -> Option<PathBuf> {
    std::env::var_os("LOGSIEVE_IMAGE").map(PathBuf::from)
}

/// Every filter that the repository has, by name.
pub fn filters() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filters");
    let all = fs::read_dir(folder).expect("it is in the tree").flatten();
    let is_one = |entry: &fs::DirEntry| entry.path().join("examples.yaml").exists();
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    all.filter(is_one).map(name).collect()
}

/// A place of the image in its folder.
pub fn inside(image: &Path, place: &str) -> PathBuf {
    image.join(place.trim_start_matches('/'))
}

/// Makes the tree in a folder that is not there yet, with folders to mount at these places.
pub fn unpack(image: &Path, places: &[&str]) {
    match built() {
        Some(built) => copy_tree(&built, image),
        None => imitate(image),
    }
    let setpriv = which("setpriv");
    for file in [vec![setpriv.clone()], libraries(&setpriv)].concat() {
        copy(&file, &inside(image, &format!("{TOOLS}/{}", name(&file))));
    }
    for place in places {
        fs::create_dir_all(inside(image, place)).expect("it is ours");
    }
}

/// What runs `setpriv` inside, by its own loader.
pub fn setpriv() -> [String; 4] {
    let libraries = libraries(&which("setpriv"));
    let loader = libraries.iter().find(|path| name(path).starts_with("ld-"));
    let loader = name(loader.expect("it is linked to a loader"));
    [
        format!("{TOOLS}/{loader}"),
        "--library-path".into(),
        TOOLS.into(),
        format!("{TOOLS}/setpriv"),
    ]
}

pub fn which(program: &str) -> PathBuf {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .output();
    let path = String::from_utf8(found.expect("a shell").stdout).expect("a path");
    path.trim().into()
}

fn copy_tree(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--no-target-directory"]);
    let done = copy.arg(from).arg(to).status().expect("there is `cp`");
    assert!(done.success(), "LOGSIEVE_IMAGE: {}", from.display());
}

fn imitate(image: &Path) {
    let agent = agent::binary();
    copy(&agent, &inside(image, "/usr/bin/logsieve"));
    for filter in filters() {
        let to = inside(image, &format!("{FILTERS}/{filter}.wasm"));
        copy(&module(&format!("filters/{filter}")), &to);
    }
    let of_base = libraries(&agent).into_iter().chain([AUTHORITIES.into()]);
    for file in of_base {
        copy(&file, &inside(image, &file.display().to_string()));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder")).expect("it is ours");
    fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
}

fn name(path: &Path) -> String {
    let name = path.file_name().expect("a file has a name");
    name.to_string_lossy().into_owned()
}

/// What the loader would load for a program, itself among it.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let told = Command::new("ldd").arg(program).output().expect("ldd");
    let told = String::from_utf8(told.stdout).expect("text");
    let words = told.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}
