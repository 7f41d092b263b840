//! Numbers in a delta: unsigned LEB128, signed ones zigzag, read with every bound checked.

/// Bytes that end or go wrong before what was expected of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short;

/// Reads numbers one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn byte(&mut self) -> Result<u8, Short> {
        let byte = *self.bytes.get(self.at).ok_or(Short)?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let end = self.at.checked_add(count).ok_or(Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(Short)?;
        self.at = end;
        Ok(taken)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, Short> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            if shift > 63 || (shift == 63 && byte > 1) {
                return Err(Short);
            }
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(super) fn i64(&mut self) -> Result<i64, Short> {
        let value = self.u64()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A count or size that may be at most `most`.
    pub(super) fn count(&mut self, most: u64) -> Result<usize, Short> {
        let value = self.u64()?;
        if value > most { Err(Short) } else { usize::try_from(value).map_err(|_long| Short) }
    }
}

/// Appends an unsigned number.
#[cfg(feature = "vendor")]
pub(super) fn put(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let byte = (value & 127) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 128);
    }
}

/// Appends a signed number.
#[cfg(feature = "vendor")]
pub(super) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

#[cfg(all(test, feature = "vendor"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_long_ones_are_refused() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        numbers.iter().for_each(|&number| put(number, &mut out));
        let signed = [0, -1, 1, i64::MIN, i64::MAX];
        signed.iter().for_each(|&number| put_signed(number, &mut out));
        let mut read = Numbers::new(&out);
        assert!(numbers.iter().all(|&number| read.u64() == Ok(number)));
        assert!(signed.iter().all(|&number| read.i64() == Ok(number)));
        assert!(read.is_empty());
        assert_eq!(read.u64(), Err(Short));
        assert_eq!(Numbers::new(&[255; 11]).u64(), Err(Short));
        let over = [255, 255, 255, 255, 255, 255, 255, 255, 255, 2];
        assert_eq!(Numbers::new(&over).u64(), Err(Short));
    }
}
