//! Machine code that this program compiled itself, taken up again.
#![expect(unsafe_code, reason = "wasmtime can't check machine code; see the promise below")]

use wasmtime::Engine;
use wasmtime::component::Component;

/// Takes up a component that [`Component::serialize`] of the same engine gave. The caller has made sure that the
/// bytes come from a folder that only this user can write, and are the ones that were written.
///
/// # Errors
/// If another engine made it.
pub fn load_compiled(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are our own compiler's output, see above.
    unsafe { Component::deserialize(engine, compiled) }
}
