//! The server's numbers in the text form of Prometheus.

use std::fmt::Write as _;

use crate::publish::overview;
use crate::release::Stamp;

use super::plan::Project;
use super::server::Public;

/// All numbers, as they are now.
pub(super) fn render(public: &Public, projects: &[Project], started: Stamp) -> String {
    let mut text = String::new();
    let head = |text: &mut String, name: &str, kind: &str, help: &str| {
        // Writing to a string can't fail.
        write!(text, "# HELP updraft_{name} {help}\n# TYPE updraft_{name} {kind}\n").ok();
    };
    let traffic = public.traffic();
    head(
        &mut text,
        "requests_total",
        "counter",
        "Requests of clients by status; 0 stands for any other status.",
    );
    for (status, count) in traffic.requests() {
        writeln!(text, "updraft_requests_total{{status=\"{status}\"}} {count}").ok();
    }
    let (all, open, broken) = traffic.connections();
    for (name, kind, help, value) in [
        ("sent_bytes_total", "counter", "Bytes of answers.", traffic.bytes()),
        ("connections_total", "counter", "Connections taken.", all),
        ("connections_open", "gauge", "Connections open now.", open),
        ("connections_broken_total", "counter", "Connections that ended before their time.", broken),
        (
            "access_log_lost_total",
            "counter",
            "Lines left out of the access log.",
            public.log().map_or(0, super::AccessLog::lost),
        ),
        (
            "start_time_seconds",
            "gauge",
            "When the server started.",
            u64::try_from(started.unix()).unwrap_or(0),
        ),
    ] {
        head(&mut text, name, kind, help);
        writeln!(text, "updraft_{name} {value}").ok();
    }
    head(&mut text, "metadata_expires_seconds", "gauge", "When the first signature of a project runs out.");
    for project in projects {
        if let Ok(found) = overview(&project.root) {
            let (name, expires) = (label(project), found.expiries.first().unix());
            writeln!(text, "updraft_metadata_expires_seconds{{project=\"{name}\"}} {expires}").ok();
        }
    }
    head(
        &mut text,
        "clients",
        "gauge",
        "Addresses that asked for what is newest within a week, by the release they have.",
    );
    for project in projects {
        let name = label(project);
        for (running, count) in public.census().count(project.name.as_deref()) {
            let (channel, platform, release) = running.map_or_else(
                || (String::new(), String::new(), String::new()),
                |running| {
                    (running.channel.to_string(), running.platform.to_string(), running.number.0.to_string())
                },
            );
            writeln!(
                text,
                "updraft_clients{{project=\"{name}\",channel=\"{channel}\",platform=\"{platform}\",release=\"{release}\"}} {count}"
            )
            .ok();
        }
    }
    text
}

/// A project's name as the value of a label.
fn label(project: &Project) -> String {
    let name = project.name.as_deref().unwrap_or_default();
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
