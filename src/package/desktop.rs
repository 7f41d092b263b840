//! What a Linux desktop reads: the menu entry (Desktop Entry Specification 1.5), the catalogue entry (AppStream 1.0)
//! and the polkit action by which an install of root is updated.

use super::Layout;

/// The names that files of the desktop begin with.
pub(super) fn stem(layout: &Layout) -> String {
    layout.shown.id.clone().unwrap_or_else(|| layout.shown.package.clone())
}

/// The menu entry. `program` is started by its whole path.
pub(super) fn entry(layout: &Layout, program: &str) -> String {
    let shown = &layout.shown;
    format!(
        "[Desktop Entry]\nType=Application\nVersion=1.5\nName={}\nComment={}\nExec={}\nIcon={}\nTerminal=false\n\
         Categories=Utility;\n",
        value(&shown.name),
        value(&shown.summary),
        argument(program),
        shown.package,
    )
}

/// The escapes of a value: a backslash is doubled.
fn value(text: &str) -> String {
    text.replace('\\', "\\\\")
}

/// The quotes of an argument: all that is special is escaped, and so is the escape, for it is a value too.
fn argument(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::new();
    for c in text.chars() {
        match c {
            '"' | '`' | '$' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    value(&format!("\"{quoted}\""))
}

/// The catalogue entry; nothing without a name in catalogues.
pub(super) fn metainfo(layout: &Layout) -> Option<String> {
    let shown = &layout.shown;
    let id = shown.id.as_ref()?;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<component type=\"desktop-application\">\n  \
         <id>{id}</id>\n  <metadata_license>CC0-1.0</metadata_license>\n"
    );
    let mut line = |line: String| {
        text.push_str("  ");
        text.push_str(&line);
        text.push('\n');
    };
    if let Some(license) = &shown.license {
        line(format!("<project_license>{}</project_license>", xml(license)));
    }
    line(format!("<name>{}</name>", xml(&shown.name)));
    line(format!("<summary>{}</summary>", xml(shown.summary.trim_end_matches('.'))));
    line(format!("<description><p>{}</p></description>", xml(&shown.summary)));
    if let Some(vendor) = &shown.vendor {
        let own = id.rsplit_once('.').map_or(id.as_str(), |(own, _)| own);
        line(format!("<developer id=\"{}\"><name>{}</name></developer>", own.to_lowercase(), xml(vendor)));
    }
    if let Some(homepage) = &shown.homepage {
        line(format!("<url type=\"homepage\">{}</url>", xml(homepage)));
    }
    line(format!("<launchable type=\"desktop-id\">{id}.desktop</launchable>"));
    line("<content_rating type=\"oars-1.1\"/>".to_owned());
    let day = layout.time.to_string();
    let day = day.split('T').next().unwrap_or_default();
    let version = xml(layout.version.as_str());
    line(format!("<releases><release version=\"{version}\" date=\"{day}\"/></releases>"));
    text.push_str("</component>\n");
    Some(text)
}

/// The polkit action: `pkexec` may run this very program with this one argument, after an administrator agreed.
pub(super) fn policy(layout: &Layout, updater: &str) -> String {
    let shown = &layout.shown;
    let vendor = shown.vendor.as_ref().map(|vendor| format!("  <vendor>{}</vendor>\n", xml(vendor)));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE policyconfig PUBLIC \"-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/PolicyKit/1/policyconfig.dtd\">\n\
         <policyconfig>\n{}  <action id=\"{}.update\">\n    <description>Update {name}</description>\n    \
         <message>Authentication is required to update {name} for all users</message>\n    \
         <icon_name>{}</icon_name>\n    <defaults>\n      <allow_any>auth_admin</allow_any>\n      \
         <allow_inactive>auth_admin</allow_inactive>\n      <allow_active>auth_admin</allow_active>\n    \
         </defaults>\n    <annotate key=\"org.freedesktop.policykit.exec.path\">{}</annotate>\n    \
         <annotate key=\"org.freedesktop.policykit.exec.argv1\">update-for-all</annotate>\n  </action>\n\
         </policyconfig>\n",
        vendor.unwrap_or_default(),
        action(&stem(layout)),
        shown.package,
        xml(updater),
        name = xml(&shown.name),
    )
}

/// A name of actions: lower case letters, digits, dots and dashes alone.
fn action(stem: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c.to_ascii_lowercase() } else { '-' };
    stem.chars().map(plain).collect()
}

/// Text between tags and in quotes.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_as_the_specification_wants() {
        assert_eq!(argument("/opt/my-app/bin/x"), "/opt/my-app/bin/x");
        assert_eq!(argument("/opt/my app/x"), "\"/opt/my app/x\"");
        assert_eq!(argument("/a$b%"), "\"/a\\\\$b%%\"");
        assert_eq!(xml("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(action("com.example.My_App"), "com.example.my-app");
    }
}
