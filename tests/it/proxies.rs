//! Real proxies with a password between the updater and a real server.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use super::support::nginx;
use super::support::proxy::{Kind, Proxy};
use super::support::tls::Authority;
use super::support::world::{Running, World, expect, free_port, tree, write};
use super::vendor::noise;

/// A release behind nginx, and an install without anything yet.
fn world() -> Option<(World, Running)> {
    let mut world = World::new();
    write(world.build().join("app.txt"), "1");
    write(world.build().join("big.bin"), noise(7, 3_000_000));
    world.publish("1.0", &[]);
    let (child, address) = nginx::start(&world.path("www"), &world.path("nginx"))?;
    world.source = format!("{address}/App");
    world.lay_updater();
    Some((world, Running(child)))
}

/// A53: the proxy of the settings is used, with user and password; without the right ones one sentence says what is
/// wrong, and no password is ever shown.
#[test]
fn the_proxy_of_the_settings_is_used_with_its_password() {
    for kind in [Kind::Tinyproxy, Kind::Squid] {
        let Some((world, _nginx)) = world() else { return };
        let Some(proxy) = Proxy::start(kind, &world.path("proxy")) else { continue };
        let wrong = format!("http://me:wrong-secret@{}", proxy.address);
        let said = expect(world.updater().args(["check", "--proxy", &wrong, "--timeout", "30"]), 30);
        assert!(said.contains("asks for a user and a password"), "{kind:?}: {said}");
        assert!(!proxy.saw("objects"), "{kind:?}");
        let said = expect(world.updater().args(["update", "--no-start", "--proxy", &proxy.url()]), 0);
        assert_eq!(tree(&world.app()), tree(&world.build()), "{kind:?}: {said}");
        assert!(proxy.saw("/App/objects/"), "{kind:?}");
        let config = expect(world.updater().args(["config", "--proxy", &proxy.url()]), 0);
        let log = std::fs::read_dir(world.app().join("updater/state/log")).unwrap();
        let logs: String = log.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
        for text in [said, config, logs] {
            for secret in ["p%40ss", "p@ss", "passw0rd", "wrong-secret"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

/// A53: the environment's proxy is used when the settings name none; `NO_PROXY`, `no_proxy` and `direct` lead around
/// it.
#[test]
fn the_proxy_of_the_environment_is_used_and_can_be_led_around() {
    let Some((world, _nginx)) = world() else { return };
    let Some(proxy) = Proxy::start(Kind::Tinyproxy, &world.path("proxy")) else { return };
    let updater = || {
        let mut command = world.updater();
        command.env("http_proxy", proxy.url()).arg("check");
        command
    };
    expect(updater().env("NO_PROXY", "127.0.0.0/8"), 10);
    expect(updater().args(["--no-proxy", "127.0.0.1"]), 10);
    expect(updater().env("UPDRAFT_NO_PROXY", "<local>"), 10);
    expect(updater().args(["--proxy", "direct"]), 10);
    assert!(!proxy.saw("App"), "someone asked the proxy");
    expect(&mut updater(), 10);
    assert!(proxy.saw("/App/metadata/timestamp.json"), "nobody asked the proxy");
}

/// A21, A53: a proxy that is down, or can't be one, is named.
#[test]
fn a_proxy_that_is_down_is_named() {
    let Some((world, _nginx)) = world() else { return };
    let address = format!("127.0.0.1:{}", free_port());
    let said = expect(world.updater().args(["check", "--timeout", "3", "--proxy", &address]), 30);
    assert!(said.contains(&format!("through the proxy http://{address}")), "{said}");
    let bad = expect(world.updater().args(["check", "--proxy", "socks5://me:secret@p:1080"]), 64);
    assert!(bad.contains("only http and https proxies are known") && !bad.contains("secret"), "{bad}");
}

/// A53: https goes through the proxy as a tunnel, to a server whose authority the settings name.
#[test]
fn a_tunnel_leads_to_a_server_with_a_private_authority() {
    let Some((mut world, _nginx)) = world() else { return };
    let Some(proxy) = Proxy::start(Kind::Tinyproxy, &world.path("proxy")) else { return };
    let authority = Authority::new("ours");
    authority.write(&world.path("ca.pem"));
    let identity = authority.sign("127.0.0.1", 2090, &world.path("identity"));
    let tls = nginx::start_tls(&world.path("www"), &world.path("tls"), &identity, "");
    let Some((child, address)) = tls else { return };
    let _tls = Running(child);
    world.source = format!("https://{address}/App");
    let mut update = world.updater();
    update.args(["update", "--no-start", "--proxy", &proxy.url(), "--source", &world.source]);
    expect(update.arg("--ca").arg(world.path("ca.pem")), 0);
    assert_eq!(tree(&world.app()), tree(&world.build()));
    assert!(proxy.saw("CONNECT"), "no tunnel");
    let mut wrong = world.updater();
    wrong.args(["check", "--timeout", "30", "--source", &world.source, "--proxy", &proxy.address]);
    let said = expect(wrong.arg("--ca").arg(world.path("ca.pem")), 30);
    assert!(said.contains("asks for a user and a password"), "{said}");
}
