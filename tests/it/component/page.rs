//! The page with the live graph in a real browser.

use std::process::{Command, Stdio};

use super::program::{Running, admin_of};
use super::{World, copy_over, simple, version};
use crate::support::browser::Browser;
use crate::support::world::wait_for;

/// A145: what an operator sees while a component is replaced: the graph with every component and its connections, the
/// new version and what became of the swap, without a reload; and a service that is gone.
#[test]
fn a_person_sees_the_live_graph_and_a_swap_in_a_browser() {
    let dir = World::folder(&[("counter.wasm", &version(1))]);
    let Some(browser) = Browser::open(&dir.path().join("profile")) else { return };
    let config = dir.path().join("pipeline.toml");
    // One that sends to two, and one that can't be started.
    let text = simple(2000, "").replace("artifact = \"ledger\"", "artifact = \"audit\"");
    let text = text.replace("[\"ledger\"]", "[\"ledger\", \"second\"]");
    let text = text.replace("settle = \"150ms\"", "settle = \"150ms\"\nadmin = \"127.0.0.1:0\"");
    let second = "\n[[component]]\nname = \"second\"\nartifact = \"missing.wasm\"\nwhen_down = \"skip\"\n";
    std::fs::write(&config, text + second).unwrap();
    let child = Command::new(super::program::UPDRAFT)
        .arg("run")
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut running = Running(child.unwrap());
    let (addr, _lines) = admin_of(&mut running);
    browser.wear(1100, "light", "en-US");
    browser.go(&format!("http://{addr}/"));
    // In one step: the page draws itself anew all the time.
    let shown = |css: &str| {
        let text = browser.run(&format!("return document.querySelector(\"{css}\")?.textContent || ''"));
        text.as_str().unwrap().to_owned()
    };
    let node = |name: &str| shown(&format!("g[data-name='{name}']"));
    wait_for("version 1", || node("counter").contains("1.0.0 · "));
    for name in ["numbers", "ledger"] {
        wait_for(name, || node(name).contains("running"));
    }
    assert!(node("second").contains("no version · down"), "{}", node("second"));
    assert_eq!(browser.run("return document.querySelectorAll('path.edge').length").as_u64(), Some(3));
    let many =
        || browser.run("return document.querySelector(\"g[data-name='counter']\").textContent").to_string();
    let before = many();
    wait_for("that it lives", || many() != before);
    browser.picture("pipeline-before");

    browser.run("window.same = true; return 1");
    copy_over(&dir.path().join("artifacts/counter.wasm"), &version(2));
    wait_for("version 2", || node("counter").contains("2.0.0 · "));
    wait_for("the verdict", || shown("#rows").contains("kept"));
    let rows = shown("#rows");
    assert!(rows.contains("1.0.0 → 2.0.0") && rows.contains("µs"), "{rows}");
    assert!(rows.contains("missing.wasm"), "{rows}");
    assert_eq!(browser.run("return window.same").as_bool(), Some(true), "it was not loaded again");
    browser.picture("pipeline-after");
    browser.wear(1100, "dark", "en-US");
    browser.picture("pipeline-dark");
    browser.wear(390, "light", "en-US");
    browser.picture("pipeline-phone");
    drop(running);
    wait_for("the end", || shown("#head").contains("does not answer"));
}
