//! The samples and schemas in `manifests/` say what the code reads and writes.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads the samples by itself")]

use serde_json::{Map, Value};
use updraft::publish::{Init, init};
use updraft::release::{Manifest, Stamp, Summary};
use updraft::trust::sign::{KeyPair, Lifetimes};

fn read(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Whether the code takes this value as a file of a format.
type Reads = fn(&Value) -> bool;

fn key(value: &Value) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.key");
    std::fs::write(&path, value.to_string()).unwrap();
    KeyPair::load(&path).is_ok()
}

/// `project.json` is read by `init`, which refuses one it can't read and one of another program.
fn project(value: &Value) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let repository = dir.path().join("repo");
    std::fs::create_dir(&repository).unwrap();
    std::fs::write(repository.join("project.json"), value.to_string()).unwrap();
    let order = Init {
        repository: repository.into(),
        app: "MyApp".parse().unwrap(),
        keys: Some(dir.path().join("keys")),
        now: Stamp::now(),
        lifetimes: Lifetimes::default(),
    };
    init(&order).is_ok()
}

/// A manifest, which is read in two formats.
fn release(value: &Value) -> bool {
    Manifest::parse(value.to_string().as_bytes()).is_ok()
}

const FORMATS: [(&str, Reads, u64); 5] = [
    ("release.v1", release, 3),
    ("release.v2", release, 3),
    ("summary.v1", |value| serde_json::from_value::<Summary>(value.clone()).is_ok(), 2),
    ("project.v1", project, 2),
    ("key.v1", key, 2),
];

fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}

/// Checks one object of a sample against its schema: what it has is described, what the schema demands can't be
/// left out, everything else can. `whole` puts a changed object back into the sample.
fn holds(
    schema: &Value,
    object: &Map<String, Value>,
    whole: &dyn Fn(Map<String, Value>) -> Value,
    reads: Reads,
    free: &[&str],
) {
    let described = keys(&schema["properties"]);
    let required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for field in object.keys() {
        assert!(described.contains(field), "{field} is not in the schema");
        if free.contains(&field.as_str()) {
            continue;
        }
        let mut less = object.clone();
        less.remove(field);
        assert_eq!(reads(&whole(less)), !required.contains(&field.as_str()), "without {field}");
    }
}

#[test]
fn samples_are_read_and_schemas_demand_what_the_code_demands() {
    for (name, reads, next) in FORMATS {
        let (sample, schema) = (read(&format!("{name}.json")), read(&format!("{name}.schema.json")));
        assert!(reads(&sample), "{name}");
        // The sample shows every field there is.
        assert_eq!(keys(&sample), keys(&schema["properties"]), "{name}");
        holds(&schema, sample.as_object().unwrap(), &Value::Object, reads, &[]);
        let mut later = sample.clone();
        later["a field of a later version"] = 1.into();
        assert!(reads(&later), "{name}: an unknown field must not be refused");
        if sample.get("format").is_some() {
            later["format"] = next.into();
            assert!(!reads(&later), "{name}: a later format must be refused");
        }
    }
}

#[test]
fn the_parts_of_a_manifest_are_described_as_they_are_read() {
    let (sample, schema) = (read("release.v1.json"), read("release.v1.schema.json"));
    let reads = FORMATS[0].1;
    let part = |pointer: &str| {
        let sample = sample.clone();
        let pointer = pointer.to_owned();
        move |object: Map<String, Value>| {
            let mut changed = sample.clone();
            *changed.pointer_mut(&pointer).unwrap() = Value::Object(object);
            changed
        }
    };
    let entry = &schema["properties"]["files"]["items"];
    let content = &entry["properties"]["content"];
    // A file has size, digest and, if it is not empty, content: the schema says so in `oneOf` and in words.
    let conditional = ["size", "sha256", "link", "content"];
    for (pointer, schema, free) in [
        ("/start", &schema["properties"]["start"], &[][..]),
        ("/health", &schema["properties"]["health"], &[]),
        ("/files/0", entry, &conditional),
        ("/files/1", entry, &conditional),
        ("/files/3", entry, &conditional),
        ("/files/0/content", content, &[]),
    ] {
        let object = sample.pointer(pointer).unwrap().as_object().unwrap();
        holds(schema, object, &part(pointer), reads, free);
    }
    for field in ["size", "sha256", "content"] {
        let mut less = sample.pointer("/files/0").unwrap().as_object().unwrap().clone();
        less.remove(field);
        assert!(!reads(&part("/files/0")(less)), "without {field}");
    }
}

