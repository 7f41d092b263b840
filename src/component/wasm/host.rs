//! What a component in the sandbox gets from its host: a log and a store for values. Nothing else.

use wasmtime::component::Linker;
use wasmtime::{ResourceLimiter, StoreContextMut};

use crate::component::carrier::{Log, Values};
use crate::component::message::Level;

/// Most entries of a table; only a defect needs more.
const MAX_TABLE: usize = 1_000_000;
/// Most bytes of a line of log.
const MAX_LINE: usize = 4096;

/// The host's side of one instance.
pub(super) struct Host {
    pub(super) log: Log,
    pub(super) quiet: bool,
    pub(super) memory: usize,
    /// Set when more memory was wanted than allowed.
    pub(super) over: bool,
    pub(super) values: Values,
    /// Writes of the batch at work, in order.
    pub(super) pending: Vec<(String, Option<Vec<u8>>)>,
}

impl Host {
    pub(super) fn new(log: Log, memory: usize) -> Self {
        Self { log, quiet: false, memory, over: false, values: Values::new(), pending: Vec::new() }
    }

    /// What the batch at work wrote counts now.
    pub(super) fn commit(&mut self) {
        for (key, value) in self.pending.drain(..) {
            match value {
                Some(value) => drop(self.values.insert(key, value)),
                None => drop(self.values.remove(&key)),
            }
        }
    }

    /// What the batch at work wrote never was.
    pub(super) fn forget(&mut self) {
        self.pending.clear();
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let written = self.pending.iter().rev().find(|(name, _)| name == key);
        written.map_or_else(|| self.values.get(key).cloned(), |(_, value)| value.clone())
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired <= self.memory {
            return Ok(true);
        }
        self.over = true;
        Err(wasmtime::Error::msg("more memory than allowed"))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }
}

/// Gives every component its imports.
pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut log = linker.instance("updraft:component/log@1.0.0")?;
    log.func_wrap("write", |cx: StoreContextMut<'_, Host>, (level, mut text): (Level, String)| {
        let host = cx.data();
        if !host.quiet {
            if text.len() > MAX_LINE {
                text.truncate(text.floor_char_boundary(MAX_LINE));
            }
            (host.log)(level, &text);
        }
        Ok(())
    })?;
    let mut store = linker.instance("updraft:component/state-store@1.0.0")?;
    store.func_wrap("get", |cx: StoreContextMut<'_, Host>, (key,): (String,)| Ok((cx.data().get(&key),)))?;
    store.func_wrap("set", |mut cx: StoreContextMut<'_, Host>, (key, value): (String, Vec<u8>)| {
        cx.data_mut().pending.push((key, Some(value)));
        Ok(())
    })?;
    store.func_wrap("remove", |mut cx: StoreContextMut<'_, Host>, (key,): (String,)| {
        cx.data_mut().pending.push((key, None));
        Ok(())
    })
}
