//! Errors as a client sees them: a status, a code for programs, words for people.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tidings::{
    PublishError, WriteError,
    wire::{
        NameError,
        live::{Failure, FailureError},
    },
};

/// A refused request, answered as `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The status.
    pub status: StatusCode,
    /// For programs: does not change between versions.
    pub code: &'static str,
    /// For people: names the fault and what to do.
    pub message: String,
}

impl ApiError {
    /// An error.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn draining() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "this node is stopping: come back in a moment, or ask another node",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Failure { error: FailureError { code: self.code.to_owned(), message: self.message } };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-topic", format!("invalid topic name: {error}"))
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            WriteError::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
            WriteError::Json { .. } => (StatusCode::BAD_REQUEST, "not-json"),
            WriteError::Shape { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "wrong-shape"),
            WriteError::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            WriteError::Publish(PublishError::TooLarge { .. }) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            WriteError::Publish(PublishError::Name(_)) => (StatusCode::BAD_REQUEST, "invalid-topic"),
            WriteError::Publish(PublishError::IdTooLong { .. }) => (StatusCode::BAD_REQUEST, "id-too-long"),
            WriteError::Publish(PublishError::TooManyTopics { .. } | PublishError::NoRoom { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "node-full")
            }
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        };
        Self { status, code, message }
    }
}
