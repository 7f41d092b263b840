//! Configs: what is refused and why, and changes while the service runs.

use std::path::Path;

use updraft::component::{Change, Pipeline, RunState, diff};

use super::{World, simple, version};

fn parse(text: &str) -> Result<Pipeline, String> {
    Pipeline::parse(text, "pipeline.toml", Path::new("")).map_err(|error| error.to_string())
}

const TWO: &str = "[pipeline]\n[[component]]\nname = \"a\"\nartifact = \"a.wasm\"\ndownstreams = [\"b\"]\n\
                   [[component]]\nname = \"b\"\nartifact = \"b.wasm\"\n";

/// A149: every kind of mistake is refused whole, by one line that names the place.
#[test]
fn a_wrong_config_is_refused_with_the_line_that_is_wrong() {
    assert!(parse(TWO).is_ok());
    let cases = [
        ("\"b\"]", "\"a\"]", 3, "itself as its downstream"),
        ("\"b\"]", "\"c\"]", 3, "there is no such component"),
        ("\"b\"]", "\"b\", \"b\"]", 3, "twice"),
        ("name = \"b\"", "name = \"a\"", 7, "taken already, in line 3"),
        ("b.wasm\"\n", "b.wasm\"\ndownstreams = [\"a\"]\n", 7, "in a circle"),
        ("a.wasm\"", "a.wasm\"\nupgradeable = true", 5, "unknown field"),
        ("a.wasm\"", "../a.wasm\"", 4, "artifact"),
        ("name = \"b\"", "name = \"b b\"", 7, "no name"),
        ("b.wasm\"\n", "b.wasm\"\nlimits = { memory = \"64MB\" }\n", 9, "no size"),
        ("b.wasm\"\n", "b.wasm\"\nlimits = { batch = 0 }\n", 9, "not from 1"),
        ("b.wasm\"\n", "b.wasm\"\nprobation = { time = \"soon\" }\n", 9, "no time"),
        ("b.wasm\"\n", "b.wasm\"\ncarrier = \"dll\"\n", 9, "dll"),
        ("b.wasm\"\n", "a.wasm\"\ncarrier = \"process\"\n", 7, "different carriers"),
        ("[pipeline]", "[pipeline", 1, ""),
    ];
    for (what, with, line, why) in cases {
        let error = parse(&TWO.replacen(what, with, 1)).unwrap_err();
        assert!(error.starts_with(&format!("pipeline.toml:{line}: ")), "{with}: {error}");
        assert!(error.contains(why), "{with}: {error}");
    }
}

#[test]
fn the_difference_of_two_configs_comes_in_the_order_of_doing() {
    let old = parse(TWO).unwrap();
    assert!(diff(&old, &old).unwrap().is_empty());
    let new =
        TWO.replace("[\"b\"]", "[\"c\"]\nconfig = { level = 2 }").replace("name = \"b\"", "name = \"c\"");
    let changes = diff(&old, &parse(&new).unwrap()).unwrap();
    let told: Vec<String> =
        changes.iter().map(|change| format!("{} {}", change.verb(), change.name())).collect();
    assert_eq!(told, ["add c", "reconfigure a", "rewire a", "remove b"]);
    assert!(matches!(&changes[1], Change::Reconfigure(config) if config.config == "{\"level\":2}"));
    let moved = TWO.replace("artifact = \"a.wasm\"", "artifact = \"a.wasm\"\nshards = 2");
    let error = diff(&old, &parse(&moved).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("line 3: the number of shards"), "{error}");
}

/// A149: components come, are rewired, get another config, and go, while messages flow; none is lost.
#[test]
fn a_pipeline_becomes_another_one_while_it_runs() {
    let text = simple(5000, "");
    let world = World::start(&text, &[("counter.wasm", &version(1)), ("other.wasm", &version(2))]);
    world.flows();
    // A stage is put between.
    let between =
        text.replace("[\"ledger\"]", "[\"stage\"]").replace("per_second = 5000", "per_second = 6000")
            + "\n[[component]]\nname = \"stage\"\nartifact = \"other.wasm\"\ndownstreams = [\"ledger\"]\n";
    let path = world.config();
    let apply = |text: &str| {
        world.service.apply(Pipeline::parse(text, "pipeline.toml", path.parent().unwrap()).unwrap())
    };
    let changes = apply(&between).unwrap();
    assert_eq!(changes.iter().map(Change::verb).collect::<Vec<_>>(), ["add", "reconfigure", "rewire"]);
    world.until("the stage's messages", |world| world.seen().last_kind == 2);
    // The counts are those of the stage now, from one on: one step in the count, and none in the numbers.
    assert_eq!((world.seen().gaps, world.seen().doubles), (0, 0));
    apply(&text).unwrap();
    world.until("the first processor's messages", |world| world.seen().last_kind == 1);
    // From another file.
    apply(&text.replace("counter.wasm", "other.wasm")).unwrap();
    world.until("the other file's messages", |world| world.seen().last_kind == 2);
    // What can't be applied is refused, and nothing of it counts.
    let refused = text.replace("counter.wasm", "none.wasm").replace("per_second = 5000", "per_second = 9");
    let error = apply(&refused).unwrap_err().to_string();
    assert!(error.contains("none.wasm"), "{error}");
    assert!(world.service.pipeline().component("numbers").unwrap().config.contains("5000"));
    let seen = world.seen();
    assert_eq!((seen.gaps, seen.doubles), (0, 0));
}

