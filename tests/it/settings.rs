//! Settings: the sample reads, later places win, and what means nothing is named.
#![expect(clippy::disallowed_methods, reason = "a test writes files by itself")]

use std::path::Path;

use updraft::settings::{Fragment, Origin, Renderer, Settings};

#[test]
fn the_sample_is_what_the_program_reads() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/updater.sample.json");
    let (settings, merged) = Settings::load(&sample, Fragment::default()).unwrap();
    assert_eq!(
        (settings.title.as_str(), settings.sources.len(), settings.limit),
        ("My App", 2, Some(2_000_000))
    );
    assert_eq!(merged.unknown, Vec::<String>::new());
    assert_eq!(merged.title.origin, Origin::File);
}

#[test]
fn every_setting_is_in_the_schema_and_on_its_page() {
    let read =
        |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let (page, schema) = (read("docs/settings.md"), read("manifests/updater.schema.json"));
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/updater.sample.json");
    let (_, merged) = Settings::load(&sample, Fragment::default()).unwrap();
    let merged = serde_json::to_value(&merged).unwrap();
    for key in merged.as_object().unwrap().keys().filter(|key| *key != "unknown") {
        assert!(page.contains(&format!("| `{key}` |")), "docs/settings.md lacks {key}");
        let place = format!("/properties/{}", key.replace('.', "/properties/"));
        assert!(schema.pointer(&place).is_some(), "the schema lacks {key}");
    }
}

#[test]
fn arguments_win_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("updater.json");
    std::fs::write(&file, r#"{"app": "A", "sources": ["h:1"], "channel": "beta", "limit": 1, "sourcs": 1}"#)
        .unwrap();
    let variable = |name: &str| match name {
        "UPDRAFT_CHANNEL" => Some("nightly".to_owned()),
        "UPDRAFT_LIMIT" => Some("2".to_owned()),
        _ => None,
    };
    let environment = Fragment::from_environment(variable).unwrap();
    let arguments = Fragment { limit: Some(3), ..Fragment::default() };
    let bytes = std::fs::read(&file).unwrap();
    let said: Fragment = serde_json::from_slice(&bytes).unwrap();
    let merged = updraft::settings::Merged::of(said, environment, arguments);
    assert_eq!(
        (merged.app.origin, merged.channel.origin, merged.limit.origin),
        (Origin::File, Origin::Environment, Origin::Argument)
    );
    assert_eq!((merged.channel.value.as_deref(), merged.limit.value), (Some("nightly"), Some(3)));
    assert_eq!(merged.unknown, ["sourcs"]);
    let wrong =
        Fragment::from_environment(|name| (name == "UPDRAFT_LIMIT").then(|| "many".to_owned())).unwrap_err();
    assert!(wrong.to_string().contains("UPDRAFT_LIMIT"), "{wrong}");
}

#[test]
fn who_paints_the_window_is_one_of_four() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("updater.json");
    std::fs::write(&file, r#"{"app": "A", "sources": ["h:1"]}"#).unwrap();
    let load = |who: Option<&str>| {
        let arguments = Fragment { renderer: who.map(str::to_owned), ..Fragment::default() };
        Settings::load(&file, arguments).map(|(settings, _)| settings.renderer)
    };
    for (who, wanted) in [
        (None, Renderer::Auto),
        (Some("auto"), Renderer::Auto),
        (Some("gl"), Renderer::Gl),
        (Some("software"), Renderer::Software),
        (Some("headless"), Renderer::Headless),
    ] {
        assert_eq!(load(who).unwrap(), wanted, "{who:?}");
    }
    let wrong = load(Some("vulkan")).unwrap_err().to_string();
    assert!(wrong.contains("renderer") && wrong.contains("vulkan"), "{wrong}");
    let environment =
        Fragment::from_environment(|name| (name == "UPDRAFT_RENDERER").then(|| "gl".to_owned()));
    assert_eq!(environment.unwrap().renderer.as_deref(), Some("gl"));
}
