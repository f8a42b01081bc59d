use tidings_wire::{State, topics};

topics! {
    pub TITLE: State<String> = "board/../title";
}

fn main() {}
