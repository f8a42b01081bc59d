//! The page against a real server, over sockets that are cut, delayed and split: each component's record shows every
//! message once and in order, or a gap where one is missing.

use std::{cell::Cell, net::SocketAddr, time::Duration};

use axum::Router;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tidings::{Hub, Principal, anyone};
use tidings_axum::{Live, LiveOptions, page_routes};
use tidings_wire::{
    Events, State, Want,
    live::{CHANGE_PATH, DEFAULT_PREFIX, OPEN_PATH},
    sse::Decoder,
    topics,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

topics! {
    SAID(room: u32): Events<u64> = "said/{room}" keep 40;
    LEVEL(room: u32): State<u64> = "level/{room}";
}

const ROOMS: u32 = 5;

/// Far more than anything here takes; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sebastiano Vigna's `splitmix64`: enough chance for a plan.
#[derive(Clone)]
struct Random(Rc<Cell<u64>>);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    fn below(&self, end: u64) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.0.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What stands between page and server.
#[derive(Clone)]
struct Proxy {
    random: Random,
    addr: SocketAddr,
    healthy: Rc<Cell<bool>>,
    cuts: Rc<Cell<u32>>,
}

impl Proxy {
    async fn start(server: SocketAddr, random: Random) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let proxy = Self { random, addr, healthy: Rc::default(), cuts: Rc::default() };
        let serving = proxy.clone();
        tokio::task::spawn_local(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::task::spawn_local(serving.clone().carry(client, server));
            }
        });
        proxy
    }

    /// Carries a connection's bytes both ways, until it is cut: at any byte of either direction.
    async fn carry(self, mut client: TcpStream, server: SocketAddr) {
        let mut server = TcpStream::connect(server).await.unwrap();
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        // One in four connections dies while it asks, the others while they are answered.
        let dies_asking = self.random.below(4) == 0;
        let ask = if dies_asking { self.random.below(400) } else { u64::MAX };
        let answer = if dies_asking { u64::MAX } else { self.random.below(6000) };
        // A cut ends both directions, and so does either end.
        tokio::select! {
            () = self.pump(&mut from_client, &mut to_server, ask) => {}
            () = self.pump(&mut from_server, &mut to_client, answer) => {}
        }
    }

    /// Passes bytes on in pieces, some later than others; cuts the connection after so many.
    async fn pump(
        &self,
        from: &mut (impl tokio::io::AsyncRead + Unpin),
        to: &mut (impl tokio::io::AsyncWrite + Unpin),
        mut left: u64,
    ) {
        let mut buffer = [0; 700];
        loop {
            let piece = 1 + self.random.below(buffer.len() as u64) as usize;
            let Ok(read @ 1..) = from.read(&mut buffer[..piece]).await else { break };
            for _ in 0..self.random.below(3) {
                tokio::task::yield_now().await;
            }
            let passed = if self.healthy.get() { read } else { read.min(usize::try_from(left).unwrap_or(read)) };
            left = left.saturating_sub(passed as u64);
            if to.write_all(&buffer[..passed]).await.is_err() {
                break;
            }
            if passed < read {
                self.cuts.set(self.cuts.get() + 1);
                break;
            }
        }
    }
}

/// What a component was told of one topic.
struct Record {
    room: u32,
    /// The last number that it was painted with.
    painted: Option<u64>,
    heard: Heard,
    hold: HoldId,
}

/// A page behind the proxy.
struct Faulty {
    hub: Hub,
    live: Live,
    random: Random,
    proxy: Proxy,
    page: Page,
    stream: Option<(Incoming, Decoder)>,
    said: [u64; ROOMS as usize],
    records: Vec<Record>,
    /// Those of components that are gone.
    past: Vec<Record>,
    levels: Vec<(u32, Heard)>,
}

