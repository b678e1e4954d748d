//! Every list filters and orders by what docs/lists.md says and by nothing else. The page is read,
//! and the program asked.

use crate::{contract, plain_http::Curl};
use payterms_chassis::access::is_for_peers;
use payterms_testkit::{World, on_both};
use prost_reflect::MethodDescriptor;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};
use uuid::Uuid;

on_both!(every_list_is_as_its_page_says);

/// The fields of filter and order, by the method's name, as the page's table has them.
fn documented() -> BTreeMap<String, [Vec<String>; 2]> {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lists.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| List"));
    let row = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let names = |cell: &str| cell.split(", ").map(str::to_owned).collect();
        (format!("List{}", cells[0]), [names(cells[1]), names(cells[2])])
    };
    rows.map(row).collect()
}

/// The methods that filter and order.
fn lists() -> Vec<MethodDescriptor> {
    let all =
        contract::methods().into_iter().filter(|method| !is_for_peers(&contract::path(method)));
    all.filter(|method| {
        method.name().starts_with("List") && method.input().get_field_by_name("order_by").is_some()
    })
    .collect()
}

/// What the first refusal of a list says of a field.
fn sentence(answer: &Value, field: &str) -> String {
    let details = answer["details"].as_array().unwrap();
    let told =
        details.iter().filter_map(|value| value["debug"]["fieldViolations"].as_array()).flatten();
    let text = told
        .filter(|value| value["field"] == field)
        .find_map(|value| value["description"].as_str().map(str::to_owned));
    text.unwrap_or_else(|| panic!("{field}: {answer}"))
}

/// A value of a field's kind, from the sentence that refuses another.
fn value(sentence: &str) -> String {
    let (_, form) = sentence.rsplit_once(". Write ").unwrap_or_else(|| panic!("{sentence}"));
    let form = form.trim_end_matches('.');
    let word =
        ["one of ", "such as ", "of the form "].iter().find_map(|before| form.split_once(before));
    let word = word.map_or("true", |(_, after)| after.split([',', ' ']).next().unwrap());
    word.replace("{slug}", "acme").replace("{uuid}", &Uuid::nil().to_string())
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

async fn every_list_is_as_its_page_says(world: &World) {
    world.usual().await;
    let (owner, mut documented) = (Curl::of(world, "OWNER", None), documented());
    for method in lists() {
        let path = contract::path(&method).trim_start_matches('/').to_owned();
        let [filters, orders] = documented
            .remove(method.name())
            .unwrap_or_else(|| panic!("docs/lists.md has no {}", method.name()));
        let ask = async |parent: &str, filter: &str, order: &str| {
            owner
                .json(&path, &json!({ "parent": parent, "filter": filter, "orderBy": order }))
                .await
        };
        let mut parents = [
            "",
            "/customers/-",
            "/customers/-/wallets/-",
            "/customers/-/invoices/-",
            "/customers/-/creditLines/-",
        ]
        .iter();
        let parent = loop {
            let parent = format!(
                "tenants/acme{}",
                parents.next().unwrap_or_else(|| panic!("{path}: no parent"))
            );
            if ask(&parent, "", "").await.0 == StatusCode::OK {
                break parent;
            }
        };
        let ask = async |filter: &str, order: &str| ask(&parent, filter, order).await;
        let (_, refused) = ask("nonsense = 1", "nonsense").await;
        let known = |field: &str, before: &str| {
            let sentence = sentence(&refused, field);
            let names = sentence.split_once(before).unwrap_or_else(|| panic!("{sentence}")).1;
            let names =
                names.split_once(", with").map_or(names.trim_end_matches('.'), |(names, _)| names);
            sorted(&names.split(", ").map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(known("filter", "Compare one of "), sorted(&filters), "{path}: filter");
        assert_eq!(known("order_by", "Order by one of "), sorted(&orders), "{path}: order");
        for field in &filters {
            let field = field.replace("KEY", "region");
            let mut answer = ask(&format!("{field} = ?"), "").await;
            if answer.0 == StatusCode::BAD_REQUEST {
                answer =
                    ask(&format!("{field} != {}", value(&sentence(&answer.1, "filter"))), "").await;
            }
            assert_eq!(answer.0, StatusCode::OK, "{path}: {field}: {}", answer.1);
        }
        for order in orders.iter().flat_map(|order| [order.clone(), format!("{order} desc")]) {
            let answer = ask("", &order).await;
            assert_eq!(answer.0, StatusCode::OK, "{path}: {order}: {}", answer.1);
        }
    }
    assert!(documented.is_empty(), "docs/lists.md has lists that are none: {documented:?}");
}
