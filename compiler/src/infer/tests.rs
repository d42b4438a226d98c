//! Tests of inference through the parser.
