use std::cell::OnceCell;
use std::rc::Rc;

use actix_http::{Payload, Request};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::{self, BoxBody};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::web::Bytes;
use actix_web::{App, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream;

use crate::endpoint::Api;
use crate::middleware::request_log;
use crate::state::AppState;

type Running = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, actix_web::Error>>;
type Routes = Box<dyn Fn(Request) -> Running>;

/// The routes once more, for requests that come from within the process: with the access log and the extractors of every
/// request, and without what belongs to a connection or to a browser. Made when it is first called, in each worker.
#[derive(Clone)]
pub(crate) struct Inside {
    make: Rc<dyn Fn() -> LocalBoxFuture<'static, Option<Routes>>>,
    made: Rc<OnceCell<Routes>>,
}

/// An answer, whole.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Inside {
    pub(super) fn of(state: web::Data<AppState>, routes: impl Fn() -> Api + Clone + 'static) -> Self {
        let make = move || {
            let (state, routes) = (state.clone(), routes.clone());
            async move {
                let app = App::new()
                    .app_data(state)
                    .wrap(from_fn(request_log))
                    .configure(|config| routes().register(config))
                    .into_factory();
                let service = app.new_service(AppConfig::default()).await.ok()?;
                let call = move |request: Request| -> Running {
                    let running = service.call(request);
                    async move { Ok(running.await?.map_into_boxed_body()) }.boxed_local()
                };
                Some(Box::new(call) as Routes)
            }
            .boxed_local()
        };
        Self { make: Rc::new(make), made: Rc::default() }
    }

    /// Sends a request; `None` where there is no whole answer, which is a bug.
    pub(crate) async fn call(&self, request: Request) -> Option<Answered> {
        if self.made.get().is_none() {
            let made = (self.make)().await?;
            // Somebody else may have made them meanwhile.
            let _ = self.made.set(made);
        }
        let response = self.made.get()?(request).await.ok()?;
        let (_, response) = response.into_parts();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body::to_bytes(response.into_body()).await.ok()?;
        Some(Answered { status, headers, body })
    }
}

/// A body that is there already.
pub(crate) fn payload(bytes: Bytes) -> Payload {
    Payload::Stream { payload: Box::pin(stream::once(std::future::ready(Ok(bytes)))) }
}
