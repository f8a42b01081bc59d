use tidings_wire::{State, topics};

topics! {
    pub TITLE(board: u32): State<String> = "board/{board/title";
}

fn main() {}
