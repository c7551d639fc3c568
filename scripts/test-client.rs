//! Makes, lists and changes leads with a client that was generated from the API document. Run by scripts/test-client.
//!
//!     client URL KEY

#[expect(dead_code, reason = "the generator writes more than is used here")]
mod generated;

use generated::client::{ApiOpError, ConvertLeadApiError, CreateLeadApiError, HttpClient, UpdateLeadApiError};
use generated::types::{FieldProblemCode, LeadRating, Money, NewLead, NewLeadLeadRating, Problem, ProblemCode};
use reqwest::header::{ETAG, HeaderMap, HeaderValue};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const NO: Option<&str> = None;

/// The ETag of a lead: the generated client gives bodies and no headers.
async fn etag(transport: &reqwest::Client, url: &str, id: &str) -> Outcome<String> {
    let answer = transport.get(format!("{url}/pipeline/leads/{id}")).send().await?;
    Ok(answer.headers()[ETAG].to_str()?.to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(key)) = (arguments.next(), arguments.next()) else { return Err("client URL KEY".into()) };
    let headers = HeaderMap::from_iter([("ocp-apim-subscription-key".parse()?, HeaderValue::from_str(&key)?)]);
    let transport = reqwest::Client::builder().default_headers(headers).build()?;
    let client = HttpClient::with_client(transport.clone()).with_base_url(url.clone());

    let mut new = NewLead::new("Made by the generated Rust client".to_owned());
    new.value = Some(Some(Money { amount: 25000.5, code: "USD".to_owned() }));
    new.lead_rating = Some(Some(NewLeadLeadRating::Variant2Warm));
    let made = client.create_lead(NO, new.clone()).await?.item;
    // An enumeration is one, and what may be null says so.
    assert_eq!((made.lead_rating, made.note), (Some(LeadRating::Variant2Warm), None));
    assert!(made.value.is_some_and(|value| value.amount == 25000.5 && value.code == "USD"));

    let listed = client.list_leads_builder().title("generated rust client").size(5).send().await?;
    assert_eq!(listed.items.iter().map(|lead| &lead.id).collect::<Vec<_>>(), [&made.id]);

    let seen = etag(&transport, &url, &made.id).await?;
    let patch = generated::types::LeadPatch { note: Some(Some("Changed.".to_owned())), ..Default::default() };
    let changed = client.update_lead(&made.id, Some(&seen), patch.clone()).await?.item;
    assert_eq!(changed.note.as_deref(), Some("Changed."));

    // What is wrong comes back as a typed problem.
    let stale = match client.update_lead(&made.id, Some(&seen), patch).await {
        Err(ApiOpError::Api(refused)) => match refused.typed {
            Some(UpdateLeadApiError::Status412(problem)) => problem,
            other => return Err(format!("{other:?}").into()),
        },
        other => return Err(format!("{other:?}").into()),
    };
    assert_eq!(stale.code, ProblemCode::PreconditionFailed);
    new.title = " ".to_owned();
    let refused: Problem = match client.create_lead(NO, new).await {
        Err(ApiOpError::Api(refused)) => match refused.typed {
            Some(CreateLeadApiError::Status400(problem)) => problem,
            other => return Err(format!("{other:?}").into()),
        },
        other => return Err(format!("{other:?}").into()),
    };
    let errors = refused.errors.unwrap_or_default();
    assert_eq!(errors.iter().map(|error| (error.field.as_str(), error.code.clone())).collect::<Vec<_>>(),
        [("title", FieldProblemCode::Required)]);
    client.convert_lead(&made.id, NO, NO, None).await?;
    let again = match client.convert_lead(&made.id, NO, NO, None).await {
        Err(ApiOpError::Api(refused)) => match refused.typed {
            Some(ConvertLeadApiError::Status409(problem)) => problem,
            other => return Err(format!("{other:?}").into()),
        },
        other => return Err(format!("{other:?}").into()),
    };
    assert_eq!(again.code, ProblemCode::AlreadyConverted);

    println!("Rust: a generated client made lead {}, listed, changed and converted it, and read three problems", made.id);
    Ok(())
}
