//! Binary arithmetic coding: bits in as little room as their probabilities allow.

/// Reads bits, or writes those of known bytes: the same steps do both, so that both sides always see the same.
pub(in crate::delta) enum Coder<'a> {
    /// Reads packed bytes.
    Reads(Decoder<'a>),
    /// Packs these bytes.
    #[cfg(feature = "vendor")]
    Writes(Encoder<'a>),
}

/// Where a range is cut: the lower part, with this end, stands for one.
#[inline]
fn cut(low: u32, high: u32, chance: u32) -> u32 {
    low + ((u64::from(high - low) * u64::from(chance)) >> 16) as u32
}

/// Reads what an [`Encoder`] wrote. After the last packed byte come zeros, as many as are asked for.
pub(in crate::delta) struct Decoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    low: u32,
    high: u32,
    code: u32,
}

impl<'a> Decoder<'a> {
    pub(in crate::delta) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { bytes: bytes.iter(), low: 0, high: u32::MAX, code: 0 };
        (0..4).for_each(|_| decoder.shift());
        decoder
    }

    fn shift(&mut self) {
        self.code = self.code << 8 | u32::from(self.bytes.next().copied().unwrap_or(0));
    }

    /// The next bit, whose chance to be one is `chance` in 65,536.
    #[inline]
    pub(super) fn bit(&mut self, chance: u32) -> u32 {
        let middle = cut(self.low, self.high, chance);
        let bit = u32::from(self.code <= middle);
        // No branch: which bit comes can't be foretold, or it would not stand here.
        let one = bit.wrapping_neg();
        self.high = middle & one | self.high & !one;
        self.low = self.low & one | middle.wrapping_add(1) & !one;
        while (self.low ^ self.high) >> 24 == 0 {
            (self.low, self.high) = (self.low << 8, self.high << 8 | 255);
            self.shift();
        }
        bit
    }
}

/// Packs bytes bit by bit.
#[cfg(feature = "vendor")]
pub(in crate::delta) struct Encoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    low: u32,
    high: u32,
    out: Vec<u8>,
}

#[cfg(feature = "vendor")]
impl<'a> Encoder<'a> {
    pub(in crate::delta) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), low: 0, high: u32::MAX, out: Vec::new() }
    }

    /// Goes on to the next byte, and tells it.
    pub(super) fn known(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    /// Packs a bit, whose chance to be one is `chance` in 65,536.
    pub(super) fn bit(&mut self, chance: u32, bit: u32) -> u32 {
        let middle = cut(self.low, self.high, chance);
        if bit == 1 {
            self.high = middle
        } else {
            self.low = middle + 1
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push((self.high >> 24) as u8);
            (self.low, self.high) = (self.low << 8, self.high << 8 | 255);
        }
        bit
    }

    /// The packed bytes: the fewest that name a number in the range that is left, without zeros at the end.
    pub(in crate::delta) fn finish(mut self) -> Vec<u8> {
        let names = |bytes: &u32| self.high & u32::MAX.checked_shl(32 - 8 * bytes).unwrap_or(0);
        let bytes = (0..=4).find(|bytes| names(bytes) >= self.low).unwrap_or(4);
        let named = names(&bytes).to_be_bytes();
        self.out.extend_from_slice(&named);
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}
