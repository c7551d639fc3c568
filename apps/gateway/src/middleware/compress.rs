use actix_http::encoding::Encoder;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AcceptEncoding, CONTENT_TYPE, ContentEncoding, ETAG, Encoding, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest};

/// Compresses an answer for a client that takes gzip, unless it has a strong `ETag`: such a tag stands for the same bytes
/// wherever it is seen (RFC 9110, 8.8.1), so that what goes by one has one representation (docs/adr/0008).
///
/// # Errors
/// Those of the services behind it, which have none: they answer.
pub async fn compress(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let takes_gzip = takes_gzip(request.request());
    let response = next.call(request).await?;
    Ok(response.map_body(|head, body| {
        let compresses = takes_gzip && !has_strong_etag(&head.headers) && !is_zip(&head.headers);
        Encoder::response(if compresses { ContentEncoding::Gzip } else { ContentEncoding::Identity }, head, body)
    }))
}

/// Whether the client would rather have it compressed.
pub(crate) fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = request.get_header::<AcceptEncoding>();
    let choices = [Encoding::identity(), Encoding::gzip()];
    accepted.is_some_and(|header| header.negotiate(choices.iter()) == Some(Encoding::gzip()))
}

fn has_strong_etag(headers: &HeaderMap) -> bool {
    headers.get(ETAG).is_some_and(|etag| !etag.as_bytes().starts_with(b"W/"))
}

/// Whether it is a file that is compressed by what it is.
fn is_zip(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|media_type| media_type == crm_exchange::ExportFormat::Xlsx.media_type())
}
