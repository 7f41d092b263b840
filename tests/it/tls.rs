//! A real TLS server with a private authority, and servers that are not who they say.

use super::support::nginx;
use super::support::tls::Authority;
use super::support::world::{Running, World, expect, tree, write};

fn world() -> World {
    let world = World::new();
    write(world.build().join("app.txt"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world
}

/// A53: an authority named in the settings is trusted beside the system's; a file that holds none is refused.
#[test]
fn an_authority_of_the_settings_is_trusted() {
    let world = world();
    let authority = Authority::new("ours");
    let identity = authority.sign("127.0.0.1", 2090, &world.path("identity"));
    let Some((child, address)) = nginx::start_tls(&world.path("www"), &world.path("tls"), &identity, "")
    else {
        return;
    };
    let _tls = Running(child);
    // Beside the settings file, as a vendor would ship it.
    authority.write(&world.app().join("updater/ca.pem"));
    let settings = serde_json::json!({
        "app": "App", "sources": [format!("https://{address}/App")], "ca": "ca.pem", "language": "en",
    });
    write(world.app().join("updater/updater.json"), settings.to_string());
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    for (content, why) in [("", "holds no certificates"), ("-----BEGIN CERTIFICATE-----\nx\n", "certificate")]
    {
        write(world.app().join("updater/ca.pem"), content);
        let said = expect(world.updater().arg("check"), 64);
        assert!(said.contains("ca.pem") && said.contains(why), "{said}");
    }
}

/// A52, A65: a server that can't prove who it is, or leads from https to http, is not used; one sentence says why and
/// nothing changes. With another mirror the update goes on there.
#[test]
fn a_server_that_is_not_who_it_says_is_refused() {
    let world = world();
    let (authority, other) = (Authority::new("ours"), Authority::new("other"));
    authority.write(&world.path("ca.pem"));
    let redirect = "location / { return 302 http://127.0.0.1:9$request_uri; }";
    let cases = [
        (
            "forged authority",
            Authority::new("ours").sign("127.0.0.1", 2090, &world.path("f")),
            "",
            "certificate is refused",
        ),
        ("unknown authority", other.sign("127.0.0.1", 2090, &world.path("a")), "", "certificate is refused"),
        ("other name", authority.sign("else.example", 2090, &world.path("b")), "", "certificate is refused"),
        ("expired", authority.sign("127.0.0.1", 2001, &world.path("c")), "", "certificate is refused"),
        (
            "redirect",
            authority.sign("127.0.0.1", 2090, &world.path("d")),
            redirect,
            "from https to plain http",
        ),
    ];
    for (name, identity, lines, why) in cases {
        let place = world.path(&format!("tls {name}").replace(' ', "-"));
        let Some((child, address)) = nginx::start_tls(&world.path("www"), &place, &identity, lines) else {
            return;
        };
        let _tls = Running(child);
        let source = format!("https://{address}/App");
        let mut check = world.updater();
        let said = expect(check.args(["check", "--source", &source, "--ca"]).arg(world.path("ca.pem")), 30);
        assert!(said.contains(why) && said.contains("network.insecure"), "{name}: {said}");
        let mut both = world.updater();
        both.args(["check", "--source", &source, "--source", &world.source, "--ca"]);
        expect(both.arg(world.path("ca.pem")), 10);
    }
    assert!(tree(&world.app()).is_empty());
}
