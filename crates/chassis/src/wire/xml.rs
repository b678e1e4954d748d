//! Parses XML files from outside, which may be hostile: into a tree of bounded depth and size, without custom entities.

use quick_xml::{Reader, events::Event};

/// Limits on the nesting depth and the number of elements: a hostile file must not exhaust stack or memory.
const MOST_DEPTH: usize = 40;
const MOST_ELEMENTS: usize = 200_000;

/// An element and its content. Names have no namespace prefix.
#[derive(Debug, Default)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attribute `Ccy`; empty if it has none.
    pub currency: String,
    /// Its text.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// Its children with a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element down a path.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Element> {
        path.split('/').try_fold(self, |element, name| element.children.iter().find(|child| child.name == name))
    }

    /// The text of the first element down a path; empty if there is none.
    #[must_use]
    pub fn text_at(&self, path: &str) -> &str {
        self.at(path).map_or("", |element| element.text.trim())
    }
}

/// Parses a file.
///
/// # Errors
/// A sentence that says what is wrong with the file, and where.
pub fn tree(file: &[u8]) -> Result<Element, String> {
    let wrong = |position: u64| format!("The file is no well-formed XML at byte {position}.");
    let file = std::str::from_utf8(file).map_err(|_| "The file is not in UTF-8.".to_owned())?;
    let mut reader = Reader::from_str(file);
    let mut open = vec![Element::default()];
    let mut count = 0_usize;
    loop {
        let event = reader.read_event().map_err(|_| wrong(reader.error_position()))?;
        match event {
            Event::Start(start) | Event::Empty(start) if open.len() >= MOST_DEPTH || count >= MOST_ELEMENTS => {
                let name: String = start.local_name().as_ref().chars().take(40).collect();
                return Err(format!("The file is too deep or too long at element {name:?}."));
            }
            Event::Start(start) => {
                count = count.saturating_add(1);
                open.push(element(&start));
            }
            Event::Empty(start) => {
                count = count.saturating_add(1);
                let child = element(&start);
                open.last_mut().ok_or_else(|| wrong(0))?.children.push(child);
            }
            Event::End(_) => {
                let child = open.pop().ok_or_else(|| wrong(0))?;
                open.last_mut().ok_or_else(|| wrong(reader.buffer_position()))?.children.push(child);
            }
            Event::Text(text) => {
                open.last_mut().ok_or_else(|| wrong(0))?.text.push_str(&text);
            }
            Event::CData(text) => {
                open.last_mut().ok_or_else(|| wrong(0))?.text.push_str(&text);
            }
            Event::GeneralRef(entity) => {
                let character = entity_text(&entity).ok_or_else(|| "The file has entities of its own; none is taken.".to_owned())?;
                open.last_mut().ok_or_else(|| wrong(0))?.text.push(character);
            }
            Event::DocType(_) => return Err("The file has a document type; none is taken.".to_owned()),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty()).ok_or_else(|| "The file ends in the middle of an element.".to_owned())?;
    Ok(root)
}

/// The character of a reference: a number, or one of XML's own five.
fn entity_text(entity: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return Some(character);
    }
    match &**entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Element {
    let name = start.local_name().as_ref().to_owned();
    // The check for duplicate attributes is off: it compares each attribute with all before it, so a hostile element of one
    // megabyte would take minutes.
    let attribute = start.attributes().with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == "Ccy");
    let currency = attribute.map(|attribute| attribute.value.into_owned()).unwrap_or_default();
    Element { name, currency, ..Element::default() }
}
