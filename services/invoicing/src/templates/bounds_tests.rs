//! Templates that would overflow the stack or fill the memory, and the deepest ones that pass.

use super::{bounds::STACK, on_stack, render, render_here, samples};
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use payterms_kernel::Reason;

/// A text of `count` repetitions between a head and a tail that is repeated as often.
fn nested(head: &str, open: &str, inner: &str, close: &str, tail: &str, count: usize) -> String {
    format!("{head}{}{inner}{}{tail}", open.repeat(count), close.repeat(count))
}

/// Every construct over which the engine recurses, `count` times in itself or in a row.
fn constructs(count: usize) -> Vec<String> {
    let expression =
        |open: &str, inner: &str, close: &str| nested("{{ ", open, inner, close, " }}", count);
    let statement = |open: &str, close: &str| nested("", open, "x", close, "", count);
    vec![
        expression("-", "1", ""),
        expression("not ", "number", ""),
        expression("", "number", ".a"),
        expression("", "number", "[0]"),
        expression("", "number", "[:]"),
        expression("", "number", "()"),
        expression("", "number", " - number"),
        expression("", "number", " or number"),
        expression("", "number", " and number"),
        expression("", "number", " == number"),
        expression("", "number", "|a"),
        expression("", "number", " is a"),
        expression("", "number", " if number"),
        expression("", "number", " if number else number"),
        expression("(", "1", ")"),
        expression("[", "1", "]"),
        expression("{1:", "1", "}"),
        expression("number[", "1", "]"),
        expression("number(", "1", ")"),
        expression("number(", "1", ""),
        expression("", "1", " ~ 1"),
        expression("", "1", " + 1"),
        expression("", "1", " ** 1"),
        expression("", "1", ", 1"),
        statement("{% if number %}", "{% endif %}"),
        statement("{% if number %}{% else %}", "{% endif %}"),
        statement("{% for a in number %}", "{% endfor %}"),
        statement("{% for a in number %}", ""),
        statement("{% with a = number %}", "{% endwith %}"),
        statement("{% filter a %}", "{% endfilter %}"),
        statement("{% autoescape true %}", "{% endautoescape %}"),
        statement("{% set a %}", "{% endset %}"),
        nested("{% if number %}", "{% elif number %}", "x", "", "{% endif %}", count),
        nested("{% for ", "(", "a", ")", " in number %}{% endfor %}", count),
        nested("{% set a", ".a", " = 1", "", " %}", count),
        nested("{% set a", "|b", "", "", " %}{% endset %}", count),
    ]
}

#[test]
fn what_would_overflow_the_stack_is_refused_with_what_is_too_deep_and_its_line() {
    let variables = samples(MailKind::Receipt, Language::English);
    for count in [200, 3_000] {
        for text in constructs(count).into_iter().filter(|text| text.len() < 100_000) {
            let refusal = render("Hello", &text, &variables).unwrap_err();
            let shown: String = text.chars().take(40).collect();
            assert_eq!(refusal.reason, Reason::TEMPLATE_INVALID, "{shown}");
            assert!(
                !refusal.message.contains("maximum recursion"),
                "the bound stands before the parser: {shown}"
            );
        }
    }
    let refused = |text: &str| render("Hello", text, &variables).unwrap_err().message;
    assert!(
        refused(&format!("\n{{{{ {}1 }}}}", "-".repeat(3_000)))
            .contains("more than 128 words and signs, line 2")
    );
    assert!(
        refused(&constructs(9)[14]).contains("brackets lie deeper than 8 in each other, line 1")
    );
    assert!(
        refused(&constructs(33)[24]).contains("blocks lie deeper than 32 in each other, line 1")
    );
    assert!(refused(&"{% set a = 1 %}".repeat(1_001)).contains("more than 1000 statements"));
    assert!(refused(&"x".repeat(100_001)).contains("more than 100000 bytes"));
}

