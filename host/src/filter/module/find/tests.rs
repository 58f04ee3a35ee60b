//! Modules in folders as people and kubelets lay them out, and what changes beneath a reader.
//! Nothing here is compiled: a module is any bytes.

use std::os::unix::fs::symlink;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).unwrap();
}

fn read_in(folders: &[&tempfile::TempDir], name: &str) -> Result<Found, Error> {
    let folders: Vec<_> = folders.iter().map(|f| f.path().to_owned()).collect();
    read(Path::new(name), &folders, None)
}

#[test]
fn a_module_is_found_in_the_first_directory_that_has_it() {
    let (one, two) = (folder(), folder());
    let missing = read_in(&[&one, &two], "f.wasm").unwrap_err().to_string();
    assert!(missing.contains(&two.path().display().to_string()));
    write(two.path(), "f.wasm", b"second");
    assert_eq!(read_in(&[&one, &two], "f.wasm").unwrap().bytes, b"second");
    // In whatever form it has it there.
    let packed = zstd::encode_all(b"first".as_slice(), 1).unwrap();
    write(one.path(), "f.wasm.zst", &packed);
    let found = read_in(&[&one, &two], "f.wasm").unwrap();
    assert_eq!(found.bytes, b"first");
    assert_eq!(found.path, one.path().join("f.wasm.zst"));
    assert_eq!(found.hash, sha256_hex(b"first"), "the hash is the module's");
}

#[test]
fn a_module_in_parts_is_read_whole() {
    let one = folder();
    let packed = zstd::encode_all([9_u8; 3000].as_slice(), 1).unwrap();
    let parts = parts::split("f.wasm.zst", &packed, 140).unwrap();
    assert!(parts.len() > 1);
    for (name, part) in &parts {
        write(one.path(), name, part);
    }
    for name in ["f.wasm", "f.wasm.zst"] {
        let found = read_in(&[&one], name).unwrap();
        assert_eq!(found.bytes, [9; 3000]);
        assert_eq!(found.path, one.path().join("f.wasm.zst"));
    }
    fs::remove_file(one.path().join("f.wasm.zst.1")).unwrap();
    let refused = read_in(&[&one], "f.wasm").unwrap_err();
    assert!(matches!(refused, Error::Parts { .. }), "{refused}");
}

#[test]
fn a_module_named_by_its_whole_path_is_found_there() {
    let one = folder();
    write(one.path(), "f.wasm", b"module");
    let path = one.path().join("f.wasm");
    assert_eq!(read(&path, &[], None).unwrap().path, path);
}

#[test]
fn a_module_that_is_not_the_pinned_one_is_refused() {
    let one = folder();
    write(one.path(), "f.wasm", b"module");
    let path = one.path().join("f.wasm");
    let (right, wrong) = (sha256_hex(b"module"), sha256_hex(b"other"));
    assert!(read(&path, &[], Some(&right)).is_ok());
    let refused = read(&path, &[], Some(&wrong)).unwrap_err().to_string();
    assert!(
        refused.contains(&right) && refused.contains(&wrong),
        "{refused}"
    );
}

#[test]
fn the_examples_beside_a_module_are_read_with_it() {
    let one = folder();
    write(one.path(), "f.wasm", b"module");
    assert_eq!(read_in(&[&one], "f.wasm").unwrap().examples, None);
    write(one.path(), "f.examples.yaml", b"examples: []");
    let examples = read_in(&[&one], "f.wasm").unwrap().examples;
    assert_eq!(examples.as_deref(), Some("examples: []"));
}

#[test]
fn a_module_whose_settings_or_examples_are_too_long_is_refused() {
    for (name, most) in [
        ("f.settings.yaml", SETTINGS_BYTES_MAX),
        ("f.examples.yaml", EXAMPLES_BYTES_MAX),
    ] {
        let one = folder();
        write(one.path(), "f.wasm", b"module");
        let beside = File::create(one.path().join(name)).unwrap();
        beside.set_len(most).unwrap();
        assert!(read_in(&[&one], "f.wasm").is_ok(), "{name}");
        beside.set_len(most + 1).unwrap();
        let refused = read_in(&[&one], "f.wasm").unwrap_err().to_string();
        let path = one.path().join(name).display().to_string();
        assert!(
            refused.contains(&path) && refused.contains(&most.to_string()),
            "{refused}"
        );
    }
}

/// A volume as a kubelet makes it: a folder for each generation, `..data` to the one in force.
fn generation(volume: &Path, name: &str, module: &[u8], examples: &str) {
    let folder = volume.join(name);
    fs::create_dir(&folder).unwrap();
    write(&folder, "f.wasm", module);
    write(&folder, "f.examples.yaml", examples.as_bytes());
    symlink(name, volume.join("..data_tmp")).unwrap();
    let former = fs::read_link(volume.join(DATA)).ok();
    fs::rename(volume.join("..data_tmp"), volume.join(DATA)).unwrap();
    for file in ["f.wasm", "f.examples.yaml"] {
        let _ = symlink(format!("..data/{file}"), volume.join(file));
    }
    if let Some(former) = former {
        fs::remove_dir_all(volume.join(former)).unwrap();
    }
}

#[test]
fn files_of_different_generations_are_never_read_together() {
    let volume = folder();
    let path = volume.path().to_owned();
    generation(&path, "..g0", b"0", "0");
    let changing = std::thread::spawn(move || {
        for number in 1..400 {
            let text = number.to_string();
            generation(&path, &format!("..g{number}"), text.as_bytes(), &text);
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    while !changing.is_finished() {
        // A volume that changes faster than it is read is given up after some tries.
        if let Ok(found) = read_in(&[&volume], "f.wasm") {
            assert_eq!(found.bytes, found.examples.unwrap().as_bytes());
            seen.insert(found.bytes);
        }
    }
    changing.join().unwrap();
    assert_eq!(read_in(&[&volume], "f.wasm").unwrap().bytes, b"399");
    assert!(!seen.is_empty());
}

#[test]
fn a_place_differs_after_any_change_of_its_files() {
    let volume = folder();
    generation(volume.path(), "..g0", b"same", "same");
    let directories = [volume.path().to_owned()];
    let place = || locate(Path::new("f.wasm"), &directories).unwrap();
    let first = place();
    assert_eq!(first, place());
    generation(volume.path(), "..g1", b"same", "same");
    assert_ne!(first, place());
    let second = place();
    write(
        &volume.path().join("..g1"),
        "f.examples.yaml",
        b"more than before",
    );
    assert_ne!(second, place());
}
