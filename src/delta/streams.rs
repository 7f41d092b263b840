//! The streams of a group: one for each kind of thing the codec has to say, each packed by itself with what packs
//! it best.
//!
//! Control streams are held in memory and bounded; literals and extra bytes may be long and flow.

use std::io::Read;
use std::mem::take;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, Scope};

use super::code::{Part, Parts, View};
use super::known::behind;
use super::lzma::Lzma;
use super::mixed::{Coder, Decoder, Extra, Literals};
use super::wire::{Numbers, Short};

/// Streams of a group.
pub(super) const STREAMS: usize = 12;
/// Most bytes of one stream, unpacked.
pub(super) const MAX_STREAM: u64 = 1 << 40;
/// Most bytes of all streams that are held in memory, unpacked.
pub(super) const MAX_HELD: u64 = 24 << 20;
/// Most bytes of a stream packed against the old files: it is held in memory too.
pub(super) const MAX_AGAINST_OLD: u64 = 16 << 20;
/// The window of a stream in LZMA against the old files.
pub(super) const OLD_WINDOW: usize = 16 << 20;
/// Most bytes of a stream that is packed by what surrounds it.
pub(super) const MAX_MIXED: u64 = 4 << 20;
/// The largest window of a stream that flows, as a power of two, for zstd and LZMA: 8 MiB.
pub(super) const FLOW_WINDOW_LOG: u32 = 23;

/// The same for what is told apart of extra bytes: 1 MiB.
pub(super) const FIELDS_WINDOW_LOG: u32 = 20;

/// How many bytes of a stream that flows are unpacked at once.
const PIECE: u64 = 64 << 10;
/// From so many bytes on, it is unpacked in a thread of its own; and how many pieces that may be ahead: more would take time
/// from references, for which all others wait.
const AHEAD_FROM: u64 = 64 << 10;
const AHEAD: usize = 1;

/// What a stream tells; the number is its place in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Kind {
    /// What must be known of the new executables before their code can be predicted.
    Layout = 0,
    /// Lengths of stretches made from old bytes.
    Add = 1,
    /// Lengths of stretches of extra bytes.
    Copy = 2,
    /// Where the next stretch's old bytes lie: from which of the lines before it, and how far.
    Seek = 3,
    /// Lengths of runs in which prediction and new bytes agree.
    Zeros = 4,
    /// Lengths of runs in which they differ.
    Runs = 5,
    /// Lengths of runs of references that were predicted right.
    Right = 6,
    /// What the others point to, as a difference to the prediction.
    Wrong = 7,
    /// The differences of the bytes that differ.
    Literals = 8,
    /// Bytes without a prediction; in x86-64 without what the next two tell.
    Extra = 9,
    /// Addresses in extra bytes.
    Targets = 10,
    /// Values in extra bytes.
    Values = 11,
}

#[cfg(feature = "vendor")]
impl Kind {
    /// All of them, in order.
    pub(super) const ALL: [Self; STREAMS] = {
        use Kind::{Add, Copy, Extra, Layout, Literals, Right, Runs, Seek, Targets, Values, Wrong, Zeros};
        [Layout, Add, Copy, Seek, Zeros, Runs, Right, Wrong, Literals, Extra, Targets, Values]
    };
}

/// How a stream is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
    /// Raw LZMA without an end mark, after its byte of properties; window [`FLOW_WINDOW_LOG`].
    Lzma = 2,
    /// One zstd frame with the old bytes of the group's only unit as prefix.
    ZstdAgainstOld = 3,
    /// As `Lzma`, with the end of the old bytes of the group's only unit in its window of [`OLD_WINDOW`] bytes.
    LzmaAgainstOld = 4,
    /// As `LzmaAgainstOld`, with what the manifest says of the new files behind the old bytes (see [`super::known`]).
    LzmaAgainstKnown = 7,
    /// By what surrounds each byte (see [`super::mixed`]): for literals and extra bytes alone.
    Mixed = 5,
}

impl Coding {
    fn of(byte: u8) -> Option<Self> {
        use Coding::{Lzma, LzmaAgainstKnown, LzmaAgainstOld, Mixed, Stored, Zstd, ZstdAgainstOld};
        let all = [Stored, Zstd, Lzma, ZstdAgainstOld, LzmaAgainstOld, Mixed, LzmaAgainstKnown];
        all.into_iter().find(|coding| *coding as u8 == byte)
    }

