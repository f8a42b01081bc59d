use tidings::{Hub, wire::{Events, Local, State, topics}};

topics! {
    TITLE(board: u32): State<String> = "board/{board}/title";
    CHAT(room: String): Events<String> = "chat/{room}";
    PICKED(board: u32): Local<u64> = "board/{board}/picked";
}

fn wrong(hub: &Hub) {
    let _ = hub.publish(&TITLE.at(7), &3);
}

fn main() {}
