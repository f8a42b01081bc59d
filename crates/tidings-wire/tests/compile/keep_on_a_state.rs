use tidings_wire::{State, topics};

topics! {
    pub TITLE: State<String> = "title" keep 10;
}

fn main() {}
