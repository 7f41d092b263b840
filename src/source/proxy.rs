//! Which proxy a request goes through. The setting decides, else the environment, else the system; the list of
//! hosts that need none holds for all three.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

/// The proxy to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Proxy {
    /// What the environment or the system says.
    #[default]
    System,
    /// None.
    Direct,
    /// This one.
    At(ProxyUrl),
}

/// The address of a proxy, with user and password if it wants them. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// Why a text is no proxy. It holds no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\u{ab}{shown}\u{bb} is no proxy: {rule}")]
pub struct InvalidProxy {
    /// The text without user and password, shortened.
    pub shown: String,
    /// What is wrong.
    pub rule: &'static str,
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    /// `direct` means none, `system` the environment or the system; anything else is an address.
    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        match text.trim() {
            "direct" => Ok(Self::Direct),
            "system" => Ok(Self::System),
            address => Ok(Self::At(address.parse()?)),
        }
    }
}

impl FromStr for ProxyUrl {
    type Err = InvalidProxy;

    /// Reads `http://user:password@host:port`; an address without a scheme means http.
    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let text = text.trim();
        let refused = |rule| InvalidProxy { shown: without_login(text), rule };
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&full).map_err(|_why| {
            refused("write http://host:port or http://user:password@host:port, with %XX for @ : / # in a password")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("only http and https proxies are known"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refused(
                "nothing may follow host and port; a / ? # in a password is written %2F %3F %23",
            ));
        }
        Ok(Self(url))
    }
}

impl From<ProxyUrl> for Url {
    /// With user and password: not for showing.
    fn from(proxy: ProxyUrl) -> Self {
        proxy.0
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.0.scheme())?;
        self.0.port_or_known_default().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that should be an address, fit to be shown: nothing before the last `@` of its host.
pub(crate) fn without_login(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let shown = if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") };
    shown.chars().take(200).collect()
}

/// The way to each host.
pub(super) struct Route {
    proxies: Option<Matcher>,
    except: Except,
}

impl Route {
    /// The way that the settings ask for; `no_proxy` is a list of hosts, see [`Except`].
    pub(super) fn of(proxy: &Proxy, no_proxy: Option<&str>) -> Self {
        let environment = || ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok());
        let (proxies, except) = match proxy {
            Proxy::Direct => (None, String::new()),
            // The matcher knows the environment's list by itself.
            Proxy::System => (Some(Matcher::from_system()), no_proxy.unwrap_or_default().to_owned()),
            Proxy::At(url) => {
                let list = no_proxy.map(str::to_owned).or_else(environment).unwrap_or_default();
                (Some(Matcher::builder().all(url.0.as_str()).build()), list)
            }
        };
        Self { proxies, except: Except::of(&except) }
    }

    /// The proxy to ask for `url`, with its login.
    pub(super) fn via(&self, url: &Url) -> Option<ProxyUrl> {
        let proxies = self.proxies.as_ref()?;
        if self.except.names(url) {
            return None;
        }
        let target = url.as_str().parse().ok()?;
        proxies.intercept(&target).and_then(|found| with_login(&found))
    }
}

/// The matcher keeps user and password as the header it would send.
fn with_login(found: &Intercept) -> Option<ProxyUrl> {
    let mut url: Url = found.uri().to_string().parse().ok()?;
    let header = found.basic_auth().and_then(|header| header.to_str().ok());
    if let Some(login) = header.and_then(|header| header.strip_prefix("Basic ")) {
        let login = String::from_utf8(STANDARD.decode(login).ok()?).ok()?;
        let (user, password) = login.split_once(':').unwrap_or((&login, ""));
        url.set_username(user).ok()?;
        url.set_password(Some(password)).ok()?;
    }
    Some(ProxyUrl(url))
}

/// Hosts that are reached without a proxy: names with their subdomains, addresses, networks (`10.0.0.0/8`), `*`
/// for all, and `<local>` for names without a dot and addresses of the machine and the local network.
struct Except {
    listed: Option<Matcher>,
    local: bool,
}

