//! Stated limits: what is longer is cut off before it is read to the end.

/// Most bytes of a root.
pub const MAX_ROOT: u64 = 512 * 1024;
/// Most bytes of a timestamp.
pub const MAX_TIMESTAMP: u64 = 16 * 1024;
/// Most bytes of a snapshot.
pub const MAX_SNAPSHOT: u64 = 2 * 1024 * 1024;
/// Most bytes of a targets file.
pub const MAX_TARGETS: u64 = 16 * 1024 * 1024;
/// Most new roots followed in one refresh; the next refresh goes on from there.
pub const MAX_ROTATIONS: u64 = 256;
