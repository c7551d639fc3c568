// Uses the tools with the protocol's reference client. Run by scripts/test-mcp, in the folder that has it.
//
//   node test-mcp.mjs URL GATEWAY PRIMARY_KEY SECONDARY_KEY KEY_OF_ANOTHER_TENANT
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");

const [url, gateway, primary, secondary, other] = process.argv.slice(2);

const transports = {
  http: (key) =>
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
      requestInit: { headers: { "Ocp-Apim-Subscription-Key": key } },
    }),
  stdio: (key) =>
    new StdioClientTransport({ command: gateway, args: ["mcp", "--url", url], env: { CRM_KEY: key, RUST_LOG: "off" } }),
};

const READING = ["search", "get_record", "list_records", "pipeline_summary", "find_duplicates", "describe_forms"];

async function connected(transport, key) {
  const client = new Client({ name: "crm-test", version: "1.0.0" });
  await client.connect(transports[transport](key));
  return client;
}

/** Calls a tool: its structure, which its text says as well, in no more than 20 kB. */
async function call(client, name, args, code) {
  const result = await client.callTool({ name, arguments: args });
  const length = Buffer.byteLength(JSON.stringify(result));
  assert.ok(length <= 20_000, `${name}: ${length} bytes`);
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  const { isError = false, structuredContent: found } = result;
  assert.equal(isError, code !== undefined, `${name}: ${result.content[0].text}`);
  if (code !== undefined) assert.equal(found.code, code);
  return found;
}

const names = async (client) => (await client.listTools()).tools.map((tool) => tool.name);
const called = new Set();

/** What a model does on a day, each step with what the one before gave it. */
async function conversation(client) {
  const use = (name, args, code) => (called.add(name), call(client, name, args, code));

  // Who are they? The company of the demo that has the most to say, and a second record of it that somebody made.
  const { items: companies } = await use("list_records", { kind: "organization", fields: ["name"], size: 5 });
  const company = (await use("search", { q: companies[0].name, kinds: ["organization"] })).items[0];
  const { item } = await use("get_record", { kind: "organization", id: company.id, with: ["comments", "history"] });
  assert.equal(item.name, companies[0].name);
  const { item: twin } = await use("create_record", {
    kind: "organization",
    fields: { name: item.name, note: "Met at the fair." },
  });

  // They are one: a look first, then the merge.
  const { items: groups } = await use("find_duplicates", { kind: "organization", by: "name" });
  const group = groups.find((group) => group.items.some((one) => one.id === twin.id));
  assert.ok(group.items.some((one) => one.id === item.id), JSON.stringify(groups));
  const merge = { kind: "organization", id: item.id, sourceId: [twin.id] };
  const would = await use("merge_records", merge);
  assert.match(would.item.note, /Met at the fair\./);
  await use("get_record", { kind: "organization", id: twin.id });
  const merged = await use("merge_records", { ...merge, dryRun: false });
  assert.match(merged.item.note, /Met at the fair\./);
  await use("get_record", { kind: "organization", id: twin.id }, "not_found");

  // A lead of theirs becomes an opportunity, which is moved on and won.
  const { fields } = await use("describe_forms", { kind: "lead" });
  assert.ok(fields.some((field) => field.id === "title"));
  const { item: lead } = await use("create_record", {
    kind: "lead",
    fields: { title: "A new roof", value: { amount: 12000.5, code: "EUR" }, organizationId: item.id },
  });
  await use("comment", { kind: "lead", id: lead.id, comment: "They want it before winter." });
  const { item: opportunity } = await use("convert_lead", { id: lead.id });
  await use("convert_lead", { id: lead.id }, "already_converted");
  const { pipelines } = await use("describe_forms", { kind: "opportunity" });
  const stages = pipelines.find((pipeline) => pipeline.id === opportunity.pipelineId).stages;
  const moved = await use("move_opportunity", { id: opportunity.id, stage: stages.at(-1).label });
  assert.equal(moved.item.stage, stages.at(-1).key);
  const before = await use("pipeline_summary", {});
  assert.ok(before.items.length >= stages.length);
  const won = await use("close_opportunity", { id: opportunity.id, status: "won" });
  assert.equal(won.item.status, "won");

  // Their case is closed, with the comment that its workflow asks for: the first try tells what is missing.
  const { item: made } = await use("create_record", {
    kind: "case",
    fields: { title: "The roof leaks", organizationId: item.id },
  });
  await use("update_record", { kind: "case", id: made.id, fields: { description: "Above the stairs." } });
  const walked = [];
  for (let status = made.status; status !== "Closed"; ) {
    const { steps } = await use("walk_case", { id: made.id });
    const step = steps.find((step) => !walked.includes(step.to));
    assert.ok(step, `no step leads on from ${status}`);
    if (step.needsComment) {
      const problem = await use("walk_case", { id: made.id, to: step.to }, "validation_failed");
      assert.equal(problem.errors[0].field, "comment");
    }
    const comment = step.needsComment ? { comment: "The tiles are new." } : {};
    status = (await use("walk_case", { id: made.id, to: step.to, ...comment })).item.status;
    walked.push(status);
  }
  const { comments } = await use("get_record", { kind: "case", id: made.id, with: ["comments"] });
  assert.ok(comments.some((entry) => entry.comment === "The tiles are new."), JSON.stringify(comments));
  return lead.id;
}

for (const transport of Object.keys(transports)) {
  const client = await connected(transport, primary);
  const all = await names(client);
  const lead = await conversation(client);
  assert.deepEqual(all.filter((name) => !called.has(name)), [], "every tool is called");
  called.clear();

  const reader = await connected(transport, secondary);
  assert.deepEqual((await names(reader)).sort(), [...READING].sort());
  await call(reader, "update_record", { kind: "lead", id: lead, fields: { note: "x" } }, "read_only_key");
  await call(reader, "get_record", { kind: "lead", id: lead });

  const stranger = await connected(transport, other);
  assert.deepEqual(await names(stranger), all);
  await call(stranger, "get_record", { kind: "lead", id: lead }, "not_found");
  assert.deepEqual((await call(stranger, "search", { q: "roof" })).items, []);

  // Over HTTP the handshake already fails; over stdio the program is there, and says it at the first question.
  if (transport === "http") {
    await assert.rejects(connected(transport, "nobody's"), /invalid_key|401|unknown or was rotated/);
  } else {
    const nobody = await connected(transport, "nobody's");
    await assert.rejects(names(nobody), /The key is unknown or was rotated/);
    await call(nobody, "search", { q: "roof" }, "invalid_key");
    await nobody.close();
  }
  await Promise.all([client, reader, stranger].map((one) => one.close()));
  console.log(`${transport}: ${all.length} tools`);
}
