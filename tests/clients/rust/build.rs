//! Generates the client from the protos in the folder `PAYTERMS_PROTO`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=PAYTERMS_PROTO");
    let root = PathBuf::from(env::var("PAYTERMS_PROTO")?);
    println!("cargo:rerun-if-changed={}", root.join("payterms").display());
    let (mut files, mut folders) = (Vec::new(), vec![root.join("payterms")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                // What only services call is no client's.
                if !path.ends_with("peers") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "proto") {
                files.push(path.strip_prefix(&root)?.to_path_buf());
            }
        }
    }
    files.sort();
    let set = protox::compile(files, [root.clone(), root.join("google")])?;
    tonic_prost_build::configure().build_server(false).include_file("client.rs").compile_fds(set)?;
    Ok(())
}