    /// Whether the old bytes are needed to unpack it: for extra bytes alone.
    fn needs_old(self) -> bool {
        matches!(self, Self::ZstdAgainstOld | Self::LzmaAgainstOld | Self::LzmaAgainstKnown)
    }
}

/// A stream as it lies in the delta.
#[derive(Debug, Clone, Copy)]
struct Packed<'a> {
    raw: u64,
    coding: Coding,
    bytes: &'a [u8],
}

/// The streams of a group, ready to be opened.
#[derive(Debug)]
pub(super) struct Streams<'a>([Packed<'a>; STREAMS]);

impl<'a> Streams<'a> {
    /// Reads where each stream lies and how it is packed; `body` is the group's part of the delta.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Short> {
        let mut read = Numbers::new(body);
        let mut streams = [Packed { raw: 0, coding: Coding::Stored, bytes: &[] }; STREAMS];
        let mut lengths = [0; STREAMS];
        for (stream, length) in streams.iter_mut().zip(&mut lengths) {
            stream.raw = read.count(MAX_STREAM)? as u64;
            if stream.raw > 0 {
                stream.coding = Coding::of(read.byte()?).ok_or(Short)?;
                *length = read.count(u64::MAX)?;
            }
        }
        for (stream, length) in streams.iter_mut().zip(lengths) {
            stream.bytes = read.take(length)?;
        }
        // What a coding may be used for.
        let apart = streams[Kind::Targets as usize..].iter().any(|stream| stream.raw > 0);
        let fits = |(at, stream): (usize, &Packed<'_>)| match stream.coding {
            Coding::Mixed => at == Kind::Literals as usize || (at == Kind::Extra as usize && !apart),
            coding => at == Kind::Extra as usize || !coding.needs_old(),
        };
        if !streams.iter().enumerate().all(fits) {
            return Err(Short);
        }
        let held: u64 = streams[..Kind::Literals as usize].iter().map(|stream| stream.raw).sum();
        if held > MAX_HELD || !read.is_empty() { Err(Short) } else { Ok(Self(streams)) }
    }

    /// Whether any stream needs the old bytes.
    pub(super) fn needs_old(&self) -> bool {
        self.0.iter().any(|stream| stream.coding.needs_old())
    }

    /// Whether what the manifest says of the new files is needed.
    pub(super) fn needs_known(&self) -> bool {
        self.0.iter().any(|stream| stream.coding == Coding::LzmaAgainstKnown)
    }

    /// Unpacks a control stream into memory.
    pub(super) fn held(&self, kind: Kind) -> Result<Vec<u8>, Short> {
        let stream = &self.0[kind as usize];
        let raw = usize::try_from(stream.raw).map_err(|_long| Short)?;
        if stream.coding == Coding::Lzma {
            return Lzma::unpack(stream.bytes, raw, 1 << FLOW_WINDOW_LOG);
        }
        let mut bytes = vec![0; raw];
        Flow::open(stream, (&[], &[]), FLOW_WINDOW_LOG)?.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens the literals.
    pub(super) fn literals(&self) -> Result<Source<'a, Literals<'a>>, Short> {
        let stream = &self.0[Kind::Literals as usize];
        Source::open(stream, (&[], &[]), Literals::new)
    }

    /// The same, but if they are many, they are unpacked in a thread of their own, ahead of what is asked for.
    pub(super) fn literals_ahead<'s>(
        &self,
        scope: &'s Scope<'s, '_>,
    ) -> Result<Source<'a, Literals<'a>>, Short>
    where
        'a: 's,
    {
        self.literals()?.ahead(scope).map_or_else(|| self.literals(), Ok)
    }

    /// Opens the extra bytes; `old` is the old bytes of the group's only unit, `known` what the manifest says.
    pub(super) fn extra(&self, old: &[u8], known: &[u8]) -> Result<Source<'a, Extra<'a>>, Short> {
        let stream = &self.0[Kind::Extra as usize];
        Source::open(stream, (old, known), Extra::new)
    }

    /// Opens what is told apart of extra bytes; nothing if all is told with them.
    pub(super) fn fields(&self) -> Result<Option<Fields<'a>>, Short> {
        let [targets, values] = [Kind::Targets, Kind::Values].map(|kind| &self.0[kind as usize]);
        if targets.raw == 0 && values.raw == 0 {
            return Ok(None);
        }
        let open = |stream| Flow::open(stream, (&[], &[]), FIELDS_WINDOW_LOG);
        Ok(Some(Fields { targets: open(targets)?, values: open(values)? }))
    }

    /// The same as with [`Self::literals_ahead`].
    pub(super) fn extra_ahead<'s>(
        &self,
        old: &[u8],
        known: &[u8],
        scope: &'s Scope<'s, '_>,
    ) -> Result<Source<'a, Extra<'a>>, Short>
    where
        'a: 's,
    {
        self.extra(old, known)?.ahead(scope).map_or_else(|| self.extra(old, known), Ok)
    }
}

