use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type JsonObject = Map<String, Value>;

/// The API document of the gateway that is asked (OpenAPI 3.1).
pub struct Document(Value);

/// One operation of it.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a>(&'a Value);

/// Before the name of a schema that is referred to.
pub(crate) const SCHEMAS: &str = "#/components/schemas/";

impl Document {
    /// Reads it.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut document: Value = serde_json::from_slice(text)?;
        // Most of it, and of no use to a tool.
        let operations = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
        for operation in
            operations.filter_map(Value::as_object_mut).flat_map(Map::values_mut).filter_map(Value::as_object_mut)
        {
            operation.retain(|name, _| matches!(name.as_str(), "parameters" | "requestBody" | "x-required-scope"));
        }
        Ok(Self(document))
    }

    /// The operation that is written so: `GET /pipeline/leads`. `None` where this gateway has none such.
    pub(crate) fn operation(&self, name: &str) -> Option<Operation<'_>> {
        let (method, path) = name.split_once(' ')?;
        self.0.get("paths")?.get(path)?.get(method.to_ascii_lowercase()).map(Operation)
    }

    pub(crate) fn schema(&self, name: &str) -> Option<&Value> {
        self.0.get("components")?.get("schemas")?.get(name)
    }

    /// The names of the members of what a schema describes; none where it is not known.
    pub(crate) fn members(&self, schema: &str) -> Vec<&str> {
        let properties = self.schema(schema).and_then(|schema| schema.get("properties")?.as_object());
        properties.into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    /// The schema itself, or the one that it refers to.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(SCHEMAS));
        name.and_then(|name| self.schema(name)).unwrap_or(schema)
    }
}

impl<'a> Operation<'a> {
    /// The scope that a key needs for it; `None` where any will do.
    pub(crate) fn scope(self) -> Option<&'a str> {
        self.0.get("x-required-scope")?.as_str()
    }

    /// The schema of its body.
    pub(crate) fn body(self) -> Option<&'a Value> {
        self.0.get("requestBody")?.get("content")?.get("application/json")?.get("schema")
    }

    /// The parameters of its query string.
    pub(crate) fn query(self) -> impl Iterator<Item = &'a Value> {
        let parameters = self.0.get("parameters").and_then(Value::as_array).into_iter().flatten();
        parameters.filter(|parameter| parameter.get("in").and_then(Value::as_str) == Some("query"))
    }

    /// The parameter of its query string that has this name.
    pub(crate) fn parameter(self, name: &str) -> Option<&'a Value> {
        self.query().find(|parameter| parameter.get("name").and_then(Value::as_str) == Some(name))
    }
}

/// Whether somebody with these rights may do what needs this scope: `write` includes `read`, and `*` is every area.
pub(crate) fn grants(rights: &[String], scope: Option<&str>) -> bool {
    let Some((area, access)) = scope.and_then(|scope| scope.split_once(':')) else { return true };
    rights.iter().filter_map(|right| right.split_once(':')).any(|(in_area, may)| {
        (in_area == "*" || in_area == area) && (may == access || (may == "write" && access == "read"))
    })
}

#[cfg(test)]
mod tests {
    use super::grants;

    #[test]
    fn a_right_grants_what_it_includes_and_nothing_else() {
        let may = |right: &str, scope: &str| grants(&[right.to_owned()], Some(scope));
        assert!(may("cases:write", "cases:read") && may("*:read", "cases:read") && may("*:write", "cases:read"));
        assert!(
            !may("cases:read", "cases:write") && !may("*:read", "cases:write") && !may("cases:write", "pipeline:read")
        );
        assert!(grants(&[], None) && !grants(&[], Some("cases:read")));
    }
}
