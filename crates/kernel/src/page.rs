//! Page sizes of lists.

/// What a list answers when the caller asks for no size.
pub const DEFAULT_SIZE: u32 = 50;
/// The largest page; larger sizes are clamped to it.
pub const MAX_SIZE: u32 = 500;

/// The size of a page: 0 is the default, more than the most is the most.
#[must_use]
pub fn size(asked: u32) -> u32 {
    if asked == 0 { DEFAULT_SIZE } else { asked.min(MAX_SIZE) }
}
