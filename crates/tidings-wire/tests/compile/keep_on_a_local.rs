use tidings_wire::{Local, topics};

topics! {
    pub PICKED: Local<u32> = "picked" keep 10;
}

fn main() {}
