"""Makes and lists a lead with a client that was generated from the API document. Run by scripts/test-client.

python test-client.py URL KEY
"""

import sys

from crm_client import AuthenticatedClient
from crm_client.api.leads import create_lead, list_leads, update_lead
from crm_client.models import CreateLeadResponse201, LeadPatch, ListLeadsResponse200, Money, NewLead, Problem

url, key = sys.argv[1:]
client = AuthenticatedClient(
    base_url=url, token=key, auth_header_name="Ocp-Apim-Subscription-Key", prefix="", raise_on_unexpected_status=True
)

made = create_lead.sync(
    client=client, body=NewLead(title="Made by a generated client", value=Money(amount=25000.5, code="USD"))
)
assert isinstance(made, CreateLeadResponse201), made
lead = made.item
assert lead.title == "Made by a generated client" and lead.value == Money(amount=25000.5, code="USD"), lead

listed = list_leads.sync(client=client, title="generated", size=5)
assert isinstance(listed, ListLeadsResponse200), listed
assert [found.id for found in listed.items] == [lead.id], listed

# What is wrong comes back as a typed problem.
stale = update_lead.sync_detailed(client=client, id=lead.id, body=LeadPatch(title="Another"), if_match='"stale"')
assert stale.status_code == 412 and isinstance(stale.parsed, Problem), stale
assert stale.parsed.code == "precondition_failed", stale
refused = create_lead.sync(client=client, body=NewLead(title=" "))
assert isinstance(refused, Problem) and refused.code == "validation_failed", refused
assert refused.errors and [(error.field, error.code) for error in refused.errors] == [("title", "required")], refused

print(f"a generated client made lead {lead.id}, listed it, and read the problems of two refusals")
