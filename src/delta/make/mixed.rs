//! Packs literals and extra bytes by what surrounds them: the group is made once as it will be applied, and the models
//! see what they will see then.

use std::io;

use super::{Effort, pack};
use crate::delta::apply::{ApplyError, NewFiles};
use crate::delta::head::Unit;
use crate::delta::making::Making;
use crate::delta::mixed::{Coder, Encoder, Extra, Literals};
use crate::delta::ops::Control;
use crate::delta::streams::{Kind, MAX_MIXED, STREAMS, Source, Streams};

/// Streams of so many bytes are always tried: the time they take whoever applies the delta is not felt.
const ALWAYS: u64 = 64 << 10;
/// Longer ones are tried if there are so many times as many new bytes: applying stays nearly as fast. Literals gain
/// three times as much from it as extra bytes, which besides are unpacked in a thread of their own otherwise.
const LITERALS: u64 = 120;
const EXTRA: u64 = 400;

/// The streams that were packed so.
#[derive(Debug, Default)]
pub(super) struct Mixed {
    pub(super) literals: Option<Vec<u8>>,
    pub(super) extra: Option<Vec<u8>>,
}

/// Nobody needs the files.
pub(super) struct Nowhere;

impl NewFiles for Nowhere {
    fn begin(&mut self, _index: usize, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _index: usize) -> io::Result<()> {
        Ok(())
    }
}

/// Packs what it can of a group's streams; `units` are its units with their old bytes.
pub(super) fn pack(streams: &[Vec<u8>; STREAMS], units: &[(Unit, &[u8])], effort: Effort) -> Mixed {
    let made: u64 = units.iter().map(|unit| unit.0.new_bytes()).sum();
    let fits = |kind: Kind, share: u64| {
        let raw = streams[kind as usize].len() as u64;
        let most =
            if effort == Effort::Smallest { MAX_MIXED } else { ALWAYS.max(made / share).min(MAX_MIXED) };
        raw > 0 && raw <= most
    };
    let (literals, extra) = (fits(Kind::Literals, LITERALS), fits(Kind::Extra, EXTRA));
    // The streams were made from the units: nothing can be wrong about them.
    if literals || extra {
        learn(streams, units, literals, extra).unwrap_or_default()
    } else {
        Mixed::default()
    }
}

fn learn(
    raw: &[Vec<u8>; STREAMS],
    units: &[(Unit, &[u8])],
    literals: bool,
    extra: bool,
) -> Result<Mixed, ApplyError> {
    let body = pack::stored(raw);
    let streams = Streams::parse(&body)?;
    let control = Control::unpack(&streams)?;
    let from_literals = if literals {
        let raw = &raw[Kind::Literals as usize];
        let model = Literals::new(Coder::Writes(Encoder::new(raw)));
        Source::Mixed(raw.len() as u64, Box::new(model))
    } else {
        streams.literals()?
    };
    let from_extra = if extra {
        let raw = &raw[Kind::Extra as usize];
        Source::Mixed(raw.len() as u64, Box::new(Extra::new(Coder::Writes(Encoder::new(raw)))))
    } else {
        streams.extra(&[], &[])?
    };
    let mut making = Making::new(&control, from_literals, (from_extra, streams.fields()?))?;
    for (unit, old) in units {
        making.unit((unit, old), None, &mut Nowhere)?;
    }
    let (literals, extra) = making.into_sources();
    Ok(Mixed { literals: written(literals, Literals::into_coder), extra: written(extra, Extra::into_coder) })
}

/// What a model wrote.
fn written<'a, M>(source: Source<'a, M>, into_coder: fn(M) -> Coder<'a>) -> Option<Vec<u8>> {
    let Source::Mixed(_, model) = source else { return None };
    let Coder::Writes(encoder) = into_coder(*model) else { return None };
    Some(encoder.finish())
}
