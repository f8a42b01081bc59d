use tidings_wire::{Signal, topics};

topics! {
    pub BEEP: Signal<()> = "beep" keep 10, "1h";
}

fn main() {}
