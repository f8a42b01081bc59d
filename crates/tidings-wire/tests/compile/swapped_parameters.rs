use tidings_wire::{State, topics};

topics! {
    pub TITLE(card: u64, board: u32): State<String> = "board/{board}/card/{card}/title";
}

fn main() {}
