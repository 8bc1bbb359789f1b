//! Takes the kernel out of a bzImage. Six compressions, told apart by their first bytes as the
//! kernel's own decompressor does it (Linux: Documentation/arch/x86/boot.rst, `payload_offset`).
//!
//! Invariant: whatever the input, at most [`MAX_UNPACKED`] bytes come out and a dictionary takes at
//! most [`MAX_DICTIONARY`]. The size that the kernel's build appends to the payload is a check at
//! the end, never a reason to allocate.

use std::io::{self, Read};

/// Largest kernel that is unpacked, in bytes; distributions' kernels are of 30 to 100 MiB.
pub const MAX_UNPACKED: u64 = 1 << 30;

/// Largest dictionary or window, in bytes: the most that the kernel's own decompressor takes
/// (Linux: lib/decompress_unzstd.c, `ZSTD_WINDOWSIZE_MAX`); its builds use 32 to 128 MiB.
pub const MAX_DICTIONARY: u64 = 128 << 20;

/// Why a kernel could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A compression that is not known here.
    #[error(
        "its payload is compressed in a way that `bench` does not know (first bytes {0:02x?}); it can be booted \
         as it is, or unpacked with the kernel's own scripts/extract-vmlinux"
    )]
    Unknown([u8; 4]),
    /// The compressed data is damaged, or was cut.
    #[error("its {compression} data is damaged: {source}; copy or fetch it again")]
    Damaged {
        /// Name of the compression.
        compression: Compression,
        /// What the decoder says.
        source: io::Error,
    },
    /// More came out than any kernel has.
    #[error("its {0} data unpacks to over 1 GiB: that is no kernel; fetch it again")]
    TooLarge(Compression),
    /// The size at the end of the payload is not what came out.
    #[error(
        "its {compression} data unpacks to {got} bytes where {said} were promised; copy or fetch it again"
    )]
    WrongSize {
        /// Name of the compression.
        compression: Compression,
        /// Bytes unpacked.
        got: u64,
        /// Bytes promised.
        said: u32,
    },
}

