//! The SGML of OFX as a tree, and its XML alike: in version 1 elements with a value are not closed.
//! Hostile until it is read: bounded depth and number, no entities but five, no declarations.

use crate::{
    finding::FileError,
    xml::{Element, MOST_DEPTH, named_entity},
};

/// Characters of an entity's name.
const MOST_ENTITY: usize = 10;

/// Reads a text of `most` elements at most.
pub(super) fn tree(text: &str, most: usize) -> Result<Element, FileError> {
    let mut open = vec![Element::default()];
    let mut count = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let before = rest.get(..at).unwrap_or_default();
        put_text(&mut open, before);
        let after = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let cdata = after.strip_prefix("![CDATA[").and_then(|inner| inner.split_once("]]>"));
        if let Some((inner, next)) = cdata {
            if let Some(last) = open.last_mut() {
                last.text.push_str(inner);
            }
            rest = next;
            continue;
        }
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, next)| next);
            continue;
        }
        if after.starts_with('!') {
            return Err(FileError::new("The file has a document type; none is taken."));
        }
        let Some((tag, next)) = after.split_once('>') else {
            return Err(FileError::new("The file ends in the middle of an element."));
        };
        rest = next;
        if tag.starts_with('?') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            close(&mut open, name.trim());
            continue;
        }
        count = count.saturating_add(1);
        if count > most || open.len() >= MOST_DEPTH {
            let name: String = tag.chars().take(40).collect();
            return Err(FileError::new(format!(
                "The file is too deep or too long at element {name:?}."
            )));
        }
        begin(&mut open, tag);
    }
    let unclosed = open.iter().any(|element| element.name == "OFX");
    if unclosed {
        return Err(FileError::new("The file ends in the middle: OFX is not closed."));
    }
    Ok(open.into_iter().next().unwrap_or_default())
}

/// Puts a text to the element that is open.
fn put_text(open: &mut [Element], text: &str) {
    if let Some(last) = open.last_mut()
        && !text.trim().is_empty()
    {
        last.text.push_str(&without_entities(text.trim_matches(['\r', '\n'])));
    }
}

/// An element that has a value and was not closed ends where the next one begins.
fn begin(open: &mut Vec<Element>, tag: &str) {
    if open.last().is_some_and(|last| !last.text.trim().is_empty() && open.len() > 1) {
        end_last(open);
    }
    let is_empty = tag.ends_with('/');
    let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
    open.push(Element { name: name.to_ascii_uppercase(), ..Element::default() });
    if is_empty {
        end_last(open);
    }
}

/// Ends an element; those in it that were never closed have no value, and what seemed to be in them
/// is beside them.
fn close(open: &mut Vec<Element>, name: &str) {
    let name = name.to_ascii_uppercase();
    let Some(at) = open.iter().rposition(|element| element.name == name).filter(|at| *at > 0)
    else {
        return;
    };
    while open.len() > at.saturating_add(1) {
        let Some(mut last) = open.pop() else { return };
        let inner = std::mem::take(&mut last.children);
        if let Some(parent) = open.last_mut() {
            parent.children.push(last);
            parent.children.extend(inner);
        }
    }
    end_last(open);
}

fn end_last(open: &mut Vec<Element>) {
    if let Some(last) = open.pop() {
        if let Some(parent) = open.last_mut() {
            parent.children.push(last);
        } else {
            open.push(last);
        }
    }
}

/// A text with XML's five entities and numbers; any other `&` is one, as in `AT&T`.
fn without_entities(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        made.push_str(before);
        let entity = after
            .split_once(';')
            .filter(|(name, _)| name.len() <= MOST_ENTITY)
            .and_then(|(name, next)| Some((character(name)?, next)));
        if let Some((c, next)) = entity {
            made.push(c);
            rest = next;
        } else {
            made.push('&');
            rest = after;
        }
    }
    made.push_str(rest);
    made
}

fn character(name: &str) -> Option<char> {
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with('x') => u32::from_str_radix(hex.get(1..)?, 16).ok(),
        Some(decimal) => decimal.parse().ok(),
        None if name == "nbsp" => Some(0x20),
        None => return named_entity(name),
    };
    char::from_u32(number?).filter(|c| *c != '\0')
}
