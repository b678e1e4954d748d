//! CSV: by a mapping, or by the preset of a bank's export.

mod mapping;
mod presets;

pub use mapping::{CsvMapping, DateOrder};
pub use presets::Preset;

use crate::{finding::FileError, model::BankFile, reader::Context};

/// Reads a file by a mapping.
pub(crate) fn read_mapped(_text: &str, _mapping: &CsvMapping, _context: Context) -> Result<BankFile, FileError> {
    Err(FileError::new("CSV is not read yet."))
}

/// Reads a bank's export.
pub(crate) fn read_preset(_text: &str, preset: Preset, _context: Context) -> Result<BankFile, FileError> {
    Err(FileError::new(format!("CSV of {} is not read yet.", preset.name())))
}

/// Reads a bank's export whose header a preset has.
pub(crate) fn read_detected(_text: &str, _context: Context) -> Result<BankFile, FileError> {
    Err(FileError::new("The file is of no known format: send CAMT.052, 053 or 054, MT940, OFX, or CSV with a mapping."))
}
