//! A publisher of plugins and components, for tests.

use std::path::Path;

use updraft::plugins::Feed;
use updraft::publish::{Effort, Init, Order, init, publish};
use updraft::release::{Channel, Platform, Stamp};
use updraft::trust::sign::Lifetimes;

/// A publisher of plugins: `build/`, `repo/` and `keys/`.
pub(super) struct Shop(tempfile::TempDir);

impl Shop {
    pub(super) fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(shop.0.path().join("build")).unwrap();
        let order = Init {
            repository: shop.repo().into(),
            app: "Plugins".parse().unwrap(),
            keys: Some(shop.0.path().join("keys")),
            now: Stamp::now(),
            lifetimes: Lifetimes::default(),
        };
        init(&order).unwrap();
        shop
    }

    pub(super) fn repo(&self) -> std::path::PathBuf {
        self.0.path().join("repo")
    }

    /// Publishes plugins: key, version, content, whether valid.
    pub(super) fn publish(&self, number: &str, plugins: &[(&str, &str, Vec<u8>, bool)]) {
        let mut catalog = String::new();
        for (key, version, content, valid) in plugins {
            let text = format!(
                "[[plugin]]\nkey = \"{key}\"\nversion = \"{version}\"\nfile = \"{key}.wasm\"\nvalid = {valid}\n"
            );
            catalog.push_str(&text);
            std::fs::write(self.0.path().join("build").join(format!("{key}.wasm")), content).unwrap();
        }
        self.publish_catalog(number, &catalog);
    }

    pub(super) fn publish_catalog(&self, number: &str, catalog: &str) {
        let build = self.0.path().join("build");
        std::fs::write(build.join("catalog.toml"), catalog).unwrap();
        let mut order = Order::new(build, self.repo(), number.parse().unwrap());
        order.keys = Some(self.0.path().join("keys"));
        order.effort = Effort::Fast;
        order.platform = Platform::any();
        publish(&order, &|_, _, _| {}).unwrap();
    }

    pub(super) fn feed(&self, folder: &Path) -> Feed {
        let root = Feed::read_root(&self.root()).unwrap();
        let source = self.repo().display().to_string().parse().unwrap();
        Feed::open(source, &root, "Plugins".parse().unwrap(), Channel::stable(), folder).unwrap()
    }

    pub(super) fn root(&self) -> std::path::PathBuf {
        self.repo().join("metadata").join("root.json")
    }
}
