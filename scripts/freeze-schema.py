"""Leaves something of everything in a database, beside what `crm-gateway demo` makes. Run by scripts/freeze-schema.

python3 freeze-schema.py URL KEY TENANT TOKEN
"""

import http.client
import json
import re
import sys
import time
import urllib.parse

url, key, tenant, token = sys.argv[1:]
host = urllib.parse.urlsplit(url).netloc


def send(method, path, body=None, expect=None, **headers):
    """The answer to a request, which must succeed unless another status is expected."""
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Authorization" not in headers and "Cookie" not in headers:
        headers.setdefault("Ocp-Apim-Subscription-Key", key)
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    wanted = answer.status == expect if expect else answer.status < 300
    assert wanted, f"{method} {path}: {answer.status} {text}"
    return answer, json.loads(text) if text.startswith(("{", "[")) else text


def item(method, path, body=None, **headers):
    return send(method, path, body, **headers)[1]["item"]


collections = {
    "lead": "/pipeline/leads",
    "opportunity": "/pipeline/opportunities",
    "contact": "/directory/contacts",
    "organization": "/directory/organizations",
    "case": "/cases/cases",
}

webhook = item("POST", "/settings/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]})

# A form with fields of its own, a pipeline and a case type beside those of every tenant.
fields = [
    {"id": "budget", "type": "number", "label": "Budget", "category": "custom"},
    {"id": "region", "type": "text", "label": "Region", "category": "custom"},
]
send("PUT", "/pipeline/forms/opportunities", {"fields": fields})
stages = [{"key": "in", "label": "In"}, {"key": "out", "label": "Out"}]
item("POST", "/pipeline/pipelines/opportunities", {"name": "Renewals", "stages": stages})

for kind, path in collections.items():
    name = "name" if kind in ("contact", "organization") else "title"
    first, second, gone = (
        item("POST", path, {name: f"Frozen {number}", "externalId": f"{kind}-{number}"}, Idempotency_Key=f"{kind}-{number}")
        for number in (1, 2, 3)
    )
    item("PATCH", f"{path}/{first['id']}", {"note": "Changed."} if kind != "case" else {"description": "Changed."})
    comments = "activities" if kind == "case" else "comments"
    send("POST", f"{path}/{first['id']}/{comments}", {"comment": "Said."})
    send("DELETE", f"{path}/{gone['id']}")
    if kind in ("lead", "contact", "organization"):
        send("POST", f"{path}/{first['id']}/merge", {"sourceId": [second["id"]]})
custom = {"title": "With fields", "customFields": {"budget": 12.5, "region": "North"}}
item("POST", collections["lead"], custom)

named = item("POST", "/settings/keys", {"name": "sync", "scopes": ["cases:write"]})
item("POST", f"/settings/keys/{named['id']}/rotate", {"graceMinutes": 60})
send("POST", "/imports?kind=contact", "name\nImported\n", Content_Type="text/csv")
while not all(one["finishedOn"] for one in send("GET", "/imports")[1]["items"]):
    time.sleep(0.1)

bearer = {"Authorization": f"Bearer {token}", "x_tenantid": tenant}
configuration = {"baseUrl": "https://portal.example.com", "apiToken": "a secret that is sealed", "fieldMappings": []}
client_map = {
    "clientId": "portal",
    "clientName": "Portal",
    "clientType": "itsm",
    "mappingType": "bidirectional",
    "usecase": "support",
    "configuration": configuration,
}
send("POST", "/api/v1/ticketing/clientMap", client_map, **bearer)

# Somebody is signed in to the console.
answer, page = send("GET", "/console/sign-in", Cookie="none=1")
cookie = answer.getheader("Set-Cookie").split(";")[0]
form = re.search(r'name="_token" value="([^"]+)"', page)
signed = urllib.parse.urlencode({"_token": form.group(1), "key": key})
kind = "application/x-www-form-urlencoded"
send("POST", "/console/sign-in", signed, expect=303, Cookie=cookie, Content_Type=kind)

# Until something was tried.
while not any(one["attempts"] for one in send("GET", f"/settings/webhooks/{webhook['id']}/deliveries")[1]["items"]):
    time.sleep(0.1)
print("something of everything is there")
