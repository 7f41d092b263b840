//! How a program shows itself to a person and to the system it is installed on.

use std::path::PathBuf;

use crate::release::{App, is_package_name};

use super::PackageError;

/// What people and systems are told of a program, as the vendor says it. Everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Face {
    /// Its name as people read it; the program's name in the repository if nothing is said.
    pub name: Option<String>,
    /// Its technical name: of the package, the command and the folder below `/opt`.
    pub package: Option<String>,
    /// Who makes it: `ACME Ltd <support@acme.example>`.
    pub vendor: Option<String>,
    /// What it is, in one line.
    pub summary: Option<String>,
    /// Its page in the web.
    pub homepage: Option<String>,
    /// Its name in software catalogues: `com.example.MyApp`.
    pub id: Option<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Its icon: PNG, SVG or ICO.
    pub icon: Option<PathBuf>,
    /// What a deb depends on.
    pub depends: Option<String>,
    /// Whether it is a program for a terminal or a service, without menu entry and shortcut.
    pub no_menu: bool,
}

/// The face of one program, checked and complete.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) package: String,
    /// The name of the vendor without an address.
    pub(super) vendor: Option<String>,
    /// Name and address.
    pub(super) maintainer: Option<String>,
    pub(super) summary: String,
    pub(super) homepage: Option<String>,
    pub(super) id: Option<String>,
    pub(super) license: Option<String>,
    pub(super) depends: Option<String>,
    pub(super) menu: bool,
}

impl Shown {
    /// The face of `app`.
    pub(super) fn of(face: &Face, app: &App) -> Result<Self, PackageError> {
        let name = face.name.clone().unwrap_or_else(|| app.to_string());
        let package = match &face.package {
            Some(said) => said.clone(),
            None => app.package_name().ok_or(PackageError::Missing {
                what: "the technical name of the program",
                option: "--package",
            })?,
        };
        if !is_package_name(&package) {
            return Err(PackageError::Value {
                what: "the technical name of a package",
                text: package,
                rule: "2 to 80 of a-z 0-9 + . -, starting with a letter or digit",
            });
        }
        let id = face.id.clone().or_else(|| derived_id(face.homepage.as_deref()?, &package));
        if let Some(id) = id.as_ref().filter(|id| !is_id(id)) {
            let rule = "at least three words of A-Z a-z 0-9 _ - with dots between, such as com.example.MyApp";
            return Err(PackageError::Value { what: "a name in catalogues", text: id.clone(), rule });
        }
        if let Some(homepage) = face.homepage.as_ref().filter(|page| !is_page(page)) {
            let rule = "an address that begins with https:// or http://";
            return Err(PackageError::Value { what: "a homepage", text: homepage.clone(), rule });
        }
        for (what, text) in [
            ("a name", Some(&name)),
            ("a summary", face.summary.as_ref()),
            ("a vendor", face.vendor.as_ref()),
            ("a licence", face.license.as_ref()),
            ("a list of dependencies", face.depends.as_ref()),
        ] {
            if let Some(text) = text.filter(|text| !is_line(text)) {
                let rule = "one line of 1 to 500 characters";
                return Err(PackageError::Value { what, text: text.clone(), rule });
            }
        }
        let vendor =
            face.vendor.as_deref().map(|text| text.split('<').next().unwrap_or(text).trim().to_owned());
        Ok(Self {
            summary: face.summary.clone().unwrap_or_else(|| name.clone()),
            name,
            package,
            vendor: vendor.filter(|vendor| !vendor.is_empty()),
            maintainer: face.vendor.clone(),
            homepage: face.homepage.clone(),
            id,
            license: face.license.clone(),
            depends: face.depends.clone(),
            menu: !face.no_menu,
        })
    }
}

fn is_id(text: &str) -> bool {
    let is_word = |word: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        !word.is_empty() && word.bytes().all(allowed) && !word.as_bytes()[0].is_ascii_digit()
    };
    text.len() <= 255 && text.split('.').count() >= 3 && text.split('.').all(is_word)
}

/// `https://www.acme.example/x` and `my-app` as `example.acme.my-app`.
fn derived_id(homepage: &str, package: &str) -> Option<String> {
    let rest = homepage.split_once("://")?.1;
    let host = rest.split(['/', ':', '?', '#']).next()?.trim_start_matches("www.");
    let mut words: Vec<&str> = host.split('.').rev().collect();
    let own = package.replace(['.', '+'], "_");
    words.push(&own);
    let id = words.join(".");
    is_id(&id).then_some(id)
}

fn is_page(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|page| matches!(page.scheme(), "http" | "https")) && is_line(text)
}

fn is_line(text: &str) -> bool {
    (1..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogue_names_come_from_the_homepage() {
        assert_eq!(
            derived_id("https://www.acme.example/x", "my-app").as_deref(),
            Some("example.acme.my-app")
        );
        assert_eq!(derived_id("http://localhost:80", "my-app"), None);
        assert!(
            is_id("com.example.MyApp") && !is_id("myapp") && !is_id("com..x") && !is_id("com.example.1x")
        );
    }

    #[test]
    fn what_breaks_a_line_of_a_control_file_is_refused() {
        let app: App = "MyApp".parse().unwrap();
        let face = Face { vendor: Some("A\nDepends: evil".to_owned()), ..Face::default() };
        assert!(matches!(Shown::of(&face, &app), Err(PackageError::Value { what: "a vendor", .. })));
    }
}
