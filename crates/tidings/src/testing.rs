//! Testing code that uses a hub.

pub use crate::engine::mesh::{Mesh, MeshCarrier};
