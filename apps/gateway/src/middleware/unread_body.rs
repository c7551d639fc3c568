use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Bytes;

use crate::server::{Exchange, Sending};
use crate::wire::Dialects;

/// Tells the connection of each request and its answer, and closes a connection whose request was answered before its
/// body had come. Actix does so while somebody still holds the body; a chunked one that nobody holds it reads to its end
/// instead, for as long as the client likes.
///
/// # Errors
/// Those of the services behind it, which have none: they answer.
pub async fn close_on_unread_body(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + Unpin>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let exchange = request.request().conn_data::<Exchange>().cloned().unwrap_or_default();
    exchange.begin(Dialects::of(request.request()));
    let payload = request.take_payload();
    if !matches!(payload, Payload::None) {
        let body = exchange.keep_body(payload);
        request.set_payload(body);
    }
    let response = next.call(request).await;
    // Actix hands a request over before it looks at the rest of what it has read, and asks for the answer once more before it reads
    // on. What has come of a body with its head is looked at thereby, if nobody has read it.
    for _ in 0..2 {
        if exchange.has_open_body() {
            exchange.await_body();
            actix_rt::task::yield_now().await;
            exchange.let_go_of_body();
        }
    }
    let sending = exchange.answered();
    Ok(response?.map_body(|_, body| Sent { body, _until: sending }))
}

/// The body of an answer, of which the connection knows until it is gone.
struct Sent<B> {
    body: B,
    _until: Sending,
}

impl<B: MessageBody + Unpin> MessageBody for Sent<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
