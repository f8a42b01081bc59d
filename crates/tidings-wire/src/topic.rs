//! Typed topics: one declaration, compiled for both sides.

use std::{fmt, marker::PhantomData};

use crate::{Keep, NameError, Param, Pattern, TopicKind, TopicName};

/// A kind of topic with its payload, as a type: [`State`], [`Events`], [`Signal`], [`Local`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of topic",
    label = "expected `State<T>`, `Events<T>`, `Signal<T>` or `Local<T>`"
)]
pub trait Kind: 'static {
    /// What one message or value is.
    type Payload: 'static;
    /// The kind as a value.
    const KIND: TopicKind;
    /// What such a topic keeps unless its declaration says otherwise.
    const KEEP: Keep;
}

/// Kinds that live on the server: all but [`Local`].
#[diagnostic::on_unimplemented(
    message = "a topic of kind `{Self}` never leaves the browser",
    label = "the server knows State, Events and Signal topics"
)]
pub trait Remote: Kind {}

/// Kinds whose topics have something to show to who comes later: [`State`] and [`Events`].
#[diagnostic::on_unimplemented(
    message = "a topic of kind `{Self}` keeps nothing",
    label = "only State and Events topics have something to show"
)]
pub trait Retained: Remote {}

/// The kind with a history whose length is the declaration's to say: [`Events`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`keep` belongs to Events: a topic of kind `{Self}` has no history",
    label = "only an Events topic says what it keeps"
)]
pub trait History: Retained {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $keep:ident [$($is:ident)*];)+) => {$(
        $(#[$doc])*
        pub struct $name<T>(PhantomData<fn() -> T>);

        impl<T: 'static> Kind for $name<T> {
            type Payload = T;
            const KIND: TopicKind = TopicKind::$name;
            const KEEP: Keep = Keep::$keep;
        }

        $(impl<T: 'static> $is for $name<T> {})*
    )+};
}

kinds! {
    /// A topic that keeps its newest value.
    State STATE [Remote Retained];
    /// A topic that keeps a history.
    Events EVENTS [Remote Retained History];
    /// A topic that keeps nothing.
    Signal SIGNAL [Remote];
    /// A topic that never leaves the browser.
    Local SIGNAL [];
}

/// A family of topics: a name with typed parameters `P`, a kind with its payload `K`.
///
/// Made by [`topics!`](crate::topics), `Copy`, and free: it holds a literal and a limit.
pub struct Topic<K, P> {
    /// `board/{board}/title`: parameters are whole segments.
    template: &'static str,
    keep: Keep,
    typed: PhantomData<fn() -> (K, P)>,
}

impl<K, P> Clone for Topic<K, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, P> Copy for Topic<K, P> {}

/// What [`topics!`](crate::topics) expands to: checks at compile time that the name is well-formed and that its
/// parameters are the declared ones, in order.
#[doc(hidden)]
#[must_use]
pub const fn declare<K: Kind, P: Params>(template: &'static str, params: &[&str], keep: Keep) -> Topic<K, P> {
    let bytes = template.as_bytes();
    assert!(!bytes.is_empty(), "a topic's name is not empty");
    assert!(bytes.len() <= crate::NAME_BYTES_MAX, "the topic's name is too long");
    let (mut at, mut param, mut segments) = (0, 0, 0);
    loop {
        segments += 1;
        assert!(segments <= crate::NAME_SEGMENTS_MAX, "the topic's name has too many segments");
        let start = at;
        while at < bytes.len() && bytes[at] != b'/' {
            at += 1;
        }
        assert!(at > start, "a segment of the topic's name is empty");
        if bytes[start] == b'{' {
            assert!(bytes[at - 1] == b'}', "a parameter is a whole segment: `a/{{b}}/c`");
            assert!(param < params.len(), "the name has more parameters than are declared");
            assert!(
                same(bytes, start + 1, at - 1, params[param]),
                "the name's parameters are not the declared ones, in order"
            );
            let mut before = 0;
            while before < param {
                let other = params[before].as_bytes();
                assert!(!same(other, 0, other.len(), params[param]), "two parameters have one name");
                before += 1;
            }
            param += 1;
        } else {
            let mut byte = start;
            let dots = at - start <= 2 && bytes[start] == b'.' && bytes[at - 1] == b'.';
            assert!(!dots, "a segment is not `.` or `..`");
            while byte < at {
                assert!(crate::name::is_plain(bytes[byte]), "a plain segment holds only A-Z a-z 0-9 _ . -");
                byte += 1;
            }
        }
        if at == bytes.len() {
            break;
        }
        at += 1;
    }
    assert!(param == params.len(), "a declared parameter does not stand in the name");
    assert!(keep.count > 0 && keep.age_s > 0, "a topic keeps at least one message for a second");
    Topic { template, keep, typed: PhantomData }
}

/// What [`topics!`](crate::topics) makes of `keep`.
#[doc(hidden)]
#[must_use]
pub const fn keep<K: History>(count: u32, age: Option<&str>) -> Keep {
    let age_s = match age {
        Some(age) => Keep::seconds(age),
        None => K::KEEP.age_s,
    };
    Keep { count, age_s }
}

