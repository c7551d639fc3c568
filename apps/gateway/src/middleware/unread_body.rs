use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use futures_util::Stream;

/// The body of the latest request of a connection, among the connection's data.
#[derive(Default)]
pub struct LatestBody(RefCell<Option<SharedBody>>);

#[derive(Clone)]
struct SharedBody(Rc<RefCell<Payload>>);

impl Stream for SharedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// Closes a connection whose request was answered before its body had come. Actix does so while somebody still holds
/// the body; a chunked one that nobody holds it reads to its end instead, for as long as the client likes.
///
/// # Errors
/// Those of the services behind it, which have none: they answer.
pub async fn close_on_unread_body(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return next.call(request).await;
    }
    let body = SharedBody(Rc::new(RefCell::new(payload)));
    if let Some(latest) = request.request().conn_data::<LatestBody>() {
        latest.0.replace(Some(body.clone()));
    }
    request.set_payload(Payload::Stream { payload: Box::pin(body) });
    let response = next.call(request).await;
    // Actix hands a request over before it looks at the body that came in the same packet. Now it does.
    actix_rt::task::yield_now().await;
    response
}
