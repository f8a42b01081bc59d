use tidings_wire::{State, topics};

topics! {
    pub TITLE: State<String> = "board/the title";
}

fn main() {}
