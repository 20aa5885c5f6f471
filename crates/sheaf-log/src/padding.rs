//! Size classes (L1): what a sealed payload's length gives away.
//!
//! A payload is padded so that only its class shows: four classes to each doubling, from 256 bytes up (256, 320, 384,
//! 448, 512, 640, 768, 896, 1024, 1280, …). That costs at most a quarter, an eighth on average, and makes all single
//! keystrokes look alike. The steps are relative, so the number of classes that a document's entries fall into stays
//! small however large they are, as with PADMÉ, which leaks more where payloads are small.

/// The smallest class.
const SMALLEST: usize = 256;

/// The class that a length falls into: the number of bytes it is padded to.
pub const fn padded_size(length: usize) -> usize {
    if length <= SMALLEST {
        return SMALLEST;
    }
    // For 2^k < length <= 2^(k+1) the classes are 2^k + 1, 2, 3 or 4 quarters of it.
    let below = 1_usize << (length - 1).ilog2();
    let step = below / 4;
    length.div_ceil(step) * step
}
