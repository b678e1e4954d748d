//! The HTML part of a mail: the same words as its text, in one frame that reads well on a phone.
//! Every word is escaped, also those of a tenant's own template: a template is text, and what looks
//! like markup in it is shown, not followed (docs/domain/invoicing.md#mail-parts).

use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;
use std::sync::OnceLock;

const FRAME: &str = include_str!("../../templates/frame.html");

/// What a mail says, for the frame.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The code of its language.
    pub language: &'a str,
    /// The name that it is from.
    pub seller: &'a str,
    /// Subject.
    pub subject: &'a str,
    /// Text.
    pub text: &'a str,
}

/// A paragraph, a list, or a link with its label.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
struct Block<'a> {
    lines: Vec<&'a str>,
    items: Vec<&'a str>,
    label: &'a str,
    link: &'a str,
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment
    })
}

/// The HTML of a mail; none where it cannot be made: then the text stands alone.
#[must_use]
pub fn html(words: Words<'_>) -> Option<String> {
    let Words { language, seller, subject, text } = words;
    let blocks = minijinja::Value::from(minijinja::value::Serde(blocks(text)));
    environment()
        .render_named_str("frame.html", FRAME, context! { language, seller, subject, blocks })
        .ok()
}

/// A line that leads to a page: words, a colon, and an https address without spaces.
fn link(line: &str) -> Option<(&str, &str)> {
    let (label, link) = line
        .split_once("https://")
        .map(|(label, _)| (label, line.get(label.len()..).unwrap_or_default()))?;
    let label = label.trim_end().strip_suffix(':')?.trim_end();
    (!label.is_empty() && !link.contains(char::is_whitespace)).then_some((label, link))
}

/// The text in blocks: empty lines part them, lines with a dash are a list, a line with a link
/// stands alone.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut begins = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            begins = true;
            continue;
        }
        if let Some((label, link)) = link(line) {
            blocks.push(Block { label, link, ..Block::default() });
            begins = true;
            continue;
        }
        let item = line.strip_prefix("- ");
        let goes_on =
            blocks.last_mut().filter(|last| !begins && item.is_some() != last.items.is_empty());
        match (goes_on, item) {
            (Some(last), Some(item)) => last.items.push(item),
            (Some(last), None) => last.lines.push(line),
            (None, Some(item)) => blocks.push(Block { items: vec![item], ..Block::default() }),
            (None, None) => blocks.push(Block { lines: vec![line], ..Block::default() }),
        }
        begins = false;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::{Words, blocks, html};

    fn made(text: &str) -> String {
        html(Words { language: "fr", seller: "A & B <Ltd>", subject: "Hello \"you\"", text })
            .unwrap()
    }

    #[test]
    fn paragraphs_lists_and_links_are_told_apart() {
        let text = "Dear you,\n\nTwo lines\nof one.\n\nInvoices:\n- one\n- two\nAfter.\n\nPay: https://pay.example/x?a=b&c\n\nSeller";
        let found = blocks(text);
        let shapes: Vec<_> = found
            .iter()
            .map(|block| (block.lines.len(), block.items.len(), block.label, block.link))
            .collect();
        assert_eq!(
            shapes,
            [
                (1, 0, "", ""),
                (2, 0, "", ""),
                (1, 0, "", ""),
                (0, 2, "", ""),
                (1, 0, "", ""),
                (0, 0, "Pay", "https://pay.example/x?a=b&c"),
                (1, 0, "", "")
            ]
        );
    }

    #[test]
    fn nothing_of_a_text_is_markup() {
        let page = made(
            "<script>alert(1)</script>\n- <b onclick=x>\nSee: https://x.example/\"><img src=y>\nSee: javascript:alert(1)",
        );
        for never in ["<script", "<b ", "<img", "href=\"javascript"] {
            assert!(!page.contains(never), "{never}: {page}");
        }
        assert!(
            page.contains("&lt;script&gt;")
                && page.contains("A &amp; B &lt;Ltd&gt;")
                && page.contains("lang=\"fr\""),
            "{page}"
        );
        let quoted = made("See: https://x.example/\"onmouseover=\"x");
        assert!(!quoted.contains("\"onmouseover"), "{quoted}");
        assert!(!page.contains("http-equiv") && !page.contains("url("), "nothing is fetched");
    }
}
