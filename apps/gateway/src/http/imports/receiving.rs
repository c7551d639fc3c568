//! A file that is on its way in.

use std::sync::Arc;

use actix_web::web;
use crm_core::{FieldCode, FieldErrors, ImportId, Scope};
use crm_exchange::imports::{self, NewImport, Uploaded};
use crm_exchange::{Delimiter, ExportFormat, Format, Intake, RawRow, Sheet, Unreadable};

use crate::auth::{Caller, Write, area};
use crate::endpoint::Upload;
use crate::error::{Failure, Problem};
use crate::limits::beside;
use crate::state::AppState;

/// An import whose file is on its way: where it does not come, nothing is left of it.
pub(crate) struct Coming {
    state: web::Data<AppState>,
    scope: Scope,
    pub(crate) id: ImportId,
    /// Whether it has come.
    pub(crate) has_come: bool,
}

impl Coming {
    /// One that has begun.
    pub(crate) fn new(state: &web::Data<AppState>, scope: &Scope, id: ImportId) -> Self {
        Self { state: state.clone(), scope: scope.clone(), id, has_come: false }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        if self.has_come {
            return;
        }
        let (state, scope, id) = (self.state.clone(), self.scope.clone(), self.id);
        actix_rt::spawn(async move {
            let db = state.db.of(scope.tenant());
            let abandoned = db.write(move |connection| Ok::<_, Failure>(imports::abandon(connection, &scope, id)?));
            // Where it fails, upkeep finds it.
            let _ = abandoned.await.map_err(|failure| failure.into_problem(&id.to_string()));
            state.importing.wake();
        });
    }
}

/// Takes a file in and stores its rows, part by part: neither memory nor a connection of the database waits for the client.
pub(crate) struct Receiving<'a> {
    caller: &'a Caller<area::OfKind, Write>,
    state: &'a web::Data<AppState>,
    new: NewImport,
    is_draft: bool,
    coming: Option<Coming>,
    parts: i64,
    total: i64,
}

/// What a piece of the file came to.
struct Taken {
    intake: Intake,
    parts: Vec<Vec<RawRow>>,
    unreadable: Option<Unreadable>,
}

impl<'a> Receiving<'a> {
    /// Nothing has come yet.
    pub(crate) fn new(caller: &'a Caller<area::OfKind, Write>, state: &'a web::Data<AppState>, new: NewImport) -> Self {
        Self { caller, state, new, is_draft: false, coming: None, parts: 0, total: 0 }
    }

    /// What its columns are is said later.
    pub(crate) fn draft(self) -> Self {
        Self { is_draft: true, ..self }
    }

    /// Takes it to its end, or as far as it can be read.
    pub(crate) async fn file(
        mut self,
        upload: Upload,
        delimiter: Option<Delimiter>,
    ) -> Result<(Uploaded, Coming), Problem> {
        let unreadable = self.rows(upload, delimiter).await?;
        let coming = self.coming.ok_or_else(|| Failure::Bug("an import did not begin".to_owned()).into_problem("-"))?;
        Ok((Uploaded { total: self.total, unreadable }, coming))
    }

    async fn rows(&mut self, mut upload: Upload, delimiter: Option<Delimiter>) -> Result<Option<Unreadable>, Problem> {
        let format = if upload.format == ExportFormat::Ndjson { Format::NdJson } else { Format::Csv(delimiter) };
        let mut intake = Intake::new(format, upload.encoding);
        loop {
            let piece = upload.next().await?;
            let is_end = piece.is_none();
            let taken = take(intake, piece).await?;
            intake = taken.intake;
            if self.coming.is_none() && (is_end || taken.unreadable.is_some() || !intake.lacks_header()) {
                self.begin(&intake, taken.unreadable.as_ref()).await?;
            }
            if taken.unreadable.is_some() {
                // To its end, for the client to hear the answer.
                while upload.next().await?.is_some() {}
                return Ok(taken.unreadable);
            }
            self.store(taken.parts).await?;
            if is_end {
                return Ok(None);
            }
        }
    }

    /// Reads the header, where there is one, and makes the import.
    async fn begin(&mut self, intake: &Intake, unreadable: Option<&Unreadable>) -> Result<(), Problem> {
        if intake.lacks_header() {
            let (code, why) = match unreadable {
                Some(unreadable) => (FieldCode::InvalidValue, unreadable.to_string()),
                None => (FieldCode::Required, "has no header".to_owned()),
            };
            return Err(FieldErrors::of("body", code, why).into());
        }
        let names = intake.names().map(<[String]>::to_vec);
        if let Some(names) = names.clone().filter(|_| !self.is_draft) {
            let kind = self.new.import.kind;
            let columns =
                self.caller.find(move |connection, scope| Ok(crm_exchange::columns(connection, scope, kind)?));
            let (columns, import, map) = (columns.await?, self.new.import, self.new.map.clone());
            blocking(move || Sheet::csv(&import, &columns, names, &map)).await??;
        }
        let (new, id) = (NewImport { names, ..self.new.clone() }, ImportId::random());
        self.caller.store(move |connection, scope| Ok(imports::begin(connection, scope, id, &new)?)).await?;
        self.coming = Some(Coming::new(self.state, self.caller.scope(), id));
        Ok(())
    }

    async fn store(&mut self, parts: Vec<Vec<RawRow>>) -> Result<(), Problem> {
        let Some(Coming { id, .. }) = self.coming.as_ref().filter(|_| !parts.is_empty()) else { return Ok(()) };
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (first, id) = (self.parts, *id);
        self.parts += count(parts.len());
        self.total += count(parts.iter().map(Vec::len).sum());
        let parts = Arc::new(parts);
        self.caller.store(move |connection, scope| Ok(imports::add_parts(connection, scope, id, first, &parts)?)).await
    }
}

/// Reads a piece, or the end, on a thread that nobody waits for.
async fn take(mut intake: Intake, piece: Option<Vec<u8>>) -> Result<Taken, Problem> {
    blocking(move || {
        let unreadable = match &piece {
            Some(piece) => intake.push(piece),
            None => intake.finish(),
        };
        let unreadable = unreadable.err();
        let is_end = piece.is_none() && unreadable.is_none();
        let parts = std::iter::from_fn(|| intake.next_part(is_end)).collect();
        Taken { intake, parts, unreadable }
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    beside(work).await.map_err(|failure| failure.into_problem("-"))
}
