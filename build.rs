//! Links GCC's unwinder into the program. Rust's library has to have one, for backtraces, and would load
//! libgcc_s for it at each start, which is a twentieth of a short run.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const UNWINDER: &str = "libgcc_eh.a";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" || target("FEATURE").contains("crt-static")
    {
        return;
    }
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let answer = Command::new(linker).arg(format!("-print-file-name={UNWINDER}")).output();
    // One that does not have it repeats the name; what is no compiler driver does not know the question.
    let path = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).trim_end().to_owned());
    let path = PathBuf::from(path.unwrap_or_default());
    if let Some(folder) = path.parent().filter(|_| path.is_absolute()) {
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
