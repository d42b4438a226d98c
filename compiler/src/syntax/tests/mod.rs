//! Tests of the lexer and the parser, as tables of texts.

mod acceptance;
mod errors;
mod facts;
mod pages;
mod plain;
mod recovery;
mod robust;
mod trees;
mod unparse;
