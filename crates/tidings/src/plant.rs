//! Bugs planted on purpose: each rule of the design has one, and the simulator or the schedules have to find it.
//!
//! Outside of tests there are none: [`planted`] is a constant.

/// A rule broken on purpose.
#[cfg_attr(not(test), allow(dead_code, reason = "only tests plant"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// A range is applied although what lies before it is missing.
    HoleAppliedOver,
    /// What is gone at the server of a repair is not told.
    RepairWithoutGaps,
    /// The vector follows a beat instead of what was applied.
    VectorJumpsAtBeat,
    /// A resume is served before the node has what the cursor covers.
    ResumeBeforeCaughtUp,
    /// An older value of a State topic replaces a newer one.
    OlderValueWins,
    /// A dead node's last messages are not asked for elsewhere.
    DeadIsNotPulled,
    /// What the ring lets go of is not remembered.
    EvictionForgotten,
    /// What a cursor covers is handed out again.
    FloorIgnored,
    /// After a repair, what is to be sent next is taken to be sent.
    NeedNotServed,
    /// A topic that was forgotten begins again as if nothing had ever been on it.
    ForgottenBeginsAnew,
    /// A node says that it filters by an interest from its first message on.
    InterestAnsweredAtOnce,
    /// A Signal is subscribed to before its peers have answered.
    InterestNotAwaited,
    /// A topic that begins is not introduced to the patterns that match.
    TopicNotIntroduced,
    /// A pattern is taken up again as if no topic of it had been forgotten meanwhile.
    PatternForgetsForgotten,
    /// A retry that another node stamped is applied although its first is here.
    RetryApplied,
    /// What other nodes did not send while nobody asked is not remembered.
    InterestFloorIgnored,
    /// What is pulled from another node than its origin is taken to be all of it.
    PullHidesSignals,
    /// What a repair may hide on topics that the node does not know is not told to who holds patterns.
    PatternsNotTold,
    /// A value that was superseded at the server of a repair is left out, though nobody else may get what did so.
    SupersededByTheUnknown,
    /// A deletion that is no more remembered is undone by a node that was away.
    DeletionsNotSynced,
    /// A dead node's entries stay.
    GhostsStay,
    /// Who has no handle any more leaves at once.
    GraceIgnored,
    /// An entry of a dead node leaves although its page is back elsewhere.
    LeavesThoughBack,
    /// Changes of presences are applied although some before them are missing.
    PresenceHoleAppliedOver,
    /// That a node's presences have come further is not believed before the next change of them.
    HeadNotBelieved,
    /// What a list does not name stays.
    UnlistedStay,
    /// A shard takes its inbox first and reads the log's index then, in a step of its own.
    IndexAfterInbox,
    /// A shard publishes its marked index before it has marked.
    IndexBeforeMarks,
    /// A shard wakes its readers before it publishes its marked index.
    WakeBeforeIndex,
    /// A publisher marks for a shard although its inbox holds something that lies below.
    OwnRoundOverInbox,
    /// A reader that a round has marked, and not waked yet, is not waked by the next round.
    WakesForAnotherRound,
    /// A reader empties its mailbox before it loads the marked index.
    MailboxBeforeIndex,
    /// A reader looks whether its shard has moved on, and only then locks its mailbox to wait.
    LooksBeforeItWaits,
    /// A message is stamped in one step and appended in another.
    StampBeforeAppend,
    /// A reader takes its place in the log before it listens.
    PlaceBeforeListening,
    /// A join's history begins above the join's place, where the ring has let go of something meanwhile.
    HistoryAboveItsJoin,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Plant>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is planted.
#[cfg(test)]
pub(crate) fn planted(plant: Plant) -> bool {
    PLANTED.get() == Some(plant)
}

/// Whether this bug is planted: never.
#[cfg(not(test))]
pub(crate) const fn planted(_: Plant) -> bool {
    false
}

/// Plants a bug for as long as the guard lives.
#[cfg(test)]
pub(crate) fn plant(plant: Option<Plant>) {
    PLANTED.set(plant);
}
