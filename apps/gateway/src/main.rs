//! The program `crm-gateway`; everything it does is in the library.

use std::process::ExitCode;

/// Faster by 5 to 15 % on requests that reach the database than the system's (docs/dependencies.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    crm_gateway::cli::run()
}
