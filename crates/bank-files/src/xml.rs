//! XML from outside, hostile until it is read: a tree of elements, without entities, of bounded
//! depth and size.

use crate::finding::FileError;
use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

/// How deep elements may lie: a CAMT message has 16 levels, an envelope a few more.
pub(crate) const MOST_DEPTH: usize = 40;

/// An element with what is in it; names are without their prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    /// Its name.
    pub(crate) name: String,
    /// Its attribute `Ccy`; empty where it has none.
    pub(crate) currency: String,
    /// The namespaces that it declares, one after the other; empty where it declares none.
    pub(crate) namespaces: String,
    /// Its text.
    pub(crate) text: String,
    /// What is in it.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Its children of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element down a path.
    pub(crate) fn at(&self, path: &str) -> Option<&Element> {
        path.split('/').try_fold(self, |element, name| {
            element.children.iter().find(|child| child.name == name)
        })
    }

    /// The text of the first element down a path; empty where there is none.
    pub(crate) fn text_at(&self, path: &str) -> &str {
        self.at(path).map_or("", |element| element.text.trim())
    }

    /// The first text that is not empty, of several paths.
    pub(crate) fn first_text(&self, paths: &[&str]) -> &str {
        paths
            .iter()
            .map(|path| self.text_at(path))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }
}

/// Reads a text of `most` elements at most: no document type, no entities, bounded depth.
pub(crate) fn tree(file: &str, most: usize) -> Result<Element, FileError> {
    let wrong = |at: u64| FileError::new(format!("The file is no well-formed XML at byte {at}."));
    let mut reader = Reader::from_str(file);
    let mut open = vec![Element::default()];
    let mut count = 0_usize;
    loop {
        let event = reader.read_event().map_err(|_| wrong(reader.error_position()))?;
        match event {
            Event::Start(start) | Event::Empty(start)
                if open.len() >= MOST_DEPTH || count >= most =>
            {
                let name: String = start.local_name().as_ref().chars().take(40).collect();
                return Err(FileError::new(format!(
                    "The file is too deep or too long at element {name:?}."
                )));
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
                open.last_mut()
                    .ok_or_else(|| wrong(reader.buffer_position()))?
                    .children
                    .push(child);
            }
            Event::Text(text) => {
                open.last_mut().ok_or_else(|| wrong(0))?.text.push_str(&text);
            }
            Event::CData(text) => {
                open.last_mut().ok_or_else(|| wrong(0))?.text.push_str(&text);
            }
            Event::GeneralRef(entity) => {
                let character = entity_text(&entity).ok_or_else(|| {
                    FileError::new("The file has entities of its own; none is taken.")
                })?;
                open.last_mut().ok_or_else(|| wrong(0))?.text.push(character);
            }
            Event::DocType(_) => {
                return Err(FileError::new("The file has a document type; none is taken."));
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    open.pop()
        .filter(|_| open.is_empty())
        .ok_or_else(|| FileError::new("The file ends in the middle of an element."))
}

/// The character of a reference: a number, or one of XML's own five.
fn entity_text(entity: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return Some(character);
    }
    named_entity(entity)
}

/// The character of one of XML's own five names.
pub(crate) fn named_entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    let mut made = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    // Without the check for names that stand twice: it compares each attribute with all before it,
    // so one element of a megabyte would take minutes.
    for attribute in start.attributes().with_checks(false).flatten() {
        let name: &str = attribute.key.as_ref();
        if name == "Ccy" && made.currency.is_empty() {
            made.currency = attribute.value.into_owned();
        } else if name == "xmlns" || name.starts_with("xmlns:") {
            made.namespaces.push_str(&attribute.value);
            made.namespaces.push(' ');
        }
    }
    made
}
