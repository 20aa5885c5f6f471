//! Bytes made smaller before they are sealed: what is sealed cannot be made smaller any more.
//!
//! ```text
//! length unpacked (4, little endian) | zstd
//! ```
//!
//! For caches alone, which this home wrote itself and whose seal says so; the length is capped all the same.

/// How hard it is tried: more takes much longer, and gains little.
const LEVEL: i32 = 3;

/// Packs bytes. None, if there are more than four bytes can say.
pub fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(plain.len()).ok()?;
    let packed = zstd::bulk::compress(plain, LEVEL).ok()?;
    Some([&length.to_le_bytes(), packed.as_slice()].concat())
}

/// Unpacks them. None, if that is not what they are, or they are more than `most`.
pub fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let (length, packed) = packed.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > most {
        return None;
    }
    zstd::bulk::decompress(packed, length).ok().filter(|plain| plain.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_nothing_else() {
        for plain in [Vec::new(), vec![7], b"again and ".repeat(1000)] {
            let packed = pack(&plain).unwrap();
            assert_eq!(unpack(&packed, plain.len()).as_ref(), Some(&plain));
            assert_eq!(unpack(&packed[..packed.len() - 1], 1 << 20), None, "a part of it");
            let mut longer = packed.clone();
            longer[0] ^= 1;
            assert_eq!(unpack(&longer, 1 << 20), None, "another length");
        }
        let packed = pack(&[0; 1001]).unwrap();
        assert_eq!(unpack(&packed, 1000), None, "more than is taken");
        assert_eq!(unpack(&packed[..3], 1000), None);
        assert_eq!(unpack(b"{\"version\":1}", 1 << 30), None);
    }
}
