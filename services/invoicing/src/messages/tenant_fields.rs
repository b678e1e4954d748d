//! What a request says of a tenant: requests → commands.

use super::{addresses::address, tax_rules::tax_rules};
use crate::commands::tenants::TenantFields;
use payterms_chassis::{Fields, fields::Digits};
use payterms_invoicing_domain::{Business, Dunning, PaymentNotice, bank::Automation};
use payterms_kernel::{Money, Reason};
use payterms_proto::invoicing::v1 as pb;

/// A field is checked when it will be used.
pub(super) fn tenant_fields(
    fields: &mut Fields,
    tenant: &pb::Tenant,
    used: impl Fn(&str) -> bool,
) -> TenantFields {
    let text = |fields: &mut Fields, name: &str, text: &str, least: usize, most: usize| {
        if used(name) {
            fields.printed(&format!("tenant.{name}"), text, least, most)
        } else {
            String::new()
        }
    };
    let time_zone = text(fields, "time_zone", &tenant.time_zone, 1, 64);
    if used("time_zone") && time_zone.parse::<chrono_tz::Tz>().is_err() {
        fields.wrong(
            "tenant.time_zone",
            Reason::TIME_ZONE_INVALID,
            "Use a name of the IANA database such as Australia/Sydney.",
        );
    }
    TenantFields {
        display_name: text(fields, "display_name", &tenant.display_name, 1, 200),
        country: if used("country") {
            fields.country("tenant.country", &tenant.country)
        } else {
            String::new()
        },
        time_zone,
        sandbox: tenant.sandbox,
        invoices_hidden: tenant.invoices_hidden,
        overpayment_refused: tenant.overpayment_refused,
        payment_notice: if used("payment_notice") {
            payment_notice(fields, tenant.payment_notice)
        } else {
            None
        },
        bank_automation: if used("bank_automation") {
            bank_automation(fields, tenant.bank_automation)
        } else {
            None
        },
        business: if used("business") {
            business(fields, &tenant.business.clone().unwrap_or_default())
        } else {
            Business::default()
        },
        dunning: if used("dunning") {
            dunning(fields, &tenant.dunning.clone().unwrap_or_default())
        } else {
            Dunning::default()
        },
        transfer_tolerances: figures(
            fields,
            "transfer_tolerances",
            &tenant.transfer_tolerances,
            &used,
        ),
        approval_limits: figures(fields, "approval_limits", &tenant.approval_limits, &used),
        tax_rules: if used("tax_rules") {
            tax_rules(fields, &tenant.tax_rules)
        } else {
            Vec::new()
        },
        etag: fields.token("tenant.etag", &tenant.etag, 0, 100),
    }
}

/// What a customer is sent for a payment; none where a new tenant leaves it open.
fn payment_notice(fields: &mut Fields, value: i32) -> Option<PaymentNotice> {
    use pb::tenant::PaymentNotice as Asked;
    if value == 0 {
        return None;
    }
    Some(match fields.choice::<Asked>("tenant.payment_notice", value)? {
        Asked::None => PaymentNotice::None,
        Asked::Receipt => PaymentNotice::Receipt,
        Asked::Unspecified | Asked::Confirmation => PaymentNotice::Confirmation,
    })
}

/// How far bank lines are matched without a person; none where a new tenant leaves it open.
fn bank_automation(fields: &mut Fields, value: i32) -> Option<Automation> {
    use pb::tenant::BankAutomation;
    if value == 0 {
        return None;
    }
    Some(match fields.choice::<BankAutomation>("tenant.bank_automation", value)? {
        BankAutomation::Off => Automation::Off,
        BankAutomation::ReferenceAndAmount => Automation::ReferenceAndAmount,
        BankAutomation::Unspecified | BankAutomation::Reference => Automation::Reference,
    })
}

fn dunning(fields: &mut Fields, dunning_settings: &pb::DunningSettings) -> Dunning {
    const MOST_STEPS: usize = 20;
    if dunning_settings.reminder_days.len() > MOST_STEPS {
        fields.wrong(
            "tenant.dunning.reminder_days",
            Reason::TOO_MANY_ITEMS,
            "Remind at most 20 times.",
        );
    }
    let mut reminder_days = Vec::new();
    for day in dunning_settings.reminder_days.iter().take(MOST_STEPS) {
        if !(-365..=365).contains(day) {
            fields.wrong(
                "tenant.dunning.reminder_days",
                Reason::FIELD_OUT_OF_RANGE,
                "Use -365 to 365 days from the due date.",
            );
        }
        let day = i16::try_from(*day).unwrap_or_default();
        if reminder_days.contains(&day) {
            fields.wrong(
                "tenant.dunning.reminder_days",
                Reason::DUPLICATE_ITEM,
                "Write each day once.",
            );
        }
        reminder_days.push(day);
    }
    reminder_days.sort_unstable();
    let days = fields.number(
        "tenant.dunning.suspend_after_days",
        dunning_settings.suspend_after_days,
        0..=365,
    );
    Dunning {
        suspend_after_days: u16::try_from(days)
            .ok()
            .filter(|_| dunning_settings.suspend_overdue_services),
        reminder_days,
    }
}

fn business(fields: &mut Fields, business_details: &pb::BusinessDetails) -> Business {
    let at = |name: &str| format!("tenant.business.{name}");
    let portal_url = fields.text(&at("portal_url"), &business_details.portal_url, 0, 200);
    if !portal_url.is_empty() && !portal_url.starts_with("https://") {
        fields.wrong(
            &at("portal_url"),
            Reason::FIELD_INVALID_CHARS,
            "Use an address that begins with https://.",
        );
    }
    Business {
        legal_name: fields.printed(&at("legal_name"), &business_details.legal_name, 0, 200),
        address: business_details
            .address
            .as_ref()
            .map(|each| address(fields, &at("address"), each)),
        tax_id: fields.reference(&at("tax_id"), &business_details.tax_id, 0, 40),
        legal_mentions: fields.printed(
            &at("legal_mentions"),
            &business_details.legal_mentions,
            0,
            1_000,
        ),
        contact_email: fields.email(&at("contact_email"), &business_details.contact_email),
        portal_url,
        bank_details: {
            let details =
                fields.reference(&at("bank_details"), &business_details.bank_details, 0, 300);
            fields.must_be_printable(&at("bank_details"), &business_details.bank_details);
            details
        },
    }
}

/// Amounts, one a currency.
fn figures(
    fields: &mut Fields,
    name: &str,
    amounts: &[payterms_proto::google::r#type::Money],
    used: &impl Fn(&str) -> bool,
) -> Vec<Money> {
    let field = format!("tenant.{name}");
    if !used(name) {
        return Vec::new();
    }
    if amounts.len() > 50 {
        fields.wrong(&field, Reason::TOO_MANY_ITEMS, "Send at most 50 figures.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (place, figure) in amounts.iter().take(50).enumerate() {
        let figure = fields.money(&format!("{field}[{place}]"), Some(figure), Digits::MinorUnit);
        if parsed.iter().any(|other| other.currency() == figure.currency()) {
            fields.wrong(
                &format!("{field}[{place}]"),
                Reason::DUPLICATE_ITEM,
                "Write one figure per currency.",
            );
        }
        parsed.push(figure);
    }
    parsed
}
