//! Compiles the contract with protox: no protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

#[expect(clippy::disallowed_methods, reason = "a build script is configured by the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=payterms");
    let mut files = Vec::new();
    let mut folders = vec![root.join("payterms")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "proto") {
                files.push(path.strip_prefix(&root)?.to_path_buf());
            }
        }
    }
    files.sort();
    let mut compiler = protox::Compiler::new([root.clone(), root.join("google")])?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    let mut config = prost_build::Config::new();
    // Maps in the order of their keys: the same request has the same bytes, by which a retry is
    // known.
    config.enable_type_names().bytes(["."]).btree_map([".payterms"]);
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    let set = compiler.file_descriptor_set();
    let mut requests = String::new();
    for file in set.file.iter().filter(|file| file.package().starts_with("payterms.")) {
        for message in
            file.message_type.iter().filter(|message| message.name().ends_with("Request"))
        {
            let is_checkable = message.field.iter().any(|field| field.name() == "validate_only");
            requests += &request(file.package(), message.name(), is_checkable);
        }
    }
    fs::write(out.join("requests.rs"), requests)?;
    // Comments are most of the descriptors, in memory even more than in bytes.
    compiler.include_source_info(false);
    fs::write(out.join("descriptors_without_comments.bin"), compiler.encode_file_descriptor_set())?;
    Ok(())
}

/// What is the same in all requests, as code: one that has the field `validate_only` gives it away,
/// any other has none.
fn request(package: &str, name: &str, is_checkable: bool) -> String {
    let message = format!("crate::{}::{name}", package.replace('.', "::"));
    let taken = if is_checkable { "std::mem::take(&mut self.validate_only)" } else { "false" };
    format!(
        "impl crate::RequestMessage for {message} {{ fn take_validate_only(&mut self) -> bool {{ {taken} }} }}\n"
    )
}