#[test]
fn the_parts_of_a_manifest_with_packs_are_described_as_they_are_read() {
    let (sample, schema) = (read("release.v2.json"), read("release.v2.schema.json"));
    let part = |pointer: &'static str| {
        let sample = sample.clone();
        move |object: Map<String, Value>| {
            let mut changed = sample.clone();
            *changed.pointer_mut(pointer).unwrap() = Value::Object(object);
            changed
        }
    };
    let items = |name: &str| &schema["properties"][name]["items"];
    let index = &items("packs")["properties"]["index"];
    // A file lies in a pack or is an object, and a pack of no bytes is no object: the schema says so in words.
    for (pointer, schema, free) in [
        ("/files/3", items("files"), &["size", "sha256", "pack"][..]),
        ("/packs/0", items("packs"), &["object"]),
        ("/packs/1", items("packs"), &[]),
        ("/packs/0/index", index, &[]),
        ("/deltas/0", items("deltas"), &[]),
    ] {
        let object = sample.pointer(pointer).unwrap().as_object().unwrap();
        holds(schema, object, &part(pointer), release, free);
    }
    let patch = read("summary.v1.json")["patches"][0].as_object().unwrap().clone();
    let patches = &read("summary.v1.schema.json")["properties"]["patches"]["items"];
    let whole = |object: Map<String, Value>| {
        let mut changed = read("summary.v1.json");
        changed["patches"] = Value::Array(vec![Value::Object(object)]);
        changed
    };
    holds(patches, &patch, &whole, FORMATS[2].1, &[]);
}

#[test]
fn a_manifest_and_a_summary_are_written_as_they_were_read() {
    for name in ["release.v1.json", "release.v2.json"] {
        let sample = read(name);
        let manifest = Manifest::parse(sample.to_string().as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&manifest.to_bytes().unwrap()).unwrap();
        assert_eq!(written, sample, "{name}");
    }
    let sample = read("summary.v1.json");
    let summary: Summary = serde_json::from_value(sample.clone()).unwrap();
    assert_eq!(serde_json::to_value(summary).unwrap(), sample);
}

/// `serve.toml` is read as its sample and its schema say: every setting of one is in the other, and the server takes
/// each line of the sample.
#[cfg(feature = "vendor")]
#[test]
fn the_sample_of_serve_toml_is_read_and_its_schema_knows_every_setting() {
    fn compare(name: &str, value: &toml::Value, schema: &Value) {
        let Some(table) = value.as_table() else { return };
        let inner = schema.get("additionalProperties").filter(|inner| inner.is_object());
        if let Some(inner) = inner {
            return table.iter().for_each(|(name, value)| compare(name, value, inner));
        }
        let mut shown: Vec<&String> = table.keys().collect();
        shown.sort();
        let known = keys(&schema["properties"]);
        assert_eq!(shown, known.iter().collect::<Vec<_>>(), "{name}");
        table.iter().for_each(|(name, value)| compare(name, value, &schema["properties"][name]));
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let text = std::fs::read_to_string(folder.join("serve.sample.toml")).unwrap();
    let sample: toml::Value = toml::from_str(&text).unwrap();
    let schema: Value =
        serde_json::from_slice(&std::fs::read(folder.join("serve.schema.json")).unwrap()).unwrap();
    compare("serve.toml", &sample, &schema);
    let plan = updraft::serve::Plan::read(&folder.join("serve.sample.toml")).unwrap();
    assert!(plan.tls.is_some() && plan.admin.is_some());
    let updraft::serve::Projects::Named(projects) = plan.projects else { panic!("projects by name") };
    assert!(projects[0].2.watched && projects[0].2.build.is_some());
}
