// Uses the tools with the protocol's reference client, and again with the inspector's command line. Run by scripts/test-mcp, in the
// folder that has both.
//
//   node test-mcp.mjs URL GATEWAY PRIMARY_KEY SECONDARY_KEY KEY_OF_ANOTHER_TENANT
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
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

/** The same calls by the inspector's command line, which starts and connects anew for each. */
class Inspector {
  static transports = {
    http: (key) => ["--stored-auth-only", "--transport", "http", "--header", `Ocp-Apim-Subscription-Key: ${key}`, "--", `${url}/mcp`],
    stdio: (key) => ["-e", `CRM_KEY=${key}`, "-e", "RUST_LOG=off", "--", gateway, "mcp", "--url", url],
  };

  constructor(transport, key) {
    this.server = Inspector.transports[transport](key);
  }

  /** What it prints of a result. What a tool says is a problem comes with an exit code of its own; anything else that fails is thrown. */
  ask(method, ...options) {
    const args = ["--cli", "--quiet", "--format", "json", "--method", method, ...options, ...this.server];
    return new Promise((resolve, reject) =>
      execFile("node_modules/.bin/mcp-inspector", args, { timeout: 60_000 }, (failure, printed, said) => {
        if (printed) resolve(JSON.parse(printed).result);
        else reject(new Error(said || failure?.message));
      }),
    );
  }

  listTools() {
    // `--strict` fails where a schema is one that not every model takes.
    return this.ask("tools/list", "--strict");
  }

  callTool({ name, arguments: args }) {
    return this.ask("tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args));
  }

  async close() {}
}

const READING = ["search", "get_record", "list_records", "pipeline_summary", "find_duplicates", "describe_forms"];

async function connected(transport, key, program = "client") {
  if (program === "inspector") return new Inspector(transport, key);
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

  // All of them are more than a result has room for: its token leads on, and none comes twice or is left out.
  const everyone = [];
  for (let page = {}, pages = 0; pages === 0 || page.continuationToken; pages += 1) {
    const token = page.continuationToken ? { continuationToken: page.continuationToken } : {};
    page = await use("list_records", { kind: "organization", size: 200, ...token });
    everyone.push(...page.items.map((one) => one.id));
    assert.ok(pages < 20 && (pages > 0 || page.continuationToken), "the first result is cut");
  }
  assert.ok(everyone.length > 20 && everyone.includes(twin.id));
  assert.equal(new Set(everyone).size, everyone.length);

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

async function tried(program, transport) {
  const client = await connected(transport, primary, program);
  const all = await names(client);
  assert.equal(all.length, new Set(all).size);
  const lead = await conversation(client);
  assert.deepEqual(all.filter((name) => !called.has(name)), [], "every tool is called");
  called.clear();

  const reader = await connected(transport, secondary, program);
  assert.deepEqual((await names(reader)).sort(), [...READING].sort());
  const change = { kind: "lead", id: lead, fields: { note: "x" } };
  // The inspector asks for no tool that is not listed.
  if (program === "inspector") await assert.rejects(call(reader, "update_record", change), /tool_not_found/);
  else await call(reader, "update_record", change, "read_only_key");
  const { item } = await call(reader, "get_record", { kind: "lead", id: lead });
  assert.equal(item.note, null);

  const stranger = await connected(transport, other, program);
  assert.deepEqual(await names(stranger), all);
  await call(stranger, "get_record", { kind: "lead", id: lead }, "not_found");
  assert.deepEqual((await call(stranger, "search", { q: "roof" })).items, []);

  // Over HTTP the handshake already fails; over stdio the program is there, and says it at the first question.
  const refused = /The key is unknown or was rotated/;
  if (program === "inspector") {
    const nobody = await connected(transport, "nobody's", program);
    await assert.rejects(names(nobody), refused);
    await assert.rejects(call(nobody, "search", { q: "roof" }), refused);
  } else if (transport === "http") {
    await assert.rejects(connected(transport, "nobody's"), refused);
  } else {
    const nobody = await connected(transport, "nobody's");
    await assert.rejects(names(nobody), refused);
    await call(nobody, "search", { q: "roof" }, "invalid_key");
    await nobody.close();
  }
  await Promise.all([client, reader, stranger].map((one) => one.close()));
  console.log(`${program}, ${transport}: ${all.length} tools listed and called`);
}

for (const program of ["client", "inspector"]) {
  for (const transport of Object.keys(transports)) await tried(program, transport);
}
