use tidings_wire::{Events, topics};

topics! {
    pub CHAT: Events<String> = "chat" keep 10, "50000d";
}

fn main() {}
