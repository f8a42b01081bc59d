use tidings_wire::topics;

topics! {
    pub TITLE: String = "title";
}

fn main() {}
