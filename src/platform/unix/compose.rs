//! A short list of dead keys in place of the system's long one.
//!
//! The libraries of X11 and of keyboards read a list of thousands of compositions at every start, which takes longer
//! than all that the window itself does before it can be seen.
#![expect(unsafe_code, reason = "the environment, while there is one thread")]
#![expect(clippy::disallowed_methods, reason = "what is read is the kernel's, not of an install")]

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;

use rustix::fs::{MemfdFlags, memfd_create};

/// Names the list to both libraries (Compose(5)).
const NAME: &str = "XCOMPOSEFILE";

/// A dead key, the sign that it makes with a space or twice, and letters each before what it makes of them.
const DEAD: [(&str, char, &str); 8] = [
    ("acute", '\'', "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝ"),
    ("grave", '`', "aàeèiìoòuùAÀEÈIÌOÒUÙ"),
    ("circumflex", '^', "aâeêiîoôuûAÂEÊIÎOÔUÛ"),
    ("tilde", '~', "aãnñoõAÃNÑOÕ"),
    ("diaeresis", '"', "aäeëiïoöuüyÿAÄEËIÏOÖUÜ"),
    ("cedilla", '¸', "cçCÇ"),
    ("abovering", '°', "aåAÅ"),
    ("caron", 'ˇ', "cčsšzžCČSŠZŽ"),
];

/// Connects to the display while the short list stands for the long one. With other threads around, which may look at the
/// environment, or without a place for the list, it is the long one.
pub(super) fn with_dead_keys<T>(connect: impl FnOnce() -> T) -> T {
    let list = if is_only_thread() { list() } else { None };
    let Some(list) = list else { return connect() };
    let before = env::var_os(NAME);
    let path = format!("/proc/self/fd/{}", list.as_raw_fd());
    // SAFETY: no other thread is there to look at the environment.
    unsafe { env::set_var(NAME, path) };
    let connected = connect();
    // Whom we start, the program above all, has its own list.
    match before {
        // SAFETY: the libraries start no threads of their own when they connect.
        Some(before) => unsafe { env::set_var(NAME, before) },
        // SAFETY: as before.
        None => unsafe { env::remove_var(NAME) },
    }
    connected
}

fn is_only_thread() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// A file in memory with the list.
fn list() -> Option<File> {
    let mut file = File::from(memfd_create("dead-keys", MemfdFlags::CLOEXEC).ok()?);
    file.write_all(text().as_bytes()).ok()?;
    Some(file)
}

fn text() -> String {
    let mut text = String::new();
    let mut add = |keys: &str, made: char| {
        let escape = if matches!(made, '"' | '\\') { "\\" } else { "" };
        writeln!(text, "{keys} : \"{escape}{made}\" U{:04X}", u32::from(made)).ok();
    };
    for (name, sign, letters) in DEAD {
        add(&format!("<dead_{name}> <space>"), sign);
        add(&format!("<dead_{name}> <dead_{name}>"), sign);
        let letters: Vec<char> = letters.chars().collect();
        for pair in letters.chunks_exact(2) {
            add(&format!("<dead_{name}> <{}>", pair[0]), pair[1]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dead_key_makes_its_sign_and_its_letters() {
        let text = text();
        for line in [
            "<dead_tilde> <space> : \"~\" U007E\n",
            "<dead_diaeresis> <dead_diaeresis> : \"\\\"\" U0022\n",
            "<dead_acute> <e> : \"é\" U00E9\n",
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert!(DEAD.iter().all(|(_, _, letters)| letters.chars().count() % 2 == 0));
    }

    #[test]
    fn the_list_can_be_read_by_its_path() {
        let list = list().unwrap();
        let path = format!("/proc/self/fd/{}", list.as_raw_fd());
        assert_eq!(fs::read_to_string(path).unwrap(), text());
    }
}