impl Faulty {
    async fn new(seed: u64) -> Self {
        let hub = Hub::solo("alpha").unwrap();
        hub.serve(SAID).read(anyone);
        hub.serve(LEVEL).read(anyone);
        let live = Live::new(hub.clone(), LiveOptions::default()).unwrap();
        let router = Router::new().nest(DEFAULT_PREFIX, page_routes(live.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let random = Random::new(seed);
        let proxy = Proxy::start(addr, random.clone()).await;
        let said = [0; ROOMS as usize];
        let (page, records, past, levels) = Default::default();
        Self { hub, live, random, proxy, page, stream: None, said, records, past, levels }
    }

    /// Somebody says the next number in a room.
    fn say(&mut self, room: u32) {
        let said = &mut self.said[room as usize];
        *said += 1;
        self.hub.publish(&SAID.at(room), said).unwrap();
        self.hub.publish(&LEVEL.at(room), said).unwrap();
    }

    /// A component comes, rendered by the server or not.
    fn mount(&mut self, room: u32) {
        let (sink, heard) = component();
        let topic = name(SAID.at(room).as_str());
        let paints = self.random.below(2) == 0;
        let painted = paints.then(|| self.live.paint(Principal::anonymous()).paint(&topic, Want::Last(5)).unwrap());
        let last =
            painted.as_ref().map(|painted| painted.items.last().map_or(0, |item| item.data.get().parse().unwrap()));
        let mut calls = Calls::new();
        let hold = self.page.hold(&topic.into(), Depth::Last(40), painted, sink, &mut calls);
        tell(calls);
        self.records.push(Record { room, painted: last, heard, hold });
    }

    /// A component that shows a room's level comes.
    fn mount_level(&mut self, room: u32) {
        let (_, heard) = value(&mut self.page, LEVEL.at(room).as_str(), None);
        self.levels.push((room, heard));
    }

    fn unmount(&mut self, nth: usize) {
        let record = self.records.swap_remove(nth);
        release(&mut self.page, &record.hold);
        self.past.push(record);
    }

    async fn post(&self, path: &str, body: String) -> Option<hyper::Response<Incoming>> {
        let stream = TcpStream::connect(self.proxy.addr).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = hyper::Request::post(format!("{DEFAULT_PREFIX}{path}"));
        let request = request.header("content-type", "application/json").header("host", "page");
        sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.ok()
    }

    /// As the browser's part does it: no stream is opened, all that is held is asked for.
    async fn open(&mut self) {
        let open = self.page.open();
        let response = self.post(OPEN_PATH, serde_json::to_string(&open).unwrap()).await;
        self.stream = response
            .filter(|response| response.status().is_success())
            .map(|response| (response.into_body(), Decoder::default()));
    }

    /// Sends what has changed; a change that was not taken ends the stream.
    async fn flush(&mut self) {
        let Some(change) = self.page.change() else { return };
        let answer = self.post(CHANGE_PATH, serde_json::to_string(&change).unwrap()).await;
        if answer.is_none_or(|answer| !answer.status().is_success()) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.stream = None;
        self.page.end();
    }

    /// Reads what has come, or waits for something to come.
    async fn read(&mut self, waits: bool) {
        let Some((body, decoder)) = &mut self.stream else { return self.open().await };
        let patience = if waits { PATIENCE } else { Duration::ZERO };
        let Ok(frame) = tokio::time::timeout(patience, body.frame()).await else {
            assert!(!waits, "nothing came");
            return;
        };
        let Some(Ok(frame)) = frame else { return self.end() };
        let Ok(bytes) = frame.into_data() else { return };
        let mut events = Vec::new();
        decoder.read(&bytes, |event| events.push(event));
        for raw in events {
            let event = Event::read(&raw.name, &raw.data).unwrap();
            let id = raw.has_id.then(|| raw.id.parse().ok()).flatten();
            let mut calls = Calls::new();
            self.page.event(&event, id, &mut calls);
            tell(calls);
        }
    }

    /// Traffic and faults.
    async fn live_through(&mut self, steps: u32) {
        for room in 0..ROOMS {
            self.mount_level(room);
            self.mount(room);
        }
        for _ in 0..steps {
            for _ in 0..self.random.below(4) {
                self.say(self.random.below(u64::from(ROOMS)) as u32);
            }
            match self.random.below(12) {
                0 => self.mount(self.random.below(u64::from(ROOMS)) as u32),
                1 if !self.records.is_empty() => self.unmount(self.random.below(self.records.len() as u64) as usize),
                // Away for long enough that histories end.
                2 if self.random.below(8) == 0 => (0..60).for_each(|_| self.say(0)),
                _ => {}
            }
            self.flush().await;
            self.read(false).await;
            tokio::task::yield_now().await;
        }
    }

    /// The network is well, and everyone hears one more number.
    async fn come_to_rest(&mut self) {
        self.proxy.healthy.set(true);
        (0..ROOMS).for_each(|room| self.say(room));
        self.flush().await;
        let told = |heard: &Heard, last: u64| heard.borrow().iter().any(|said| *said == last.to_string());
        let (records, levels) = (std::mem::take(&mut self.records), std::mem::take(&mut self.levels));
        let has = |record: &Record, last| record.painted == Some(last) || told(&record.heard, last);
        while !(records.iter().all(|record| has(record, self.said[record.room as usize]))
            && levels.iter().all(|(room, heard)| told(heard, self.said[*room as usize])))
        {
            self.read(true).await;
        }
        (self.records, self.levels) = (records, levels);
    }

    /// Judges every record; gives back how many numbers were heard, and how many gaps.
    fn judge(&self, seed: u64) -> (usize, usize) {
        let (mut numbers, mut gaps) = (0, 0);
        for record in self.records.iter().chain(&self.past) {
            let mut last = record.painted;
            let mut gapped = false;
            for said in record.heard.borrow().iter() {
                if let Ok(number) = said.parse::<u64>() {
                    let fits = last.is_none_or(|last| number == last + 1 || gapped && number > last);
                    assert!(
                        fits,
                        "seed {seed}, room {}: {number} after {last:?}: {:?}",
                        record.room,
                        record.heard.borrow()
                    );
                    (last, gapped) = (Some(number), false);
                    numbers += 1;
                } else if said.starts_with("gap") {
                    (gapped, gaps) = (true, gaps + 1);
                }
            }
        }
        for (room, heard) in &self.levels {
            let heard = heard.borrow();
            let levels: Vec<u64> = heard.iter().filter_map(|said| said.parse().ok()).collect();
            assert!(levels.is_sorted(), "seed {seed}, room {room}: {levels:?}");
            assert_eq!(levels.last(), Some(&self.said[*room as usize]), "seed {seed}, room {room}");
        }
        (numbers, gaps)
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_anywhere_loses_nothing_silently() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let (mut cuts, mut numbers, mut gaps) = (0, 0, 0);
            let seeds = std::env::var("TIDINGS_FAULT_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(30);
            for seed in 0..seeds {
                let mut faulty = Faulty::new(seed).await;
                faulty.live_through(400).await;
                faulty.come_to_rest().await;
                let (heard, missed) = faulty.judge(seed);
                (numbers, gaps) = (numbers + heard, gaps + missed);
                cuts += faulty.proxy.cuts.get();
            }
            eprintln!("{cuts} cuts, {numbers} numbers heard, {gaps} gaps");
            // A proxy that cuts nothing, or pages that hear nothing, would prove nothing.
            assert!(
                cuts > 10 * seeds as u32 && numbers > 300 * seeds as usize && gaps as u64 > seeds,
                "{cuts} cuts, {numbers} numbers, {gaps} gaps"
            );
        })
        .await;
}