const fn same(bytes: &[u8], from: usize, to: usize, other: &str) -> bool {
    let other = other.as_bytes();
    if to < from || to - from != other.len() {
        return false;
    }
    let mut at = 0;
    while at < other.len() {
        if bytes[from + at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl<K: Kind, P> Topic<K, P> {
    /// The pattern of the whole family: `board/*/title`.
    #[must_use]
    pub fn family(&self) -> TopicPattern<K> {
        self.pattern(&[])
    }

    /// What its topics keep.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        self.keep
    }

    /// The name as declared: `board/{board}/title`.
    #[must_use]
    pub const fn template(&self) -> &'static str {
        self.template
    }

    fn fill(&self, params: &[String]) -> TopicRef<K> {
        let text = self.filled(params);
        let name = TopicName::new(&text).map_err(|error| (text, error));
        TopicRef { name, keep: self.keep, typed: PhantomData }
    }

    fn pattern(&self, params: &[String]) -> TopicPattern<K> {
        let text = self.filled(params);
        let pattern = Pattern::new(&text).map_err(|error| (text, error));
        TopicPattern { pattern, typed: PhantomData }
    }

    /// Parameters that are not given become `*`.
    fn filled(&self, params: &[String]) -> String {
        let mut params = params.iter().map(String::as_str);
        let segments = self.template.split('/').map(|segment| match segment.starts_with('{') {
            true => params.next().unwrap_or("*"),
            false => segment,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// The segments of a name that stand where the parameters are.
    fn segments_of<'a>(&'a self, name: &'a TopicName) -> Option<Vec<&'a str>> {
        let mut given = name.segments();
        let mut params = Vec::new();
        for wanted in self.template.split('/') {
            let segment = given.next()?;
            if wanted.starts_with('{') {
                params.push(segment);
            } else if wanted != segment {
                return None;
            }
        }
        given.next().is_none().then_some(params)
    }
}

/// The parameters of a topic.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a topic's parameters",
    label = "at most four, and each of them a `Param`"
)]
pub trait Params {}

impl Params for () {}

/// What can be given for a parameter of type `A`: the value, a reference to it, `&str` for text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a parameter of type `{A}`",
    label = "this parameter was declared as `{A}`"
)]
pub trait ParamArg<A> {
    /// The segment that it becomes.
    fn segment(&self) -> String;
}

impl<A: Param> ParamArg<A> for A {
    fn segment(&self) -> String {
        self.to_segment()
    }
}

impl<A: Param> ParamArg<A> for &A {
    fn segment(&self) -> String {
        (*self).to_segment()
    }
}

impl ParamArg<String> for &str {
    fn segment(&self) -> String {
        crate::encode_param(self)
    }
}

macro_rules! arities {
    ($(($($param:ident: $type:ident),*) ($($but_last:ident: $but_last_type:ident),*);)+) => {$(
        impl<$($type: Param),*> Params for ($($type,)*) {}

        impl<K: Kind, $($type: Param),*> Topic<K, ($($type,)*)> {
            /// The topic with these parameters, escaped so that none of them can widen the name.
            #[must_use]
            #[allow(clippy::too_many_arguments, reason = "one argument a parameter is what a topic's name has")]
            pub fn at(&self, $($param: impl ParamArg<$type>),*) -> TopicRef<K> {
                self.fill(&[$($param.segment()),*])
            }

            /// All topics of the family with these parameters; the last one is left open.
            #[must_use]
            pub fn all(&self, $($but_last: impl ParamArg<$but_last_type>),*) -> TopicPattern<K> {
                self.pattern(&[$($but_last.segment()),*])
            }

            /// The parameters in a name, if it is of this family.
            #[must_use]
            pub fn params(&self, name: &TopicName) -> Option<($($type,)*)> {
                let segments = self.segments_of(name)?;
                let mut segments = segments.into_iter();
                Some(($($type::from_segment(segments.next()?).ok()?,)*))
            }
        }
    )+};
}

impl<K: Kind> Topic<K, ()> {
    /// The topic: it has no parameters.
    #[must_use]
    pub fn at(&self) -> TopicRef<K> {
        self.fill(&[])
    }
}

arities! {
    (a: A) ();
    (a: A, b: B) (a: A);
    (a: A, b: B, c: C) (a: A, b: B);
    (a: A, b: B, c: C, d: D) (a: A, b: B, c: C);
}

/// One topic with its kind and payload in the type.
///
/// A parameter can be too long for a name; the reference then holds the error, and whoever uses it
/// is told: building a reference never fails, so that hooks can be given one.
pub struct TopicRef<K> {
    name: Result<TopicName, (String, NameError)>,
    keep: Keep,
    typed: PhantomData<fn() -> K>,
}

impl<K: Kind> TopicRef<K> {
    /// The name.
    ///
    /// # Errors
    /// A [`NameError`] when a parameter made it too long.
    pub fn name(&self) -> Result<&TopicName, NameError> {
        self.name.as_ref().map_err(|(_, error)| error.clone())
    }

