use tidings_wire::{Events, topics};

topics! {
    pub CHAT: Events<String> = "chat" keep 10, "1w";
}

fn main() {}
