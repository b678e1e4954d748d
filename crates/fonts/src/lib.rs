//! The fonts of documents, and which characters they have. Every service that takes a text which a
//! document may print asks here.

use rustybuzz::Face;
use std::sync::OnceLock;

/// The file of the regular weight.
pub const REGULAR: &[u8] = include_bytes!("../fonts/NotoSans-Regular.ttf");
/// The file of the bold weight.
pub const BOLD: &[u8] = include_bytes!("../fonts/NotoSans-Bold.ttf");

/// A weight, for shaping; `None` if its file cannot be read.
#[must_use]
pub fn face(bold: bool) -> Option<&'static Face<'static>> {
    static FACES: OnceLock<[Option<Face<'static>>; 2]> = OnceLock::new();
    let [regular, heavy] =
        FACES.get_or_init(|| [Face::from_slice(REGULAR, 0), Face::from_slice(BOLD, 0)]);
    if bold { heavy.as_ref() } else { regular.as_ref() }
}

/// Whether a character has no shape of its own; texts of requests are checked for those elsewhere.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The characters of a text that the fonts have no letters for, each once.
#[must_use]
pub fn unprintable(text: &str) -> String {
    let mut missing = String::new();
    // Most texts, and each debit's: the fonts have all of ASCII, and are not opened for it.
    if text.is_ascii() {
        return missing;
    }
    let has = |character: char| {
        face(false).zip(face(true)).is_some_and(|(regular, heavy)| {
            regular.glyph_index(character).and(heavy.glyph_index(character)).is_some()
        })
    };
    for character in text.chars().filter(|character| {
        !character.is_whitespace() && !is_unseen(*character) && !has(*character)
    }) {
        if !missing.contains(character) {
            missing.push(character);
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::{face, unprintable};

    #[test]
    fn what_the_fonts_have_is_printed_and_the_rest_is_named() {
        for printed in [
            "Müller & Söhne, Łódź",
            "Ελλάδα",
            "Москва",
            "“quotes” – dashes… 1 234,50 €",
            "Đặng Thị Hồng",
        ] {
            assert_eq!(unprintable(printed), "", "{printed}");
        }
        assert_eq!(unprintable("Acme 東京 東 株式会社"), "東京株式会社");
        assert_eq!(unprintable("שלום"), "שלום");
    }

    #[test]
    fn both_weights_have_all_of_ascii() {
        for character in '!'..='~' {
            for bold in [false, true] {
                assert!(face(bold).unwrap().glyph_index(character).is_some(), "{character}");
            }
        }
    }
}
