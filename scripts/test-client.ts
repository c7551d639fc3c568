// Makes, lists and changes leads with types that were generated from the API document. Run by scripts/test-client.
//
//   node test-client.js URL KEY
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Lead = components["schemas"]["Lead"];
type Problem = components["schemas"]["Problem"];

const [url = "", key = ""] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: url, headers: { "Ocp-Apim-Subscription-Key": key } });

function check(condition: boolean, what: unknown): asserts condition {
  if (!condition) throw new Error(JSON.stringify(what));
}

const made = await api.POST("/pipeline/leads", {
  body: { title: "Made by generated types", value: { amount: 25000.5, code: "USD" }, leadRating: "2_warm" },
});
check(made.data !== undefined, made.error);
const lead: Lead = made.data.item;
// An enumeration is one, and what may be null says so.
const rating: "1_cold" | "2_warm" | "3_hot" | null = lead.leadRating;
const note: string | null = lead.note;
check(rating === "2_warm" && note === null && lead.value?.amount === 25000.5, lead);

const listed = await api.GET("/pipeline/leads", { params: { query: { title: "generated types", size: 5 } } });
check(listed.data?.items.length === 1 && listed.data.items[0]?.id === lead.id, listed);

const path = { id: lead.id };
const etag = made.response.headers.get("etag") ?? "";
const changed = await api.PATCH("/pipeline/leads/{id}", {
  params: { path, header: { "If-Match": etag } },
  body: { note: "Changed." },
});
check(changed.data?.item.note === "Changed.", changed.error);

/** What is wrong comes back as a typed problem. */
function refused(answer: { error?: Problem; response: Response }, status: number, code: string): Problem {
  check(answer.response.status === status && answer.error?.code === code, answer.error);
  return answer.error;
}

const stale = { params: { path, header: { "If-Match": etag } }, body: { note: "Changed again." } };
refused(await api.PATCH("/pipeline/leads/{id}", stale), 412, "precondition_failed");
const invalid = refused(await api.POST("/pipeline/leads", { body: { title: " " } }), 400, "validation_failed");
check(invalid.errors?.[0]?.field === "title" && invalid.errors[0].code === "required", invalid);
const converted = await api.POST("/pipeline/leads/{id}/convert", { params: { path } });
check(converted.data?.item.leadId === lead.id, converted.error);
refused(await api.POST("/pipeline/leads/{id}/convert", { params: { path } }), 409, "already_converted");

console.log(`TypeScript: generated types made lead ${lead.id}, listed, changed and converted it, and read three problems`);
