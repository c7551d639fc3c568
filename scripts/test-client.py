"""Makes, lists and changes leads with a client that was generated from the API document. Run by scripts/test-client.

python test-client.py URL KEY
"""

import sys

from crm_client import AuthenticatedClient
from crm_client.api.leads import convert_lead, create_lead, list_leads, update_lead
from crm_client.models import LeadItem, LeadPage, LeadPatch, Money, NewLead, Problem

url, key = sys.argv[1:]
client = AuthenticatedClient(
    base_url=url, token=key, auth_header_name="Ocp-Apim-Subscription-Key", prefix="", raise_on_unexpected_status=True
)

made = create_lead.sync(
    client=client, body=NewLead(title="Made by a generated client", value=Money(amount=25000.5, code="USD"))
)
assert isinstance(made, LeadItem), made
lead = made.item
assert lead.title == "Made by a generated client" and lead.value == Money(amount=25000.5, code="USD"), lead

listed = list_leads.sync(client=client, title="generated", size=5)
assert isinstance(listed, LeadPage), listed
assert [found.id for found in listed.items] == [lead.id], listed

etag = update_lead.sync_detailed(client=client, id=lead.id, body=LeadPatch()).headers["etag"]
changed = update_lead.sync_detailed(client=client, id=lead.id, body=LeadPatch(note="Changed."), if_match=etag)
assert changed.status_code == 200 and isinstance(changed.parsed, LeadItem), changed
assert changed.parsed.item.note == "Changed.", changed

# What is wrong comes back as a typed problem.
stale = update_lead.sync_detailed(client=client, id=lead.id, body=LeadPatch(title="Another"), if_match=etag)
assert stale.status_code == 412 and isinstance(stale.parsed, Problem), stale
assert stale.parsed.code == "precondition_failed", stale
refused = create_lead.sync(client=client, body=NewLead(title=" "))
assert isinstance(refused, Problem) and refused.code == "validation_failed", refused
assert refused.errors and [(error.field, error.code) for error in refused.errors] == [("title", "required")], refused

# The generator has no way to leave out a body that need not be there: it says null.
assert not isinstance(convert_lead.sync(client=client, id=lead.id, body=None), Problem)
again = convert_lead.sync_detailed(client=client, id=lead.id, body=None)
assert again.status_code == 409 and isinstance(again.parsed, Problem), again
assert again.parsed.code == "already_converted", again

print(f"Python: a generated client made lead {lead.id}, listed, changed and converted it, and read three problems")
