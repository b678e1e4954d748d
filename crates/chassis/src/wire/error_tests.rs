//! What a refusal is as a status: documented, the same bytes each time, and small enough.

use super::refused;
use payterms_kernel::{Condition, Reason, Refusal, Violation};

#[test]
fn what_the_contract_does_not_say_of_a_reason_is_a_fault() {
    use payterms_kernel::Kind;
    use tonic::Code;
    let state = Refusal::state(Reason::HOLD_STATE, "The hold", "VOIDED", &[]);
    assert_eq!(refused(state.clone()).code(), Code::FailedPrecondition);
    for wrong in [state.with("hint", 1), Refusal::new(Kind::Denied, Reason::HOLD_STATE, "No.")] {
        let status = refused(wrong);
        assert!(
            status.code() == Code::Internal
                && status.message().starts_with("Not in error_reason.proto"),
            "{status:?}"
        );
    }
}

#[test]
fn a_refusal_is_the_same_bytes_each_time() {
    use tonic_types::StatusExt;
    let refusal = Refusal::state(Reason::HOLD_STATE, "The hold", "VOIDED", &["ACTIVE"]);
    let first = refused(refusal.clone());
    assert!(first.get_details_error_info().unwrap().metadata.len() > 1, "{first:?}");
    for _ in 0..20 {
        assert_eq!(refused(refusal.clone()).details(), first.details());
    }
}

#[test]
fn a_refusal_of_very_much_still_fits_a_header() {
    let description =
        "INV-2026-000001 has 1,000.00 USD in a payment under way; wait for its end, please."
            .to_owned();
    let subject =
        "tenants/acme/customers/0199f000-0000-7000-8000-000000000000/invoices/0199f000-0000-7000-8000-000000000000".to_owned();
    let condition = Condition {
        name: Reason::PAYMENT_PENDING.name(),
        subject: subject.clone(),
        description: description.clone(),
    };
    let state = Refusal::precondition(Reason::PAYMENT_PENDING, "Much.")
        .with_conditions(vec![condition; 500]);
    let fields = Refusal::invalid(vec![
        Violation {
            field: subject,
            reason: Reason::DUPLICATE_ITEM,
            description
        };
        500
    ]);
    let values = "Choose one of many values. ".repeat(50);
    let lists = Refusal::invalid(vec![
        Violation {
            field: "a.b".to_owned(),
            reason: Reason::ENUM_INVALID,
            description: values
        };
        500
    ]);
    for refusal in [state, fields, lists] {
        // In base64 a third more; headers may have 16 KiB in all.
        assert!(refused(refusal).details().len() < 11_000);
    }
}
