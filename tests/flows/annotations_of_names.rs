//! Where the contract says that a field names a resource, its service takes names of the form of
//! that resource.

use crate::{
    annotations::{Behaviour, Doors, has, inner, resource, stand_in},
    contract::methods,
};
use payterms_testkit::{Database, World};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use std::collections::HashMap;

/// The resource that a field names, such as `payterms.dev/Wallet`; empty where it names none, `*`
/// for one of several.
fn reference(field: &FieldDescriptor) -> String {
    let extension =
        field.parent_pool().get_extension_by_name("google.api.resource_reference").unwrap();
    let options = field.options();
    let given = options.get_extension(&extension);
    given.as_message().unwrap().get_field_by_name("type").unwrap().as_str().unwrap().to_owned()
}

/// The form of a name as refusals write it: `tenants/{slug}/customers/{uuid}`.
fn form(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| match part {
        "{tenant}" => "{slug}",
        part if part.starts_with('{') => "{uuid}",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_the_pattern_of_its_resource() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let doors = Doors::open(&world).await;
    let pool = methods()[0].parent_pool().clone();
    let patterns: HashMap<_, _> =
        pool.all_messages().filter_map(|message| resource(&message)).collect();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for method in methods().into_iter().filter(|method| !method.is_client_streaming()) {
        let mut places = vec![(String::new(), method.input(), DynamicMessage::new(method.input()))];
        // A resource in a request is named where it is changed.
        places.extend(
            inner(&method.input()).into_iter().filter(|(place, kind, _)| {
                !place.contains('.') && !kind.name().ends_with("Request")
            }),
        );
        for (place, kind, _) in places {
            for field in kind.fields().filter(|field| field.kind() == Kind::String) {
                let text = has(&field, Behaviour::Identifier).then(|| resource(&kind).unwrap().0);
                let named = text.unwrap_or_else(|| reference(&field));
                if named.is_empty() || named == "*" {
                    continue;
                }
                let Some(pattern) = patterns.get(&named) else {
                    wrong.push(format!("{}: there is no {named}", field.full_name()));
                    continue;
                };
                let mut holder = DynamicMessage::new(kind.clone());
                holder.set_field(&field, stand_in(&field));
                let mut request = DynamicMessage::new(method.input());
                let at = if place.is_empty() {
                    request = holder;
                    field.name().to_owned()
                } else {
                    let outer =
                        method.input().get_field_by_name(place.trim_end_matches("[0]")).unwrap();
                    request.set_field(
                        &outer,
                        if outer.is_list() {
                            Value::List(vec![Value::Message(holder)])
                        } else {
                            Value::Message(holder)
                        },
                    );
                    format!("{place}.{}", field.name())
                };
                let field_violations = doors.violations_of(&method, &request).await;
                let about = field_violations
                    .iter()
                    .find(|one| one.field == at || one.field == format!("{at}[0]"));
                match about.filter(|one| one.reason == "RESOURCE_NAME_INVALID") {
                    Some(one) => {
                        compared += 1;
                        let said = one
                            .description
                            .trim_start_matches("Use the form ")
                            .split([';', ','])
                            .next()
                            .unwrap()
                            .trim_end_matches('.');
                        if said != form(pattern) {
                            wrong.push(format!(
                                "{} {at}: takes {said}, says {named}, {}",
                                method.full_name(),
                                form(pattern)
                            ));
                        }
                    }
                    // Where a resource is made, its name and what only the service sets are not
                    // read.
                    None if !place.is_empty() => {}
                    None => wrong.push(format!(
                        "{} {at}: takes x: {field_violations:?}",
                        method.full_name()
                    )),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 200, "{compared}");
    world.end().await;
}