#[test]
fn text_and_lists_that_double_are_refused() {
    let variables = samples(MailKind::Receipt, Language::English);
    let doubled = |line: &str| format!("{{% set a = number %}}{}{{{{ a == a }}}}", line.repeat(26));
    for text in [
        doubled("{% set a %}{{ a }}{{ a }}{% endset %}"),
        doubled("{% set a = [a, a] %}"),
        doubled("{% set a = [(a), (a)] %}"),
        doubled("{% set a = (a, a) %}"),
        doubled("{% set a = a, a %}"),
        doubled("{% set a = {1: a, 2: a} %}"),
        doubled("{% with b = (a, a) %}{% set a = b %}{% endwith %}"),
        doubled("{% set a = [0, 1 if a else a] %}"),
        "{% for x in number recursive %}{% set a = loop(number) %}{{ a }}{{ a }}{% endfor %}"
            .to_owned(),
    ] {
        assert_eq!(
            render("Hello", &text, &variables).unwrap_err().reason,
            Reason::TEMPLATE_INVALID,
            "{text}"
        );
    }
}

#[test]
fn what_templates_need_is_taken() {
    let variables = samples(MailKind::Statement, Language::English);
    let made = |text: &str| render("Hello", text, &variables).unwrap().1;
    assert_eq!(
        made("{% for row in invoices %}{{ row.number }} {{ row['total'] }}{% endfor %}"),
        "INV-2026-000001 100.00\u{a0}USD"
    );
    assert_eq!(
        made(
            "{% if seller in ['Acme Telecom', 'Globex'] and not (1 > 2) %}yes{% else %}no{% endif %}"
        ),
        "yes"
    );
    assert_eq!(made("{% with a = seller, b = 'x' %}{{ a }}{{ b }}{% endwith %}"), "Acme Telecomx");
    assert_eq!(
        made(
            "{% set a = seller %}{% for x, y in [[1, 2], [3, 4]] %}{{ x - y }}{{ loop.cycle('a', 'b') }}{% endfor %}{{ a }}"
        ),
        "-1a-1bAcme Telecom"
    );
    assert_eq!(made("{% raw %}{{ (((((((((( }}{% endraw %}{# {{ #}"), "{{ (((((((((( }}");
}

#[test]
fn the_deepest_templates_that_pass_take_a_quarter_of_the_stack_at_most() {
    let variables = samples(MailKind::Receipt, Language::English);
    let open = "{% for a in [1] %}".repeat(16)
        + &"{% if number %}".repeat(8)
        + &"{% if not number %}{% else %}".repeat(8);
    let close = "{% endif %}".repeat(16) + &"{% endfor %}".repeat(16);
    let elif = format!("{{% if not number %}}{}x{{% endif %}}", "{% elif not number %}".repeat(31));
    let parts = |open: &str, close: &str, each: usize, count: usize| {
        let signs = "-".repeat(128_usize.saturating_sub(1 + each * count));
        format!("{{{{ {}{signs}1{} }}}}", open.repeat(count), close.repeat(count))
    };
    for inner in [
        parts("(", ")", 2, 8),
        parts("[", "]", 2, 8),
        parts("{1:", "}", 4, 8),
        parts("number[", "]", 3, 8),
        parts("number(", ")", 3, 8),
        format!("{{{{ number{} }}}}", "[:]".repeat(42)),
        format!("{{{{ number{} }}}}", ".a".repeat(63)),
        format!("{{{{ {}number }}}}", "not ".repeat(127)),
        format!("{{{{ 1{} }}}}", " - 1".repeat(63)),
        format!("{{{{ number{} }}}}", " if number".repeat(63)),
    ] {
        for text in [format!("{open}{inner}{close}"), format!("{elif}{inner}")] {
            // Some are rendered and some fail when they are: what counts is that they are parsed
            // and dropped.
            if let Err(refusal) = on_stack(STACK / 4, || render_here("Hello", &text, &variables)) {
                let bounds = ["words and signs", "in each other", "statements"];
                assert!(
                    !bounds.iter().any(|bound| refusal.message.contains(bound)),
                    "{}: {inner}",
                    refusal.message
                );
            }
        }
    }
}
