use tidings_wire::{Events, topics};

topics! {
    pub CHAT: Events<String> = "chat" keep 5000000000;
}

fn main() {}
