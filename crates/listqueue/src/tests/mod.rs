//! Tests that look inside: the invariants, and the list against a naive model of itself.

mod audit;
mod edges;
mod image;
mod model;
mod shape;
mod sharing;
