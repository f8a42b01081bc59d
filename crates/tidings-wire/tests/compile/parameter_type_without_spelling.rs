use tidings_wire::{State, topics};

topics! {
    pub TITLE(board: f64): State<String> = "board/{board}/title";
}

fn main() {}
