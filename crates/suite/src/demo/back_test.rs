//! S1, two versions of the standard policy: what version 1 would have decided where version 2 did.

use super::stage::{Stage, TENANT, must_hold, sentence_of, shown};
use payterms_proto::credit::v1::{BackTestPolicyRequest, ListPoliciesRequest, policy::State};

/// Compares both on the decisions of the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &Stage) -> Result<(), String> {
    let owner = stage.someone("OWNER")?;
    let list = ListPoliciesRequest {
        parent: format!("tenants/{TENANT}"),
        ..ListPoliciesRequest::default()
    };
    let policies =
        owner.policies().list_policies(list).await.map_err(sentence_of)?.into_inner().policies;
    let published = policies.into_iter().filter(|policy| policy.state() == State::Published);
    let first = published
        .min_by_key(|policy| policy.number)
        .ok_or("this does not hold: a policy is published")?;
    let request = BackTestPolicyRequest { name: first.name };
    let tested = owner
        .policies()
        .back_test_policy(request)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .decisions;
    must_hold(tested.len() >= 2, "version 1 is tried on the decisions of version 2")?;
    let mut texts = Vec::new();
    for back_tested in &tested {
        let [was, would_be] = [back_tested.outcome(), back_tested.would_be()]
            .map(|outcome| outcome.as_str_name().trim_start_matches("OUTCOME_"));
        let (limit, other) =
            (shown(back_tested.limit.as_ref()), shown(back_tested.limit_would_be.as_ref()));
        texts.push(format!("version 2 {was}, {limit}, and version 1 {would_be}, {other}"));
    }
    stage.print_step(
        "Owner",
        &format!("tries version 1 on what version 2 has decided: {}.", texts.join("; ")),
    );
    Ok(())
}