impl Except {
    fn of(list: &str) -> Self {
        let words = || list.split([',', ';', ' ']).map(str::trim).filter(|word| !word.is_empty());
        let local = words().any(|word| word.eq_ignore_ascii_case("<local>"));
        let rest: Vec<&str> = words().filter(|word| !word.eq_ignore_ascii_case("<local>")).collect();
        // A matcher that sends everything somewhere sends nowhere only what its list of exceptions names.
        let listed = (!rest.is_empty())
            .then(|| Matcher::builder().all("http://listed.invalid").no(rest.join(",")).build());
        Self { listed, local }
    }

    fn names(&self, url: &Url) -> bool {
        let listed = self.listed.as_ref().is_some_and(|listed| {
            url.as_str().parse().is_ok_and(|target| listed.intercept(&target).is_none())
        });
        listed || self.local && is_local(url)
    }
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(url::Host::Domain(name)) => !name.trim_end_matches('.').contains('.'),
        Some(url::Host::Ipv4(address)) => is_near(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => is_near(IpAddr::V6(address)),
    }
}

/// Addresses of RFC 1122 (loopback), RFC 1918 and RFC 4193 (private), RFC 3927 and RFC 4291 (link-local).
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_near(IpAddr::V4(address)),
            None => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(proxy: &str, no_proxy: &str, target: &str) -> Option<String> {
        let route = Route::of(&proxy.parse().unwrap(), Some(no_proxy));
        route.via(&target.parse().unwrap()).map(|url| url.0.to_string())
    }

    /// A53: an address is read as people write it; what can't be one is refused without showing the password.
    #[test]
    fn a_proxy_is_read_as_it_is_written() {
        let shown = |text: &str| match text.parse::<Proxy>() {
            Ok(Proxy::At(url)) => url.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(why) => why.to_string(),
        };
        for (text, expected) in [
            ("direct", "Direct"),
            (" system ", "System"),
            ("10.0.0.1:3128", "http://10.0.0.1:3128"),
            ("proxy", "http://proxy:80"),
            ("https://me:secret@proxy.example/", "https://proxy.example:443"),
            ("http://me:p%40ss@[fd00::1]:8080", "http://[fd00::1]:8080"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for bad in ["", "socks5://me:secret@p:1080", "http://me:sec/ret@p", "http://", "http://p/path"] {
            let why = shown(bad);
            assert!(why.contains("is no proxy: ") && !why.contains("secret"), "{bad}: {why}");
        }
        assert!(!format!("{:?}", "me:secret@p:1".parse::<Proxy>()).contains("secret"));
    }

    /// A53: hosts of the list are reached without the proxy, all others through it, with user and password.
    #[test]
    fn the_list_of_exceptions_holds() {
        let proxy = "http://me:p%40ss%3A@proxy:3128";
        assert_eq!(via(proxy, "", "http://a.example/x").as_deref(), Some("http://me:p%40ss%3A@proxy:3128/"));
        assert_eq!(via("direct", "", "http://a.example/x"), None);
        for (list, target, is_direct) in [
            ("example.com", "http://www.example.com/", true),
            ("example.com", "http://notexample.com/", false),
            ("10.0.0.0/8, other", "http://10.2.3.4:4530/App", true),
            ("10.0.0.0/8;other", "https://other/", true),
            ("10.0.0.0/8", "http://11.2.3.4/", false),
            ("*", "https://anything.example/", true),
            ("<local>", "http://server:4530/", true),
            ("<local>", "http://192.168.1.7:4530/", true),
            ("<local>", "http://127.0.0.1/", true),
            ("<local>", "http://[fe80::1]/", true),
            ("<local>", "http://[::ffff:10.0.0.1]/", true),
            ("<local>", "http://8.8.8.8/", false),
            ("<local>", "https://cdn.example/", false),
            ("<LOCAL> cdn.example", "https://cdn.example/", true),
        ] {
            assert_eq!(via(proxy, list, target).is_none(), is_direct, "{list} {target}");
        }
    }
}
