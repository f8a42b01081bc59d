use tidings_wire::{State, topics};

topics! {
    pub TITLE(a: u8, b: u8, c: u8, d: u8, e: u8): State<String> = "{a}/{b}/{c}/{d}/{e}";
}

fn main() {}
