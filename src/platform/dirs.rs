//! Where a user's own settings are kept.

use std::path::PathBuf;

/// The folder for settings of the user; nothing if the system does not say.
#[must_use]
pub fn config() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    #[cfg(windows)]
    return named("APPDATA");
    #[cfg(target_os = "macos")]
    return named("HOME").map(|home| home.join("Library/Application Support"));
    #[cfg(not(any(windows, target_os = "macos")))]
    return named("XDG_CONFIG_HOME").or_else(|| named("HOME").map(|home| home.join(".config")));
}