/// A compression that kernels are built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name of the tool")]
pub enum Compression {
    Gzip,
    Bzip2,
    Lzma,
    Xz,
    Lz4,
    Zstd,
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// First bytes of the legacy LZ4 frame (`lz4 -l`), 0x184c2102 in the file's byte order.
const LZ4_LEGACY: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
/// Bytes that a block of a legacy LZ4 frame unpacks to, except for the last (lz4's
/// doc/lz4_Frame_format.md, "Legacy frame").
const LZ4_BLOCK: usize = 8 << 20;

impl Compression {
    /// Which one this data begins with.
    pub fn of(payload: &[u8]) -> Option<Self> {
        match payload {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', ..] => Some(Self::Bzip2),
            [0x5d, 0x00, ..] => Some(Self::Lzma),
            [0xfd, b'7', b'z', b'X', b'Z', 0x00, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ if payload.starts_with(&LZ4_LEGACY) => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// Unpacks the payload of a bzImage.
pub fn unpack(payload: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let Some(compression) = Compression::of(payload) else {
        let mut first = [0; 4];
        let known = payload.len().min(first.len());
        first[..known].copy_from_slice(&payload[..known]);
        return Err(UnpackError::Unknown(first));
    };
    let damaged = |source| UnpackError::Damaged { compression, source };
    let Some((data, size)) = payload.split_last_chunk::<4>() else {
        return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
    };
    let mut unpacked = Vec::new();
    match compression {
        // Gzip ends in the size by itself, so that the build appends none.
        Compression::Gzip => bounded(flate2::read::GzDecoder::new(payload), &mut unpacked),
        Compression::Bzip2 => bounded(bzip2::read::BzDecoder::new(data), &mut unpacked),
        Compression::Lzma => lzma_rust2::LzmaReader::new_mem_limit(data, DICTIONARY_KIB, None)
            .and_then(|reader| bounded(reader, &mut unpacked)),
        Compression::Xz => {
            bounded(lzma_rust2::XzReader::new_mem_limit(data, false, DICTIONARY_KIB), &mut unpacked)
        }
        Compression::Lz4 => lz4(data, &mut unpacked),
        Compression::Zstd => zstd(data, &mut unpacked),
    }
    .map_err(damaged)?;
    let (got, said) = (unpacked.len() as u64, u32::from_le_bytes(*size));
    if got > MAX_UNPACKED {
        return Err(UnpackError::TooLarge(compression));
    }
    if got != u64::from(said) {
        return Err(UnpackError::WrongSize { compression, got, said });
    }
    Ok(unpacked)
}

/// The limit as the LZMA decoders take it, with room for their other tables.
const DICTIONARY_KIB: u32 = ((MAX_DICTIONARY + (1 << 20)) / 1024) as u32;

/// Reads to the end, or to one byte more than a kernel may have.
fn bounded(reader: impl Read, unpacked: &mut Vec<u8>) -> io::Result<()> {
    reader.take(MAX_UNPACKED + 1).read_to_end(unpacked).map(drop)
}

fn zstd(data: &[u8], unpacked: &mut Vec<u8>) -> io::Result<()> {
    let mut decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(data, MAX_DICTIONARY)
        .map_err(io::Error::other)?;
    bounded(&mut decoder, unpacked)?;
    let decoder = decoder.into_frame_decoder();
    // The decoder leaves the comparison to us; without a checksum in the frame there is none to make.
    match (decoder.get_checksum_from_data(), decoder.get_calculated_checksum()) {
        (Some(said), Some(is)) if said != is => Err(io::Error::other("wrong checksum")),
        _ => Ok(()),
    }
}

/// A legacy frame: the magic number, then blocks, each behind its compressed size.
fn lz4(data: &[u8], unpacked: &mut Vec<u8>) -> io::Result<()> {
    let mut rest = data.strip_prefix(&LZ4_LEGACY).ok_or(io::ErrorKind::InvalidData)?;
    while !rest.is_empty() && unpacked.len() as u64 <= MAX_UNPACKED {
        let (size, blocks) = rest.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = u32::from_le_bytes(*size) as usize;
        let (block, blocks) = blocks.split_at_checked(size).ok_or(io::ErrorKind::UnexpectedEof)?;
        let before = unpacked.len();
        unpacked.resize(before + LZ4_BLOCK, 0);
        let got =
            lz4_flex::block::decompress_into(block, &mut unpacked[before..]).map_err(io::Error::other)?;
        // Only the last block may be short: else a file of empty blocks would keep us busy for hours.
        if got < LZ4_BLOCK && !blocks.is_empty() {
            return Err(io::Error::other("a short block before the end"));
        }
        unpacked.truncate(before + got);
        rest = blocks;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A legacy LZ4 frame of these blocks, and the promised size.
    fn frame(blocks: &[&[u8]], size: u32) -> Vec<u8> {
        let mut frame = LZ4_LEGACY.to_vec();
        for block in blocks {
            frame.extend((block.len() as u32).to_le_bytes());
            frame.extend(*block);
        }
        frame.extend(size.to_le_bytes());
        frame
    }

    /// An LZ4 block of four literals.
    const BLOCK: &[u8] = &[0x40, b'f', b'o', b'u', b'r'];

    #[test]
    fn the_size_at_the_end_is_a_check() {
        assert_eq!(unpack(&frame(&[BLOCK], 4)).unwrap(), b"four");
        let error = unpack(&frame(&[BLOCK], 5)).unwrap_err();
        assert!(matches!(error, UnpackError::WrongSize { got: 4, said: 5, .. }), "{error}");
    }

    #[test]
    fn a_frame_of_many_short_blocks_is_refused_at_the_first() {
        let error = unpack(&frame(&[BLOCK; 1000], 4000)).unwrap_err();
        assert!(matches!(error, UnpackError::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_dictionary_larger_than_any_kernel_needs_is_refused_before_it_is_allocated() {
        // An .lzma header: properties, dictionary of 4 GiB, unknown size; then the coder's first bytes.
        let mut lzma = vec![0x5d, 0, 0, 0, 0xff];
        lzma.extend([0xff; 8]);
        lzma.extend([0; 64]);
        assert!(matches!(unpack(&lzma), Err(UnpackError::Damaged { compression: Compression::Lzma, .. })));
        // A zstd frame with a window descriptor of 2^41 bytes.
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0, 0, 0, 0, 0];
        assert!(matches!(unpack(&zstd), Err(UnpackError::Damaged { compression: Compression::Zstd, .. })));
    }

    #[test]
    fn a_payload_of_any_length_that_is_nothing_known_is_named_by_its_first_bytes() {
        for payload in [&[][..], &[0x89], &[0x89, 0x4c, 0x5a, 0x4f, 0]] {
            assert!(matches!(unpack(payload), Err(UnpackError::Unknown(_))), "{payload:?}");
        }
    }
}
