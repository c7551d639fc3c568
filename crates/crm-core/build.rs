//! Makes a new migration be embedded: the macro that embeds them only notices changes of those that it knows.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
