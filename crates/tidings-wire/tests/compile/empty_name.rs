use tidings_wire::{State, topics};

topics! {
    pub TITLE: State<String> = "";
}

fn main() {}
