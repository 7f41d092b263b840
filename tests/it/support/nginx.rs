//! Debian's nginx over a folder, without any setting made for us.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};

use super::tls::Identity;
use super::world::{free_port, wait_for};

/// Starts nginx over `root` with its own files in `place`. Where there is none it says so on the terminal, and fails
/// if `UPDRAFT_TEST_ALL` is set.
pub(crate) fn start(root: &Path, place: &Path) -> Option<(Child, SocketAddr)> {
    start_as(root, place, "", "")
}

/// The same over TLS, as the server `identity`, with further lines for nginx.
pub(crate) fn start_tls(
    root: &Path,
    place: &Path,
    identity: &Identity,
    lines: &str,
) -> Option<(Child, SocketAddr)> {
    let (certificate, key) = (identity.certificate.display(), identity.key.display());
    start_as(
        root,
        place,
        "ssl",
        &format!("ssl_certificate {certificate}; ssl_certificate_key {key}; {lines}"),
    )
}

fn start_as(root: &Path, place: &Path, kind: &str, lines: &str) -> Option<(Child, SocketAddr)> {
    let Some(nginx) = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).exists())
    else {
        let text = "A08 NOT PROVEN: nginx is not installed (Debian: apt install nginx)\n";
        // Not through the captured output: a run without nginx must be seen to lack it.
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        assert!(std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "{text}");
        return None;
    };
    std::fs::create_dir(place).unwrap();
    let port = free_port();
    let config = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;\n\
         uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n\
         server {{ listen 127.0.0.1:{port} {kind}; root {1}; {lines} }} }}\n",
        place.display(),
        root.display()
    );
    std::fs::write(place.join("conf"), config).unwrap();
    let child = Command::new(nginx)
        .arg("-c")
        .arg(place.join("conf"))
        .arg("-e")
        .arg(place.join("error.log"))
        .spawn()
        .unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for("nginx", || TcpStream::connect(addr).is_ok());
    Some((child, addr))
}
