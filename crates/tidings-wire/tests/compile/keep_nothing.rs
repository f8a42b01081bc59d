use tidings_wire::{Events, topics};

topics! {
    pub CHAT: Events<String> = "chat" keep 0;
}

fn main() {}
