//! What templates may and may not do.

use super::{ours, render, samples};
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use payterms_kernel::Reason;

const OPTIONAL: [&str; 22] = [
    "advised",
    "past_due",
    "link",
    "next_try",
    "suspend_on",
    "late",
    "automatic",
    "accelerates",
    "nothing_open",
    "explanation",
    "note",
    "credit",
    "by_bank",
    "bank_details",
    "ceiling",
    "expires_on",
    "pays_invoices",
    "part_of",
    "owed",
    "paid_owed",
    "paid_otherwise",
    "is_open",
];

#[test]
fn every_mail_reads_well_in_both_languages_with_and_without_its_options() {
    for kind in MailKind::ALL {
        for language in Language::ALL {
            let full = samples(kind, language);
            let bare = full.iter().map(|(name, value)| {
                (
                    name.clone(),
                    if OPTIONAL.contains(&name.as_str()) { "".into() } else { value.clone() },
                )
            });
            for variables in [full.clone(), bare.collect()] {
                let (subject, text) = ours(kind, language);
                let (subject, text) = render(subject, text, &variables).unwrap();
                assert!(
                    !subject.is_empty() && !subject.contains('{') && text.len() > 40,
                    "{kind:?} {subject}"
                );
                assert!(!text.contains("\n\n\n"), "{kind:?} {}: {text}", language.code());
            }
        }
    }
}

#[test]
fn a_template_sees_nothing_else_and_ends() {
    let variables = samples(MailKind::Receipt, Language::English);
    let refused = |text: &str| render("Hello", text, &variables).unwrap_err();
    assert_eq!(refused("{{ password }}").reason, Reason::TEMPLATE_INVALID);
    assert_eq!(refused("{% include \"/etc/passwd\" %}").reason, Reason::TEMPLATE_INVALID);
    assert_eq!(
        refused("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
            .reason,
        Reason::TEMPLATE_INVALID
    );
    let doubled = format!("{{% set a = number %}}{}", "{% set a = a ~ a %}".repeat(40));
    for grows in [
        doubled.as_str(),
        "{{ number * 9999999 }}",
        "{{ [1, 2] + [3] }}",
        "{{ number|replace(\"R\", \"RRRR\") }}",
    ] {
        assert_eq!(refused(grows).reason, Reason::TEMPLATE_INVALID, "{grows}");
    }
    let long = format!("{{% for a in number %}}{}{{% endfor %}}", "x".repeat(20_000));
    assert_eq!(refused(&long).reason, Reason::TEMPLATE_INVALID);
    assert!(refused("one\n{% if %}").message.contains("line 2"));
    assert_eq!(render("{{ seller }}\nBcc: x", "y", &variables).unwrap().0, "Acme Telecom Bcc: x");
}

#[test]
fn who_owes_nothing_is_not_asked_to_pay_and_recharges_are_named_where_there_are_rules() {
    for (language, pays, recharges) in [
        (Language::English, "Pay now", "recharged"),
        (Language::French, "Payer maintenant", "recharge"),
    ] {
        let full = samples(MailKind::DisputeLost, language);
        let (subject, template) = ours(MailKind::DisputeLost, language);
        let text = |variables| render(subject, template, variables).unwrap().1;
        assert!(text(&full).contains(pays) && text(&full).contains(recharges));
        let mut bare = full.clone();
        bare.extend(
            [
                ("is_open", "".into()),
                ("recharge_from", "".into()),
                ("items", serde_json::json!([])),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        assert!(!text(&bare).contains(pays) && !text(&bare).contains(recharges), "{}", text(&bare));
    }
}