/// Addresses and values that are told apart of extra bytes.
pub(super) struct Fields<'a> {
    targets: Flow<'a>,
    values: Flow<'a>,
}

impl Fields<'_> {
    /// Whether all of them were taken.
    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.values.is_empty()
    }
}

/// All that tells extra bytes in parts.
pub(super) struct InParts<'f, 'a> {
    pub(super) left: &'f mut Flow<'a>,
    pub(super) fields: &'f mut Fields<'a>,
}

impl Parts for InParts<'_, '_> {
    fn view(&mut self) -> Result<View, Short> {
        self.left.view()
    }

    fn left(&mut self, out: &mut [u8]) -> Result<(), Short> {
        self.left.fill(out)
    }

    fn field(&mut self, part: Part) -> Result<u32, Short> {
        let mut field = [0; 4];
        match part {
            Part::Target => self.fields.targets.fill(&mut field)?,
            Part::Value => self.fields.values.fill(&mut field)?,
        }
        Ok(u32::from_be_bytes(field))
    }
}

/// Where literals or extra bytes come from.
pub(super) enum Source<'a, M> {
    /// A stream that holds them.
    Flow(Flow<'a>),
    /// A model that makes them out of what surrounds them, and how many are left.
    Mixed(u64, Box<M>),
}

impl<'a, M> Source<'a, M> {
    fn open(stream: &Packed<'a>, against: (&[u8], &[u8]), model: fn(Coder<'a>) -> M) -> Result<Self, Short> {
        if stream.coding != Coding::Mixed {
            return Flow::open(stream, against, FLOW_WINDOW_LOG).map(Self::Flow);
        }
        let coder = Coder::Reads(Decoder::new(stream.bytes));
        if stream.raw > MAX_MIXED { Err(Short) } else { Ok(Self::Mixed(stream.raw, Box::new(model(coder)))) }
    }

    /// Goes on in a thread, if that pays; nothing if there are no more threads to be had.
    fn ahead<'s>(self, scope: &'s Scope<'s, '_>) -> Option<Self>
    where
        'a: 's,
    {
        match self {
            Self::Flow(flow) if flow.is_work() => flow.ahead(scope).map(Self::Flow),
            source => Some(source),
        }
    }

    /// Whether all of it was taken.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Flow(flow) => flow.is_empty(),
            Self::Mixed(left, _) => *left == 0,
        }
    }
}

/// A stream that is read bit by bit.
pub(super) struct Flow<'a> {
    left: u64,
    from: From<'a>,
    /// What was unpacked last and how much of it was read, unless all is at hand.
    piece: Vec<u8>,
    at: usize,
}

