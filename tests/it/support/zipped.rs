//! Archives made up for tests: zip and gzip files packed by zlib, or by something else.

#![cfg_attr(not(feature = "vendor"), expect(dead_code, reason = "what only tests of the vendor's side use"))]

use updraft::platform::Deflater;

/// How an entry is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Stored,
    Level(u8),
    /// As one stored block: no level of zlib makes that of bytes that can be packed.
    Foreign,
}

/// An entry of a zip file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) how: How,
}

/// The bytes as zlib packs them.
pub(crate) fn deflated(bytes: &[u8], level: u8) -> Vec<u8> {
    let (mut deflater, mut out) = (Deflater::new(level).expect("zlib takes the level"), Vec::new());
    let (mut rest, mut chunk) = (bytes, vec![0; 1 << 16]);
    loop {
        let step = deflater.step(rest, &mut chunk, true).expect("zlib takes all bytes");
        rest = &rest[step.read..];
        out.extend_from_slice(&chunk[..step.written]);
        if step.ended {
            return out;
        }
    }
}

fn foreign(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let blocks = bytes.chunks(60_000).count().max(1);
    for (at, block) in bytes.chunks(60_000).chain(bytes.is_empty().then_some(&[][..])).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(at + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// A zip file with these entries.
pub(crate) fn zip(entries: &[Entry], comment: &[u8]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (number, entry) in entries.iter().enumerate() {
        let (method, packed) = match entry.how {
            How::Stored => (0u16, entry.bytes.clone()),
            How::Level(level) => (8, deflated(&entry.bytes, level)),
            How::Foreign => (8, foreign(&entry.bytes)),
        };
        let place = out.len() as u32;
        let mut fields = [20u16, 0, method, 0x6000, 0x5a5a].map(u16::to_le_bytes).concat();
        let sizes = [crc(&entry.bytes), packed.len() as u32, entry.bytes.len() as u32];
        fields.extend(sizes.map(u32::to_le_bytes).concat());
        fields.extend([entry.name.len() as u16, 2 * (number as u16 % 2)].map(u16::to_le_bytes).concat());
        out.extend(b"PK\x03\x04");
        out.extend_from_slice(&fields);
        out.extend(entry.name.as_bytes());
        out.extend(std::iter::repeat_n(1, 2 * (number % 2)));
        out.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        // No extra field here, and a comment on each third.
        let end = fields.len() - 2;
        directory.extend_from_slice(&fields[..end]);
        let remark = u16::from(number % 3 == 0);
        directory.extend([0, remark, 0, 0, 0, 0].map(u16::to_le_bytes).concat());
        directory.extend(place.to_le_bytes());
        directory.extend(entry.name.as_bytes());
        directory.extend(std::iter::repeat_n(b'!', remark.into()));
    }
    let (place, count) = (out.len() as u32, entries.len() as u16);
    let length = directory.len() as u32;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count; 2].map(u16::to_le_bytes).concat());
    out.extend([length, place].map(u32::to_le_bytes).concat());
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend(comment);
    out
}

/// A gzip file with a name in its header.
pub(crate) fn gzip(bytes: &[u8], level: u8) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\x08\x01\x02\x03\x04\0\x03some.tar\0".to_vec();
    out.extend(deflated(bytes, level));
    out.extend([crc(bytes), bytes.len() as u32].map(u32::to_le_bytes).concat());
    out
}
