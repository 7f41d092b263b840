//! Literals and extra bytes packed by what surrounds them: the bytes made before, and the old ones they stand for.
//!
//! `docs/delta.md` has every number, for decoders in other languages.

mod coder;
mod extra;
mod like;
mod literals;
mod mixer;

#[cfg(feature = "vendor")]
pub(super) use coder::Encoder;
pub(super) use coder::{Coder, Decoder};
pub(super) use extra::{Around, Extra};
pub(super) use literals::Literals;

/// How many bytes made before are kept at hand.
pub(super) const PAST: usize = 64;

#[cfg(all(test, feature = "vendor"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of extra bytes with what surrounds them: whether they are code, and the piece.
    fn pieces() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..80);
        let code =
            proptest::collection::vec(proptest::sample::select(vec![0x48u8, 0x8b, 0x0f, 0xe8, 0, 5]), 0..80);
        proptest::collection::vec((any::<bool>(), prop_oneof![bytes, code]), 0..12)
    }

    /// Takes all pieces through a model; what they are is known if it writes.
    fn extra(pieces: &[(bool, Vec<u8>)], old: &[u8], coder: Coder<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut model = Extra::new(coder);
        let mut made = vec![0; PAST];
        for (at, (code, piece)) in pieces.iter().enumerate() {
            let around = Around { old, after: at as u64 * 7, ahead: (at as u64 * 5).wrapping_sub(9) };
            let start = made.len();
            made.resize(start + piece.len(), 0);
            model.fill(&mut made, start, &around, *code);
        }
        (made.split_off(PAST), packed(model.into_coder()))
    }

    /// Mends pieces of zeros, so that what comes out are the literals.
    fn literals(pieces: &[(bool, Vec<u8>)], coder: Coder<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut model = Literals::new(coder);
        let mut made = vec![0; PAST];
        for (at, (code, piece)) in pieces.iter().enumerate() {
            let start = made.len();
            made.resize(start + piece.len(), 0);
            for (run, place) in (start..made.len()).enumerate() {
                let run = (run / 2 + at % 3) as u64;
                model.mend(&mut made, place, run, code.then_some(place as u32 % 15));
            }
        }
        (made.split_off(PAST), packed(model.into_coder()))
    }

    fn packed(coder: Coder<'_>) -> Option<Vec<u8>> {
        match coder {
            Coder::Writes(encoder) => Some(encoder.finish()),
            Coder::Reads(_) => None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_packed_comes_out(pieces in pieces(), old in proptest::collection::vec(any::<u8>(), 0..60)) {
            let whole: Vec<u8> = pieces.iter().flat_map(|piece| piece.1.clone()).collect();
            let (made, packed) = extra(&pieces, &old, Coder::Writes(Encoder::new(&whole)));
            prop_assert_eq!(&made, &whole);
            let packed = packed.unwrap();
            prop_assert_eq!(&extra(&pieces, &old, Coder::Reads(Decoder::new(&packed))).0, &whole);

            let packed = literals(&pieces, Coder::Writes(Encoder::new(&whole))).1.unwrap();
            prop_assert_eq!(&literals(&pieces, Coder::Reads(Decoder::new(&packed))).0, &whole);
        }

        #[test]
        fn hostile_bytes_give_some_bytes(pieces in pieces(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let length: usize = pieces.iter().map(|piece| piece.1.len()).sum();
            prop_assert_eq!(extra(&pieces, &bytes, Coder::Reads(Decoder::new(&bytes))).0.len(), length);
            prop_assert_eq!(literals(&pieces, Coder::Reads(Decoder::new(&bytes))).0.len(), length);
        }
    }

    #[test]
    fn what_repeats_or_is_old_costs_little() {
        let mut state = 7u64;
        let mut byte = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        let old: Vec<u8> = (0..20_000).map(&mut byte).collect();
        let write = |piece: &[u8], old: &[u8]| {
            let pieces = [(false, piece.to_vec())];
            extra(&pieces, old, Coder::Writes(Encoder::new(piece))).1.unwrap().len()
        };
        assert!(write(&old, &[]) > 19_000);
        assert!(write(&old, &old) < 300, "the bytes after the last stretch are a guess");
        assert!(write(&old[..1000].repeat(20), &[]) < 1_500, "what was seen before is one");
        assert_eq!(write(&[], &[]), 0);
    }
}