/// A150: one component that can't start keeps nobody else from it, and starts when its file is there.
#[test]
fn the_rest_starts_when_one_component_is_broken() {
    let text = simple(5000, "").replace("[\"ledger\"]", "[\"ledger\", \"broken\", \"lost\"]")
        + "\n[[component]]\nname = \"broken\"\nartifact = \"broken.wasm\"\nwhen_down = \"skip\"\n\
           downstreams = [\"ledger3\"]\n[[component]]\nname = \"ledger3\"\nartifact = \"ledger3\"\ncarrier = \"builtin\"\n\
           [[component]]\nname = \"lost\"\nartifact = \"counter.wasm\"\n";
    let world = World::start(&text, &[("counter.wasm", &version(1)), ("broken.wasm", b"broken")]);
    world.flows();
    let broken = world.component("broken");
    assert_eq!(broken.state, RunState::Down);
    assert!(broken.trouble.unwrap().contains("does not begin as WebAssembly"));
    assert!(world.component("counter").skipped > 0);
    // One with no downstream does its work all the same.
    world.until("the one without a downstream", |world| world.component("lost").messages_in > 0);
    world.service.replace("broken.wasm", version(2)).unwrap();
    world.until("that it runs", |world| world.seen_by("ledger3").count > 0);
    assert_eq!(world.component("broken").trouble, None);
    world.ends_whole();
}

/// Every setting of the sample is one that is read, and the schema knows each of them and no other.
#[test]
fn the_sample_and_the_schema_of_a_pipeline_are_what_is_read() {
    let sample = include_str!("../../../manifests/pipeline.sample.toml");
    let all: String = sample
        .lines()
        .map(|line| {
            match line
                .strip_prefix("# ")
                .filter(|rest| rest.starts_with('[') || rest.split(' ').nth(1) == Some("="))
            {
                Some(setting) => format!("{setting}\n"),
                None => format!("{line}\n"),
            }
        })
        .collect();
    let read = |text: &str| parse(text).unwrap_or_else(|error| panic!("{error}"));
    let (with, without) = (read(&all), read(sample));
    let same = |pipeline: &Pipeline| {
        let mut components = pipeline.components.clone();
        components.iter_mut().for_each(|component| component.line = 0);
        (components, pipeline.settle, pipeline.state.clone(), pipeline.admin)
    };
    assert_eq!(same(&with), same(&without), "what stands behind a comment sign is the default");
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../manifests/pipeline.schema.json")).unwrap();
    let written: toml::Table = all.parse().unwrap();
    let keys = |schema: &serde_json::Value| -> Vec<String> {
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(sorted(keys(&schema)), sorted(written.keys().cloned().collect()));
    let head = written["pipeline"].as_table().unwrap();
    assert_eq!(sorted(keys(&schema["properties"]["pipeline"])), sorted(head.keys().cloned().collect()));
    let catalog = written["catalog"].as_table().unwrap();
    assert_eq!(sorted(keys(&schema["properties"]["catalog"])), sorted(catalog.keys().cloned().collect()));
    assert_eq!(with.catalog.unwrap().every, std::time::Duration::from_secs(600));
    let items = &schema["properties"]["component"]["items"];
    let components = written["component"].as_array().unwrap();
    let used = components.iter().flat_map(|component| component.as_table().unwrap().keys().cloned());
    assert_eq!(sorted(keys(items)), sorted(used.collect()));
    for table in ["limits", "probation", "swap"] {
        let written = components.iter().find_map(|component| component.get(table)).unwrap();
        let written = written.as_table().unwrap().keys().cloned().collect();
        assert_eq!(sorted(keys(&items["properties"][table])), sorted(written), "{table}");
    }
}