enum From<'a> {
    Stored(&'a [u8]),
    Held,
    Zstd(Box<zstd::stream::read::Decoder<'static, &'a [u8]>>),
    Lzma(Box<Lzma<'a>>),
    Ahead(Receiver<Result<Vec<u8>, Short>>),
}

impl<'a> Flow<'a> {
    fn open(stream: &Packed<'a>, (old, known): (&[u8], &[u8]), window_log: u32) -> Result<Self, Short> {
        let mut piece = Vec::new();
        let from = match stream.coding {
            Coding::Stored => From::Stored(stream.bytes),
            Coding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(stream.bytes)
                    .map_err(|_why| Short)?
                    .single_frame();
                decoder.window_log_max(window_log).map_err(|_why| Short)?;
                From::Zstd(Box::new(decoder))
            }
            Coding::Lzma => From::lzma(stream, 1 << window_log, &[])?,
            Coding::LzmaAgainstOld => From::lzma(stream, OLD_WINDOW, old)?,
            Coding::LzmaAgainstKnown => From::lzma(stream, OLD_WINDOW, &behind(old, known, OLD_WINDOW))?,
            Coding::ZstdAgainstOld => {
                piece = against_old(stream, old)?;
                From::Held
            }
            Coding::Mixed => return Err(Short),
        };
        Ok(Self { left: stream.raw, from, piece, at: 0 })
    }

    /// Fills `out` with the next bytes.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<(), Short> {
        let left = self.left.checked_sub(out.len() as u64).ok_or(Short)?;
        if let From::Stored(bytes) = &mut self.from {
            let (now, later) = bytes.split_at_checked(out.len()).ok_or(Short)?;
            out.copy_from_slice(now);
            (*bytes, self.left) = (later, left);
            return Ok(());
        }
        let mut done = 0;
        while done < out.len() {
            if self.at == self.piece.len() {
                self.refill()?;
            }
            let count = (self.piece.len() - self.at).min(out.len() - done);
            out[done..done + count].copy_from_slice(&self.piece[self.at..self.at + count]);
            (done, self.at) = (done + count, self.at + count);
            self.left -= count as u64;
        }
        Ok(())
    }

    /// The next bytes, which stay to be read; zeros after the end.
    pub(super) fn view(&mut self) -> Result<View, Short> {
        let mut view = View::default();
        let count = (view.len() as u64).min(self.left) as usize;
        if let From::Stored(bytes) = &self.from {
            view[..count].copy_from_slice(bytes.get(..count).ok_or(Short)?);
            return Ok(view);
        }
        while self.piece.len() - self.at < count {
            let mut rest = self.piece.split_off(self.at);
            self.left -= rest.len() as u64;
            self.refill()?;
            self.left += rest.len() as u64;
            rest.append(&mut self.piece);
            self.piece = rest;
        }
        view[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        Ok(view)
    }

    /// Unpacks the next piece, when the last one was read: a few bytes at once would take many times as long.
    fn refill(&mut self) -> Result<(), Short> {
        self.at = 0;
        let count = self.left.min(PIECE) as usize;
        match &mut self.from {
            From::Zstd(decoder) => {
                self.piece.resize(count, 0);
                decoder.read_exact(&mut self.piece).map_err(|_why| Short)?;
            }
            From::Lzma(lzma) => {
                self.piece.clear();
                self.piece.extend_from_slice(lzma.read(count)?);
            }
            From::Ahead(pieces) => self.piece = pieces.recv().map_err(|_ended| Short)??,
            From::Stored(_) | From::Held => return Err(Short),
        }
        Ok(())
    }

    /// Whether unpacking it takes so long that a thread pays.
    fn is_work(&self) -> bool {
        matches!(self.from, From::Lzma(_) | From::Zstd(_)) && self.left >= AHEAD_FROM
    }

    /// Goes on in a thread, a few pieces ahead; nothing if there is none to be had.
    fn ahead<'s>(mut self, scope: &'s Scope<'s, '_>) -> Option<Self>
    where
        'a: 's,
    {
        let (left, (to, pieces)) = (self.left, sync_channel(AHEAD));
        let unpack = move || {
            while self.left > 0 {
                let filled = self.refill().map(|()| take(&mut self.piece));
                // What fails gives no more.
                self.left -= filled.as_ref().map_or(self.left, |piece| piece.len() as u64);
                // Who asked may have failed meanwhile, and asks no more.
                if to.send(filled).is_err() {
                    return;
                }
            }
        };
        Builder::new().name("unpack".to_owned()).spawn_scoped(scope, unpack).ok()?;
        Some(Self { left, from: From::Ahead(pieces), piece: Vec::new(), at: 0 })
    }

    /// Whether all of it was read.
    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a> From<'a> {
    fn lzma(stream: &Packed<'a>, window: usize, before: &[u8]) -> Result<Self, Short> {
        Ok(Self::Lzma(Box::new(Lzma::new(stream.bytes, stream.raw, window, before)?)))
    }
}

/// Unpacks in one go: that way no window is set aside, whatever the frame asks for.
fn against_old(stream: &Packed<'_>, old: &[u8]) -> Result<Vec<u8>, Short> {
    if stream.raw > MAX_AGAINST_OLD {
        return Err(Short);
    }
    let mut bytes = Vec::with_capacity(stream.raw as usize);
    let mut context = zstd::zstd_safe::DCtx::create();
    context.ref_prefix(old).map_err(|_code| Short)?;
    context.decompress(&mut bytes, stream.bytes).map_err(|_code| Short)?;
    if bytes.len() as u64 == stream.raw { Ok(bytes) } else { Err(Short) }
}