    /// The name as text, also where it is not valid.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.name {
            Ok(name) => name.as_str(),
            Err((text, _)) => text,
        }
    }

    /// What the topic keeps.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        self.keep
    }
}

impl<K> Clone for TopicRef<K> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), keep: self.keep, typed: PhantomData }
    }
}

impl<K> PartialEq for TopicRef<K> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<K> fmt::Debug for TopicRef<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicRef({:?})", self.name)
    }
}

/// Many topics of one family, with kind and payload in the type.
pub struct TopicPattern<K> {
    pattern: Result<Pattern, (String, NameError)>,
    typed: PhantomData<fn() -> K>,
}

impl<K: Kind> TopicPattern<K> {
    /// The pattern.
    ///
    /// # Errors
    /// A [`NameError`] when a parameter made it too long.
    pub fn pattern(&self) -> Result<&Pattern, NameError> {
        self.pattern.as_ref().map_err(|(_, error)| error.clone())
    }

    /// The pattern as text, also where it is not valid.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.pattern {
            Ok(pattern) => pattern.as_str(),
            Err((text, _)) => text,
        }
    }
}

impl<K> Clone for TopicPattern<K> {
    fn clone(&self) -> Self {
        Self { pattern: self.pattern.clone(), typed: PhantomData }
    }
}

impl<K> PartialEq for TopicPattern<K> {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

/// Declares typed topics, once, for server and browser.
///
/// `NAME(parameter: Type, …): Kind<Payload> = "name/{parameter}/…" keep COUNT, "AGE";` The
/// parameters are [`Param`]s, the kind is [`State`], [`Events`], [`Signal`] or [`Local`]; `keep`
/// belongs to Events. A name whose parameters are not the declared ones does not compile:
///
/// ```compile_fail
/// tidings_wire::topics! { pub TITLE(board: u32): tidings_wire::State<String> = "board/{bord}/title"; }
/// ```
///
/// Who may read and write, and what is valid, is registered on the hub: it never reaches the browser.
#[macro_export]
macro_rules! topics {
    ($(
        $(#[$meta:meta])*
        $vis:vis $name:ident $(($($param:ident: $type:ty),* $(,)?))?: $kind:ty = $template:literal
            $(keep $count:literal $(, $age:literal)?)?;
    )*) => {$(
        $(#[$meta])*
        $vis const $name: $crate::Topic<$kind, ($($($type,)*)?)> = $crate::declare::<$kind, _>(
            $template,
            &[$($(::core::stringify!($param)),*)?],
            $crate::topics!(@keep $kind $(, $count $(, $age)?)?),
        );
    )*};
    (@keep $kind:ty) => { <$kind as $crate::Kind>::KEEP };
    (@keep $kind:ty, $count:literal) => {
        $crate::keep::<$kind>($count, ::core::option::Option::None)
    };
    (@keep $kind:ty, $count:literal, $age:literal) => {
        $crate::keep::<$kind>($count, ::core::option::Option::Some($age))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    topics! {
        TITLE(board: u32, card: u64): State<String> = "board/{board}/card/{card}/title";
        CHAT(room: String): Events<String> = "chat/{room}" keep 200, "2h";
        MESSAGES: Events<String> = "demo/messages";
        BEEP: Signal<()> = "beep";
    }

    #[test]
    fn parameters_become_segments() {
        assert_eq!(TITLE.at(7, 3).as_str(), "board/7/card/3/title");
        assert_eq!(TITLE.at(7, 3).name().unwrap().as_str(), "board/7/card/3/title");
        assert_eq!(TITLE.all(7).as_str(), "board/7/card/*/title");
        assert_eq!(TITLE.family().as_str(), "board/*/card/*/title");
        assert_eq!(CHAT.at("a/**").as_str(), "chat/a~2F~2A~2A");
        assert_eq!(MESSAGES.at().as_str(), "demo/messages");
        assert_eq!(BEEP.family().as_str(), "beep");
    }

    #[test]
    fn names_give_their_parameters_back() {
        assert_eq!(TITLE.params(TITLE.at(7, 3).name().unwrap()), Some((7, 3)));
        assert_eq!(CHAT.params(CHAT.at("é/x").name().unwrap()), Some(("é/x".to_owned(),)));
        assert_eq!(TITLE.params(&TopicName::new("board/7/card/x/title").unwrap()), None);
        assert_eq!(TITLE.params(&TopicName::new("board/7/card/3/title/x").unwrap()), None);
    }

    #[test]
    fn too_long_a_parameter_is_an_error_where_it_is_used() {
        let long = "é".repeat(200);
        assert!(matches!(CHAT.at(long.as_str()).name(), Err(NameError::TooLong { .. })));
    }

    #[test]
    fn keep_is_declared() {
        assert_eq!(CHAT.keep(), Keep { count: 200, age_s: 7200 });
        assert_eq!(MESSAGES.keep(), Keep::EVENTS);
    }
}
