//! The C interface: its own tests, and the header that is made from it.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

#[path = "../../ffi/updraft.rs"]
#[expect(unreachable_pub, reason = "it is a library of its own elsewhere")]
mod ffi;

use std::fs;
use std::path::Path;

/// The header in `include` is the one that the interface has; `UPDRAFT_WRITE=1` writes it anew.
#[test]
fn the_header_is_that_of_the_interface() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(
            "/* The C interface of Updraft. Made from ffi/updraft.rs, not written by hand. */".to_owned(),
        ),
        include_guard: Some("UPDRAFT_H".to_owned()),
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::C,
        line_length: 110,
        usize_is_size_t: true,
        ..cbindgen::Config::default()
    };
    let made = cbindgen::Builder::new().with_config(config).with_src(root.join("ffi/updraft.rs")).generate();
    let mut header = Vec::new();
    made.unwrap().write(&mut header);
    let header = String::from_utf8(header).unwrap();
    let path = root.join("include/updraft.h");
    if std::env::var_os("UPDRAFT_WRITE").is_some() {
        fs::write(&path, &header).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), header, "write it anew with UPDRAFT_WRITE=1");
    assert!(header.contains("int32_t updraft_has_new_version(bool by_hand"), "{header}");
}
