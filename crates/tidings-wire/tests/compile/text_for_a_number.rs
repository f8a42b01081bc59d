use tidings_wire::{State, topics};

topics! {
    pub TITLE(board: u32, card: u64): State<String> = "board/{board}/card/{card}/title";
}

fn main() {
    TITLE.at("7", 3);
}
