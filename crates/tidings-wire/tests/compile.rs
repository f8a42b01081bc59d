//! Wrong use of typed topics does not compile, and the compiler says what is wrong.
//!
//! The words are kept beside each case. After a change of ours or of the toolchain, look at the new ones and keep them:
//! `TRYBUILD=overwrite cargo test -p tidings-wire --test compile`.

#[test]
fn wrong_declarations_and_wrong_use_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
