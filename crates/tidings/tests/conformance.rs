//! The conformance suite, on a node alone and on the in-process mesh.

use tidings::{BoxFuture, Hub, conformance::TestEngine, testing::Mesh};

mod solo {
    use tidings::Hub;

    tidings::conformance!(alone: Hub::solo("alpha").expect("a plain name"));
}

mod mesh {
    use super::OnMesh;

    tidings::conformance!(OnMesh::default());
}

/// One node of a cluster holds what a node alone does.
mod mesh_of_one {
    use super::OnMesh;

    tidings::conformance!(alone: OnMesh::default().one().await);
}

#[derive(Default)]
struct OnMesh(Mesh);

impl OnMesh {
    async fn one(&self) -> Hub {
        let hub = Hub::solo("alpha").expect("a plain name");
        self.connect(&hub).await;
        hub
    }
}

impl TestEngine for OnMesh {
    fn connect<'a>(&'a self, node: &'a Hub) -> BoxFuture<'a, ()> {
        Box::pin(async { node.connect(self.0.carrier()).await.expect("a name of its own") })
    }

    fn kill(&self, node: Hub) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.kill(node.node_name().as_str()) })
    }

    fn cut(&self, a: &str, b: &str) {
        self.0.cut(a, b);
    }

    fn heal(&self) {
        self.0.heal();
    }
}
