//! What an HTTP answer says of a write: taken, refused, or not answered at all.

use tidings_wire::live::{Failure, FailureError, Published};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The server has decided.
    Given(Result<Published, FailureError>),
    /// It has not, and may not have seen the request: to be sent again, under the same id.
    Missing(String),
}

impl Answer {
    /// Reads an answer. Only a 4xx is a refusal: asking again would be refused again. All else is a server that is
    /// starting, stopping or broken, or somebody on the way who is not the server.
    pub(crate) fn read(status: u16, body: &str) -> Self {
        match status {
            200 => match serde_json::from_str(body) {
                Ok(published) => Self::Given(Ok(published)),
                Err(_) => Self::Missing("something else than the server answered".to_owned()),
            },
            400..=499 => {
                let failure = serde_json::from_str::<Failure>(body).map(|failure| failure.error);
                Self::Given(Err(failure.unwrap_or_else(|_| FailureError {
                    code: status.to_string(),
                    message: format!("the server refused it with status {status}"),
                })))
            }
            status => Self::Missing(format!("the server answered with status {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_not_asked_again() {
        let taken = r#"{"version":"0000000000010000-00000000000a","stamp":3}"#;
        assert!(matches!(Answer::read(200, taken), Answer::Given(Ok(published)) if published.stamp == 3));
        assert!(matches!(Answer::read(200, "<html>log in</html>"), Answer::Missing(_)));
        let refusal = r#"{"error":{"code":"invalid","message":"too long"}}"#;
        for status in [400, 403, 409, 413, 422, 429] {
            let error = FailureError { code: "invalid".to_owned(), message: "too long".to_owned() };
            assert_eq!(Answer::read(status, refusal), Answer::Given(Err(error)));
        }
        assert!(matches!(Answer::read(404, "not found"), Answer::Given(Err(error)) if error.message.contains("404")));
        for status in [302, 500, 502, 503, 504] {
            assert!(matches!(Answer::read(status, refusal), Answer::Missing(_)), "{status}");
        }
    }
}
