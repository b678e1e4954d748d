//! The names that generated clients get: each proto says its package in every language that has an
//! option for it, so that a client needs no settings of its own, and all files of a package say the
//! same.

use prost_reflect::{DescriptorPool, FileDescriptor, prost_types::FileOptions};

/// Notes each file whose options are missing, or are not those of its package.
pub fn check(wrong: &mut Vec<String>) {
    match DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET) {
        Ok(pool) => wrong.extend(pool.files().flat_map(|file| faults(&file))),
        Err(error) => wrong.push(format!("the descriptors cannot be read: {error}")),
    }
}

/// What is wrong with the options of one file.
fn faults(file: &FileDescriptor) -> Vec<String> {
    let options = file.file_descriptor_proto().options.clone().unwrap_or_default();
    let given = given(&options);
    if let Some(package) = file.package_name().strip_prefix("payterms.") {
        let wanted = expected(package);
        let pairs = given.iter().zip(&wanted).filter(|((_, given), wanted)| given != *wanted);
        return pairs
            .map(|((option, given), wanted)| {
                format!("{}: {option} is {given:?}; say {wanted:?}", file.name())
            })
            .collect();
    }
    // What Google publishes: a client takes those of its own library by the same names.
    let needed = ["go_package", "java_package"];
    let missing =
        given.iter().filter(|(option, given)| needed.contains(option) && given.is_empty());
    missing.map(|(option, _)| format!("{}: no {option}", file.name())).collect()
}

/// The options of a file, in the order of [`expected`].
fn given(options: &FileOptions) -> [(&'static str, String); 6] {
    [
        ("go_package", options.go_package().to_owned()),
        ("java_package", options.java_package().to_owned()),
        ("java_multiple_files", options.java_multiple_files().to_string()),
        ("csharp_namespace", options.csharp_namespace().to_owned()),
        ("php_namespace", options.php_namespace().to_owned()),
        ("ruby_package", options.ruby_package().to_owned()),
    ]
}

/// The options of the files of a package, such as `wallet.v1`.
fn expected(package: &str) -> [String; 6] {
    let parts: Vec<_> = package.split('.').collect();
    let capitals: Vec<_> = parts
        .iter()
        .map(|part| {
            format!(
                "{}{}",
                part.get(..1).unwrap_or_default().to_uppercase(),
                part.get(1..).unwrap_or_default()
            )
        })
        .collect();
    [
        format!("payterms.dev/go/{};{}", parts.join("/"), parts.concat()),
        format!("dev.payterms.{package}"),
        "true".to_owned(),
        format!("Payterms.{}", capitals.join(".")),
        format!("Payterms\\{}", capitals.join("\\")),
        format!("Payterms::{}", capitals.join("::")),
    ]
}

#[cfg(test)]
mod tests {
    use super::faults;
    use prost_reflect::{
        DescriptorPool,
        prost_types::{FileDescriptorProto, FileDescriptorSet, FileOptions},
    };

    fn problems(package: &str, options: FileOptions) -> Vec<String> {
        let file = FileDescriptorProto {
            name: Some("a.proto".into()),
            package: Some(package.into()),
            options: Some(options),
            ..FileDescriptorProto::default()
        };
        let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] })
            .unwrap();
        faults(&pool.files().next().unwrap())
    }

    #[test]
    fn a_file_without_its_options_or_with_those_of_another_package_is_found() {
        assert_eq!(problems("payterms.wallet.v1", FileOptions::default()).len(), 6);
        let of_wallet = FileOptions {
            go_package: Some("payterms.dev/go/wallet/v1;walletv1".into()),
            java_package: Some("dev.payterms.wallet.v1".into()),
            java_multiple_files: Some(true),
            csharp_namespace: Some("Payterms.Wallet.V1".into()),
            php_namespace: Some("Payterms\\Wallet\\V1".into()),
            ruby_package: Some("Payterms::Wallet::V1".into()),
            ..FileOptions::default()
        };
        assert!(problems("payterms.wallet.v1", of_wallet.clone()).is_empty());
        assert_eq!(problems("payterms.credit.v1", of_wallet.clone()).len(), 5);
        let one = FileOptions { ruby_package: Some("Payterms".into()), ..of_wallet };
        assert_eq!(
            problems("payterms.wallet.v1", one),
            ["a.proto: ruby_package is \"Payterms\"; say \"Payterms::Wallet::V1\""]
        );
        assert_eq!(
            problems("google.type", FileOptions::default()),
            ["a.proto: no go_package", "a.proto: no java_package"]
        );
    }
}
