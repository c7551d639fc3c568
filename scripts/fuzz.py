"""What Schemathesis cannot know of this API. scripts/fuzz.toml loads it.

A schema says what one value may be. It does not say that two members must agree, that a token comes from the list before,
or that a record must exist: without help nearly every request is refused for such a reason, and nothing behind it is tested.
"""

import itertools
import json
import os
import re
import zlib

import schemathesis
from schemathesis.core.parameters import ParameterLocation

TENANT = os.environ["CRM_TEST_FUZZ_TENANT"]
TENANT_ID = re.compile("[A-Za-z0-9._-]{1,64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ONE_OF_SEVERAL = re.compile(r"\.options(\[\d+\])?$|^tags\[\d+\]$")
UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# Members that name records, which a made-up value does not.
REFERENCES = [
    "caseTypeId", "contact", "contactId", "customFields", "organization", "organizationId", "participants", "pipelineId",
    "stage", "status", "tags",
]  # fmt: skip

number = itertools.count()

# A request that fits its schema may still be refused for these: no schema can say them, or only at the price of being
# read by nobody. Each is a code of an entry in `errors`.
BEYOND_A_SCHEMA = {
    "conflicting",  # two members contradict each other
    "duplicate",  # the same entry twice, by whatever makes entries the same
    "invalid_amount",  # more than 4 decimals: `multipleOf` is refused by common validators for numbers that have 2
    "invalid_characters",  # control characters: a pattern for each text would bury what is there to read
    "invalid_currency",  # one of ISO 4217's codes
    "invalid_date",  # a day that the calendar has not; a time zone that there is not
    "invalid_email",  # longer than a pattern
    "invalid_id",  # not every number of 19 digits is a 64-bit integer
    "invalid_token",  # comes from the list before
    "invalid_url",  # longer than a pattern
    "invalid_value",  # a word of the tenant's own: a status of the case's type, a field of the resource
    "unknown_custom_field",  # the tenant's form has it not
    "unknown_field",  # objects inside of a body are those of answers too, where members may come
    "unknown_reference",  # no such record
    "unknown_tag",  # no such tag
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Mends what would hide everything else. Schemathesis looks anew at what is valid after this."""
    headers, query, body = case.headers or {}, case.query or {}, case.body
    # Schemathesis goes on with what it made.
    if isinstance(body, dict):
        body = case.body = dict(body)
    # No HTTP: such a request is refused before it has a route.
    for name, value in headers.items():
        headers[name] = CONTROL.sub("", value)
    # The same for the same request, since Schemathesis repeats what it wants to understand.
    dice = zlib.crc32(repr((case.method, case.path, query, body)).encode("utf-8", "replace"))
    # Some requests go out as they were made: what is refused here must be refused well, too.
    if dice % 8 == 0:
        return
    # The ETag is made up; of the keys, Schemathesis sends the same again and again.
    headers.pop("If-Match", None)
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = f"{next(number)}-{headers['Idempotency-Key']}"
    if UUID.fullmatch(headers.get("x-tenantid", "")):
        headers["x-tenantid"] = TENANT
    query.pop("continuationToken", None)
    if "page" in query:
        query.pop("offset", None)
    if not isinstance(body, dict):
        return
    if isinstance(body.get("tenantId"), str) and TENANT_ID.fullmatch(body["tenantId"]):
        body["tenantId"] = TENANT
    # The same reference, spelled twice.
    for reference in ("contact", "organization"):
        if f"{reference}Id" in body:
            body.pop(reference, None)
    is_valid = case.meta and not case.meta.is_negative_at(ParameterLocation.BODY)
    if dice % 2 and is_valid and not case.path.endswith(("/updateStage", "/updateStatus")):
        for member in REFERENCES:
            body.pop(member, None)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether it is one: a request that fits its schema may be refused for what a schema cannot say."""
    sent = {name.lower() for name in response.request.headers}
    # Refused, if not for what is wrong with it.
    if failure.code == "ST201" and response.status_code == 412 and "if-match" in sent:
        return False
    if failure.code != "ST202":
        return True
    if response.status_code == 412 and "if-match" in sent:
        return False
    if response.status_code == 422 and "idempotency-key" in sent:
        return False
    if response.status_code != 400:
        return True
    problem = json.loads(response.content)
    # Ticketing's errors have no codes of fields.
    return "success" not in problem and not (problem.get("errors") and all(map(is_beyond_a_schema, problem["errors"])))


def is_beyond_a_schema(error):
    field, code = error["field"], error["code"]
    return (
        code in BEYOND_A_SCHEMA
        # A form can require a custom field.
        or field.startswith("customFields.")
        # The fields that a form has in any case count.
        or (code == "too_many" and field in ("fields", "form"))
        # A moment that has passed.
        or (code == "out_of_range" and field == "expiresOn")
        # Whether a field needs options is up to its type; a tag is named by one of two members.
        or (code == "required" and ONE_OF_SEVERAL.search(field) is not None)
    )
