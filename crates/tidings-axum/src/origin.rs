//! Writes come from our own pages, or from no browser at all.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::{ApiError, Live};

/// Middleware that refuses a browser's write from a foreign page, for the app's server functions too:
/// `.layer(axum::middleware::from_fn_with_state(live, tidings_axum::same_origin))`.
///
/// A browser says where a request comes from: `Sec-Fetch-Site` must be `same-origin` or `none`; where that header is
/// missing, `Origin` must name the host that was asked, or one of [`LiveOptions::origins`](crate::LiveOptions). A
/// request with neither header is not a browser's. Reads (GET, HEAD, OPTIONS) pass.
pub async fn same_origin(State(live): State<Live>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && let Err(error) = check(request.headers(), request.uri(), &live.options().origins) {
        return error.into_response();
    }
    next.run(request).await
}

/// Whether a write may pass.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri, origins: &[String]) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or(""));
    let foreign = |from: &str| {
        let message = format!(
            "a page of {from} may not write here: send the request from this site, or, where a proxy changes its Host header, list its origin"
        );
        Err(ApiError::new(StatusCode::FORBIDDEN, "foreign-origin", message))
    };
    let origin = text(header::ORIGIN);
    if origin.is_some_and(|origin| origins.iter().any(|allowed| allowed == origin)) {
        return Ok(());
    }
    match (text(header::HeaderName::from_static("sec-fetch-site")), origin) {
        (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
        (Some(_), origin) => foreign(origin.unwrap_or("another site")),
        (None, Some(origin)) => {
            // HTTP/2 has no Host header: the authority stands in the URI.
            let host = text(header::HOST).or(uri.authority().map(http::uri::Authority::as_str));
            let named = origin.split_once("://").map(|(_, authority)| authority);
            if named.is_some() && named == host { Ok(()) } else { foreign(origin) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        check(&headers, &Uri::from_static("/x"), &["https://app.example".to_owned()]).is_ok()
    }

    #[test]
    fn browsers_say_where_they_are() {
        assert!(verdict(&[("sec-fetch-site", "same-origin")]));
        assert!(verdict(&[("sec-fetch-site", "none")]), "typed into the address bar");
        assert!(!verdict(&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")]));
        assert!(!verdict(&[("sec-fetch-site", "same-site")]), "a neighbour under the same domain is not us");
        assert!(verdict(&[("origin", "http://a:1"), ("host", "a:1")]));
        assert!(!verdict(&[("origin", "http://a:2"), ("host", "a:1")]));
        assert!(!verdict(&[("origin", "null"), ("host", "a:1")]));
        assert!(!verdict(&[("origin", "http://a:1")]), "nothing to compare with");
        assert!(verdict(&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]), "listed");
        assert!(verdict(&[("host", "a:1")]), "not a browser");
    }
}
