use tidings_wire::{State, topics};

topics! {
    pub TITLE(board: u32, board: u32): State<String> = "board/{board}/{board}";
}

fn main() {}
