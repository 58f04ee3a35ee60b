//! Where a filter is: a module by its path, or a folder in which `build` leaves a module of the
//! folder's name, so that an author in that folder need not name it.

use std::path::{Path, PathBuf};

use crate::cli::Hinted;

/// The name of the filter that a folder holds: the folder's own.
///
/// # Errors
/// When the folder cannot be found.
pub fn folder_name(folder: &Path) -> anyhow::Result<String> {
    use anyhow::Context;
    let folder = folder
        .canonicalize()
        .with_context(|| format!("folder `{}`", folder.display()))?;
    let name = folder.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

/// The module that a path means.
///
/// # Errors
/// When a folder holds no module, or several and none of its name.
pub fn module(path: &Path) -> anyhow::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let named = path.join(format!("{}.wasm", folder_name(path)?));
    if named.is_file() {
        return Ok(named);
    }
    let is_module = |path: &PathBuf| path.extension().is_some_and(|e| e == "wasm");
    let entries = std::fs::read_dir(path)?.flatten().map(|entry| entry.path());
    let mut modules = entries.filter(is_module);
    match (modules.next(), modules.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Hinted::new(
            format!(
                "folder `{}` holds no module `{}`",
                path.display(),
                named.display()
            ),
            format!("`logsieve filter build {}` makes one", path.display()),
        )
        .into()),
    }
}
