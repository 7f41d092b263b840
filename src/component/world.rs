//! The world of components as a text, and components made of core modules that fit it.

use std::borrow::Cow;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::carrier::LoadError;
use super::message::Role;

/// The interfaces between host and component, as `assets/wit/updraft.wit` has them.
pub const WIT: &str = include_str!("../../assets/wit/updraft.wit");

/// The first bytes of every WebAssembly file.
const MAGIC: &[u8] = b"\0asm";
/// What follows them in a core module, and not in a component.
const CORE: &[u8] = &[1, 0, 0, 0];

/// The component in `bytes`. A core module that says which world it is made for, as compilers without support
/// for components write it, is made one.
///
/// # Errors
/// If it is neither.
pub(super) fn component_of(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let what =
            if bytes.is_empty() { "the file is empty" } else { "it does not begin as WebAssembly does" };
        return Err(LoadError::Damaged(what.to_owned()));
    };
    if !rest.starts_with(CORE) {
        return Ok(Cow::Borrowed(bytes));
    }
    let encoder = ComponentEncoder::default().validate(true).module(bytes);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    encoded.map(Cow::Owned).map_err(|error| LoadError::World(format!("as a core module: {error:#}")))
}

/// Makes a component of a core module whose imports and exports have the names of the world.
///
/// # Errors
/// If something of the world is missing in the module.
pub fn encode(core: &[u8], role: Role) -> Result<Vec<u8>, LoadError> {
    let world = format!("{}-component", role.as_str());
    let wrong = |error: &dyn std::fmt::Display| LoadError::World(format!("{error:#}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_source("updraft.wit", WIT).map_err(|error| wrong(&error))?;
    let world = resolve.select_world(&[package], Some(&world)).map_err(|error| wrong(&error))?;
    let mut module = core.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| wrong(&error))?;
    component_of(&module).map(Cow::into_owned)
}
