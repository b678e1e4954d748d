//! Attachments: scans that an applicant uploads, for a person to look at
//! (docs/domain/credit.md#attachments).
//!
//! Nothing of them is read here or elsewhere but the first bytes, which say what they are.

/// Bytes of one: 10 MiB.
pub const MOST_BYTES: usize = 10_485_760;
/// Attachments of one application.
pub const MOST_ATTACHMENTS: usize = 10;

/// What an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentFormat {
    /// A document.
    Pdf,
    /// A picture without loss.
    Png,
    /// A photograph.
    Jpeg,
}

payterms_kernel::names! {
    /// Its name, as in the contract.
    AttachmentFormat { Pdf = "PDF", Png = "PNG", Jpeg = "JPEG" }
}

impl AttachmentFormat {
    /// The bytes that it begins with.
    fn signature(self) -> &'static [u8] {
        match self {
            Self::Pdf => b"%PDF-",
            Self::Png => b"\x89PNG\r\n\x1a\n",
            Self::Jpeg => b"\xFF\xD8\xFF",
        }
    }

    /// What a file is by its content, whatever it is called; none: no attachment.
    #[must_use]
    pub fn of(content: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|format| content.starts_with(format.signature()))
    }
}

/// Whether a file's bookings are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// They are.
    Statement,
    /// Nothing is read of it.
    Attachment,
}

#[cfg(test)]
mod tests {
    use super::AttachmentFormat;

    #[test]
    fn the_first_bytes_say_what_it_is() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"%PDF-1.7\n...", Some("PDF")),
            (b"%PDF-", Some("PDF")),
            (b"%PDF", None),
            (b" %PDF-1.7", None),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("PNG")),
            (b"\x89PNG\n\x1a\n", None),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF", Some("JPEG")),
            (b"\xFF\xD8", None),
            (b"GIF89a", None),
            (b"", None),
        ];
        for (content, format) in cases {
            assert_eq!(
                AttachmentFormat::of(content).map(AttachmentFormat::name),
                format,
                "{content:?}"
            );
        }
    }
}
