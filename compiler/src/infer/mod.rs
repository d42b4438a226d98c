//! Types for one signature at a time: the syntax tree and the types of the arguments in, a table of types out.
//!
//! Flow-sensitive: a variable has the type of its last assignment; where paths join, the types are unified.
//! [`table`] is the contract with `lower`.

pub mod table;

pub use table::{CallPlan, ConstValue, ExprInfo, Inferred, Instance, InstanceId, Resolution, StmtInfo};
