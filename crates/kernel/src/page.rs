//! Page sizes of lists.

/// The page size if the caller names none.
pub const DEFAULT_SIZE: u32 = 50;
/// The largest page; larger sizes are clamped to it.
pub const MAX_SIZE: u32 = 500;
/// Resources in one message of an export.
pub const EXPORT_SIZE: i32 = 200;

/// The page size for a request: 0 means [`DEFAULT_SIZE`], and larger sizes are clamped to
/// [`MAX_SIZE`].
#[must_use]
pub fn size(requested: u32) -> u32 {
    if requested == 0 { DEFAULT_SIZE } else { requested.min(MAX_SIZE) }
}
