//! Wrong use of typed topics on the server does not compile. (Wrong declarations: the same in `tidings-wire`.)
//!
//! The compiler's words are kept beside each case. After a change of ours or of the toolchain, look at the new ones and
//! keep them: `TRYBUILD=overwrite cargo test -p tidings --test compile`.

#[test]
fn wrong_use_of_a_hub_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
