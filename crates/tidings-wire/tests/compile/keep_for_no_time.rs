use tidings_wire::{Events, topics};

topics! {
    pub CHAT: Events<String> = "chat" keep 10, "0s";
}

fn main() {}
