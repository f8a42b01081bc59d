use tidings_wire::{Events, topics};

topics! {
    pub CHAT: Events<String> = "chat" keep 10, "60";
}

fn main() {}
