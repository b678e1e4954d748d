//! Bytes to text: by byte order mark, by declaration, else UTF-8. A declaration that lies is
//! refused: a text read in the wrong encoding would be searched for names that are not in it.

use crate::finding::FileError;
use encoding_rs::{Encoding, ISO_8859_15, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a file its declaration is looked for.
const MOST_DECLARATION: usize = 1_000;

/// The text of a file.
pub(crate) fn decode(file: &[u8]) -> Result<String, FileError> {
    let text = match (Encoding::for_bom(file), file) {
        (Some((encoding, length)), _) => marked(file.get(length..).unwrap_or_default(), encoding)?,
        (None, [b'<', 0, ..]) => marked(file, UTF_16LE)?,
        (None, [0, b'<', ..]) => marked(file, UTF_16BE)?,
        _ => unmarked(file)?,
    };
    if text.contains('\0') {
        return Err(FileError::new(
            "The file is binary, or not in the encoding that it seems to have.",
        ));
    }
    Ok(text)
}

/// A file whose first bytes say its encoding: the declaration may say the same alone.
fn marked(file: &[u8], encoding: &'static Encoding) -> Result<String, FileError> {
    let name = if encoding == UTF_8 { "UTF-8" } else { "UTF-16" };
    let text =
        encoding.decode_without_bom_handling_and_without_replacement(file).ok_or_else(|| {
            FileError::new(format!("The file begins as {name}, but is not in {name}."))
        })?;
    let head: Vec<u8> = text.bytes().take(MOST_DECLARATION).collect();
    if let Some(label) = declared(&head) {
        let same = Encoding::for_label(label.as_bytes())
            .is_some_and(|named| (named == UTF_8) == (encoding == UTF_8) && is_unicode(named));
        if !same {
            return Err(FileError::new(format!(
                "The file says that it is in {label}, but is in {name}."
            )));
        }
    }
    Ok(text.into_owned())
}

fn unmarked(file: &[u8]) -> Result<String, FileError> {
    let head = file.get(..MOST_DECLARATION).unwrap_or(file);
    let plain = std::str::from_utf8(file);
    let Some(label) = declared(head) else {
        return match plain {
            Ok(text) => Ok(text.to_owned()),
            Err(_) if is_xml(head) => {
                Err(FileError::new("The file names no encoding, and is not in UTF-8."))
            }
            Err(_) if ofx_says_unicode(head) => {
                Err(FileError::new("The file says that it is in UTF-8, but is not."))
            }
            // Files of lines say nothing of their encoding; what is not UTF-8 was written on
            // Windows.
            Err(_) => Ok(WINDOWS_1252.decode_without_bom_handling(file).0.into_owned()),
        };
    };
    let encoding = Encoding::for_label(label.as_bytes());
    let encoding = encoding
        .filter(|named| is_unicode(named) || *named == ISO_8859_15 || *named == WINDOWS_1252);
    let encoding = encoding.ok_or_else(|| {
        FileError::new(format!(
            "The file is in {label}: send UTF-8, UTF-16, ISO-8859-1 or -15, or windows-1252."
        ))
    })?;
    match plain {
        // Two or more bytes that are one character of UTF-8 are no text in an encoding of single
        // bytes.
        Ok(_) if !is_unicode(encoding) && !file.is_ascii() => {
            Err(FileError::new(format!("The file says that it is in {label}, but is in UTF-8.")))
        }
        Ok(text) if encoding == UTF_8 || !is_unicode(encoding) => Ok(text.to_owned()),
        Err(_) if !is_unicode(encoding) => {
            let decoded = encoding.decode_without_bom_handling_and_without_replacement(file);
            decoded.map(std::borrow::Cow::into_owned).ok_or_else(|| {
                FileError::new(format!("The file says that it is in {label}, but is not."))
            })
        }
        _ => Err(FileError::new(format!("The file says that it is in {label}, but is not."))),
    }
}

fn is_unicode(encoding: &'static Encoding) -> bool {
    encoding == UTF_8 || encoding == UTF_16LE || encoding == UTF_16BE
}

fn is_xml(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    text.starts_with(b"<") && !text.starts_with(b"<OFX")
}

fn ofx_says_unicode(head: &[u8]) -> bool {
    head.starts_with(b"OFXHEADER")
        && head.windows(14).any(|bytes| bytes == b"ENCODING:UTF-8" || bytes == b"ENCODING:UNICO")
}

/// The encoding of an XML declaration.
fn declared(head: &[u8]) -> Option<String> {
    let text = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = text.windows(2).position(|bytes| bytes == b"?>")?;
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    let (_, rest) = text.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = rest.get(1..)?.split(quote).next()?;
    Some(label.chars().filter(char::is_ascii_graphic).take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn xml(label: &str, rest: &[u8]) -> Vec<u8> {
        [format!("<?xml version='1.0' encoding='{label}'?><a>").as_bytes(), rest, b"</a>"].concat()
    }

    fn utf16(text: &str, swap: bool) -> Vec<u8> {
        let bytes = |unit: u16| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() };
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    #[test]
    fn what_is_declared_is_what_is_read() {
        for (label, bytes) in [
            ("ISO-8859-1", &b"M\xFCller"[..]),
            ("iso-8859-15", b"M\xFCller"),
            ("windows-1252", b"M\xFCller"),
            ("UTF-8", "Müller".as_bytes()),
        ] {
            assert!(decode(&xml(label, bytes)).unwrap().contains("Müller"), "{label}");
        }
        assert!(decode(&xml("ISO-8859-15", b"5 \xA4")).unwrap().contains("5 €"));
        for swap in [false, true] {
            assert!(
                decode(&utf16("<?xml version=\"1.0\" encoding=\"utf-16\"?><a>Müller</a>", swap))
                    .unwrap()
                    .contains("Müller")
            );
        }
        assert_eq!(decode(b"\xEF\xBB\xBFa;b").unwrap(), "a;b");
        assert_eq!(decode(b"M\xFCller;1").unwrap(), "Müller;1");
    }

    #[test]
    fn a_lie_is_refused() {
        for (file, part) in [
            (xml("UTF-8", b"M\xFCller"), "says that it is in UTF-8"),
            (xml("ISO-8859-1", "Müller".as_bytes()), "but is in UTF-8"),
            (xml("UTF-16", b"plain"), "says that it is in UTF-16"),
            (xml("Shift_JIS", b"plain"), "send UTF-8"),
            (xml("EBCDIC-9", b"plain"), "send UTF-8"),
            (b"<a>M\xFCller</a>".to_vec(), "names no encoding"),
            (utf16("<?xml version='1.0' encoding='UTF-8'?><a/>", false), "but is in UTF-16"),
            ([b"\xEF\xBB\xBF".to_vec(), xml("ISO-8859-1", b"a")].concat(), "but is in UTF-8"),
            (b"\xFF\xFE<".to_vec(), "UTF-16"),
            (b"PK\x03\x04\x00\x00".to_vec(), "binary"),
        ] {
            let refused = decode(&file).unwrap_err();
            assert!(refused.message.contains(part), "{part} in {refused}");
        }
    }
}
