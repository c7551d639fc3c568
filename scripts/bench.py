"""What scripts/bench does once everything is installed: records as `demo` makes them, and each operation under load."""

import argparse
import base64
import hashlib
import hmac
import http.client
import http.cookiejar
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

CONNECTIONS = 16
TICKS = os.sysconf("SC_CLK_TCK")
SECRET = "secret-of-a-throwaway-gateway-32-bytes"
OPERATOR = "key-of-the-operator-of-a-throwaway-gateway"

# Sends the lines of a file round and round: method, path, headers and body, with tabs between. @N@ in a body is a number that
# is never the same twice.
LUA = """
local lines, at, count = {}, 0, 0
function init(args)
    for line in io.lines(args[1]) do
        local method, path, headers, body = line:match("([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)\\t(.*)")
        local all = {}
        for name, value in headers:gmatch("([^:|]+):([^|]*)") do all[name] = value end
        if body == "" then body = nil end
        if body and body:find("@N@", 1, true) then
            lines[#lines + 1] = { method, path, all, body }
        else
            lines[#lines + 1] = wrk.format(method, path, all, body)
        end
    end
    at = tonumber(args[2]) % #lines
    count = tonumber(args[2]) * 1000000
end
function request()
    at = at % #lines + 1
    local line = lines[at]
    if type(line) == "string" then return line end
    count = count + 1
    return wrk.format(line[1], line[2], line[3], (line[4]:gsub("@N@", count)))
end
function done(summary, latency, _)
    io.write(string.format("RESULT %d %d %.0f %.0f %d\\n", summary.requests, summary.duration, latency:percentile(50),
        latency:percentile(99), summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


def processor_seconds(pid, children=False):
    """User and system time of a process so far, and of those that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11 : 15 if children else 13]) / TICKS


class Server:
    """PostgreSQL, all its processes."""

    def __init__(self, url):
        self.url = url
        directory = self.ask("SHOW data_directory")
        self.pid = int(Path(directory, "postmaster.pid").read_text().split()[0])

    def ask(self, statement, url=None):
        return subprocess.run(
            ["psql", "-qtA", url or self.url, "-c", statement], check=True, text=True, capture_output=True
        ).stdout.strip()

    def seconds(self):
        total = processor_seconds(self.pid, children=True)
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1]) == self.pid:
                        total += processor_seconds(entry)
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return total


class Gateway:
    def __init__(self, program, work, server):
        self.program, self.work, self.server = program, work, server
        if server:
            database = f"crm_bench_{os.getpid()}"
            server.ask(f"CREATE DATABASE {database}")
            self.database = database
            self.database_url = server.url.rsplit("/", 1)[0] + "/" + database
        else:
            self.database_url = f"sqlite://{work}/bench.db"
        self.environment = {
            "DATABASE_URL": self.database_url,
            "CRM_LISTEN": "127.0.0.1:0",
            "CRM_RATE_LIMIT": "0",
            "CRM_JWT_SECRET": SECRET,
            "CRM_ADMIN_KEY": OPERATOR,
            "PATH": os.environ["PATH"],
        }
        self.command("migrate")

    def command(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.environment, text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"scripts/bench: crm-gateway {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start(self):
        began = time.monotonic()
        # Its log is written, and read by nobody.
        self.process = subprocess.Popen(
            [self.program], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.port = int(line.strip().rsplit(":", 1)[1])
                return (time.monotonic() - began) * 1000
        sys.exit("scripts/bench: the gateway does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def end(self):
        self.stop()
        if self.server:
            self.server.ask(f"DROP DATABASE {self.database} WITH (FORCE)")
        else:
            for file in Path(self.work).glob("bench.db*"):
                file.unlink()

    def memory(self, what):
        return int(re.search(rf"^{what}:\s*(\d+)", Path(f"/proc/{self.process.pid}/status").read_text(), re.M)[1]) / 1024

    def processor(self):
        return processor_seconds(self.process.pid), self.server.seconds() if self.server else 0.0


class Refused(Exception):
    """An answer that says no."""


class Client:
    """One connection."""

    def __init__(self, port, headers):
        self.connection, self.headers = http.client.HTTPConnection("127.0.0.1", port), headers

    def send(self, method, path, body=None):
        text = None if body is None else json.dumps(body)
        # A gateway that is busy says that nothing was done, and is asked again.
        for _ in range(20):
            self.connection.request(method, path, text, {**self.headers, "Content-Type": "application/json"})
            answer = self.connection.getresponse()
            content = answer.read()
            if answer.status != 503 or b'"notDone"' not in content:
                break
            time.sleep(0.5)
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {content[:500]}")
        return answer, json.loads(content) if content.startswith(b"{") else content


def token(tenant):
    """What an issuer would sign for somebody who administers the ticketing of a tenant."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    claims = {"sub": "bench", "exp": int(time.time()) + 86400, "tenant_id": tenant, "realm_access": {"roles": ["ticket_admin"]}}
    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
    return signed + "." + part(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())


class Bench:
    def __init__(self, name, gateway, leads, tenants, seconds):
        self.name, self.gateway, self.leads, self.seconds = name, gateway, leads, seconds
        self.rows = []
        self.keys = []
        share = max(leads // tenants, 20)
        for number in range(tenants):
            made = json.loads(gateway.command("tenants", "create", "--json"))
            self.keys.append({"Ocp-Apim-Subscription-Key": made["primaryKey"]})
            self.tenant = self.tenant if number else made["id"]
            gateway.command(
                "demo", "--tenant", made["id"], "--seed", str(number + 1), "--leads", str(share),
                "--contacts", str(max(share // 2, 10)), "--organizations", str(max(share // 8, 5)), "--cases", str(max(share // 20, 5)),
            )
            progress(f"{name}: demo, tenant {number + 1} of {tenants}")
        if gateway.server:
            gateway.server.ask("VACUUM ANALYZE", gateway.database_url)
        self.share = share
        self.listening = gateway.start()
        self.client = Client(gateway.port, self.keys[0])

    def get(self, path):
        return self.client.send("GET", path)[1]

    def measured(self, operation, work):
        """Processor time beside whatever `work` does, which tells how many requests, in how long, and their latencies."""
        progress(f"{self.name}: {operation}")
        before = self.gateway.processor()
        requests, seconds, p50, p99 = work()
        after = self.gateway.processor()
        row = {
            "database": self.name,
            "operation": operation,
            "requests": requests,
            "perSecond": requests / seconds,
            "p50": p50,
            "p99": p99,
            "gateway": (after[0] - before[0]) / requests * 1e6,
            "server": (after[1] - before[1]) / requests * 1e6,
        }
        self.rows.append(row)

    def load(self, operation, lines, seconds=None):
        """Sends the lines round and round, over all connections."""
        file = Path(self.gateway.work, "lines")
        file.write_text("".join("\t".join([method, path, "|".join(f"{n}:{v}" for n, v in headers.items()), body]) + "\n"
                                for method, path, headers, body in lines))
        script = Path(self.gateway.work, "lines.lua")
        script.write_text(LUA)

        def work():
            said = subprocess.run(
                ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds or self.seconds}s", "-s", str(script),
                 f"http://127.0.0.1:{self.gateway.port}", "--", str(file), str(len(self.rows) + 1)],
                check=True, text=True, capture_output=True,
            ).stdout
            requests, duration, p50, p99, failed = map(int, re.search(r"RESULT (.*)", said)[1].split())
            if failed or not requests:
                sys.exit(f"scripts/bench: {operation}: {failed} of {requests} requests failed\n{said}")
            return requests, duration / 1e6, p50 / 1000, p99 / 1000

        self.measured(operation, work)

    def read(self, operation, path, keys=None):
        """GETs of a path by every tenant's key, or by those."""
        self.load(operation, [("GET", path, key, "") for key in keys or self.keys])

    def once(self, operation, requests, clients=CONNECTIONS):
        """Requests that can be made once."""
        waiting, times, refused, lock = queue.SimpleQueue(), [], [], threading.Lock()
        for request in requests:
            waiting.put(request)

        def ask():
            client = Client(self.gateway.port, self.keys[0])
            mine = []
            while True:
                try:
                    request = waiting.get_nowait()
                except queue.Empty:
                    break
                began = time.monotonic()
                try:
                    client.send(*request)
                except Refused as reason:
                    refused.append(reason)
                mine.append(time.monotonic() - began)
            with lock:
                times.extend(mine)

        def work():
            began = time.monotonic()
            threads = [threading.Thread(target=ask) for _ in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.monotonic() - began
            if refused:
                raise refused[0]
            times.sort()
            return len(times), seconds, times[len(times) // 2] * 1000, times[min(len(times) - 1, len(times) * 99 // 100)] * 1000

        self.measured(operation, work)

    def batch(self, path, items):
        """Makes records of the first tenant, 500 at a time, and gives their ids."""
        ids = []
        for first in range(0, len(items), 500):
            answer = self.client.send("POST", f"{path}/batch", {"mode": "create", "items": items[first : first + 500]})[1]
            if answer["failed"]:
                raise Refused(f"{path}/batch: {[row for row in answer['results'] if row['id'] is None][0]}")
            ids.extend(row["id"] for row in answer["results"])
        return ids

    def floor(self):
        self.load("floor: /healthz", [("GET", "/healthz", {}, "")])

    def reads(self):
        middle = self.share // 2
        self.load("one by id", [("GET", f"/pipeline/leads/{1 + (n * 7919) % self.share}", self.keys[n % len(self.keys)], "")
                                for n in range(min(self.share * len(self.keys), 20000))])
        self.read("list of 10", "/pipeline/leads?size=10")
        deep = self.get(f"/pipeline/leads?size=10&offset={middle}&includeToken=true")["continuationToken"]
        first = self.keys[:1]
        self.read("list of 10 by a token deep inside", f"/pipeline/leads?size=10&continuationToken={deep}", first)
        self.read("list ordered by value", "/pipeline/leads?size=10&orderBy=value&sort=desc")
        words = [word for lead in self.get("/pipeline/leads?size=200")["items"] for word in set(lead["title"].split())]
        common = max(set(word for word in words if len(word) > 4), key=words.count)
        self.client.send("POST", "/pipeline/leads", {"title": "Zeppelin hangar quixotic"})
        self.read("list by a title that is rare", "/pipeline/leads?size=10&title=quixotic")
        self.read("list by a title that many have", f"/pipeline/leads?size=10&title={urllib.parse.quote(common)}")
        self.read("list by a title that none has", "/pipeline/leads?size=10&title=zzyqxxj")
        tagged = [tag["label"] for lead in self.get("/pipeline/leads?size=200")["items"] for tag in lead["tags"]]
        tag = max(set(tagged), key=tagged.count)
        self.read("list by a tag", f"/pipeline/leads?size=10&tags={urllib.parse.quote(tag)}")
        self.read("list by an organization", "/pipeline/leads?size=10&organizationId=1")
        golden = "/directory/contacts?size=10&customFields.level=gold"
        if len(self.get(golden)["items"]) != 10:
            sys.exit("scripts/bench: the list by a custom field is not full")
        self.read("list by a custom field", golden, first)
        self.read("list with its total", "/pipeline/leads?size=10&includeTotal=true")
        self.read("list by a tag, with its total", f"/pipeline/leads?size=10&includeTotal=true&tags={urllib.parse.quote(tag)}")
        self.read("list, page 1 000", f"/pipeline/leads?size=10&page={min(1000, self.share // 10)}")
        contact = self.get("/directory/contacts/3")["item"]
        self.read("contacts by a part of a name", f"/directory/contacts?size=10&searchValue={urllib.parse.quote(contact['name'].split()[1])}")
        number = contact["phone"][0]["value"] if contact["phone"] else "+1 475 555 0182"
        self.read("contacts by phone", f"/directory/contacts?size=10&phone={urllib.parse.quote(number)}")
        self.read("search in all kinds", f"/search?q={urllib.parse.quote(contact['name'])}")
        self.read("summary of the pipelines", "/pipeline/opportunities/summary")
        self.read("a page of /changes", "/changes?size=100")
        self.load("board of a pipeline", [("GET", "/console/board", {"Cookie": self.session()}, "")])
        self.ticketing()

    def session(self):
        """The cookie of somebody who has signed in to the console."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        page = f"http://127.0.0.1:{self.gateway.port}/console/sign-in"
        form = re.search(r'name="_token" value="([^"]+)"', browser.open(page).read().decode())[1]
        fields = {"_token": form, "key": self.keys[0]["Ocp-Apim-Subscription-Key"]}
        browser.open(page, urllib.parse.urlencode(fields).encode())
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)

    def ticketing(self):
        headers = {"Authorization": f"Bearer {token(self.tenant)}", "x-tenantid": self.tenant}
        client, path = Client(self.gateway.port, headers), "/api/v1/ticketing/clientMap"
        for number in range(3):
            client.send("POST", path, {
                "clientId": f"client-{number}", "clientName": "ServiceNow Integration", "clientType": "itsm",
                "mappingType": "bidirectional", "configuration": {"endpoint": "https://example.com", "apiKey": "secret"},
            })
        tag = client.send("GET", f"{path}/findAndCountAll")[0].headers["ETag"]
        self.load("findAndCountAll, 200", [("GET", f"{path}/findAndCountAll", headers, "")])
        self.load("findAndCountAll, 304", [("GET", f"{path}/findAndCountAll", {**headers, "If-None-Match": tag}, "")])

    def custom_field(self):
        """A field of contacts, as one in ten of two thousand has it."""
        form = self.get("/directory/forms/contacts")
        fields = [{name: value for name, value in field.items() if name != "tenantId"} for field in form["items"]]
        fields.append({"id": "level", "label": "Level", "category": "custom", "type": "dropdown", "options": ["gold", "silver"]})
        self.client.send("PUT", "/directory/forms/contacts", {"fields": fields})
        self.batch("/directory/contacts", [
            {"name": f"Level Field {n}", "customFields": {"level": ["gold" if n % 10 == 0 else "silver"]}} for n in range(2000)
        ])

    def writes(self):
        kind = {"Content-Type": "application/json"}
        person = {"id": "diego.alvarez", "name": "Diego Álvarez", "email": "diego.alvarez@brightwater.example"}
        lead = {"title": "Telephone system for a school", "value": {"amount": 25000, "code": "USD"}, "origin": "referral",
                "leadRating": "2_warm", "note": "Wants everything in writing.", "owner": person, "organizationId": "1",
                "contactId": "1", "followers": [person], "tags": [{"label": "urgent"}]}
        lead["tags"] = [{"id": tag["id"], "label": tag["label"]} for tag in self.get("/pipeline/tags/leads")["items"][:2]]
        self.load("create", [("POST", "/pipeline/leads", {**self.keys[0], **kind},
                              json.dumps({**lead, "organizationId": str(n), "contactId": str(n)}))
                             for n in range(1, max(self.share // 8, 5))])
        if len(self.keys) == 1:
            extra = []
            for _ in range(32):
                made = json.loads(self.gateway.command("tenants", "create", "--json"))
                extra.append({"Ocp-Apim-Subscription-Key": made["primaryKey"]})
            bare = json.dumps({name: value for name, value in lead.items() if name not in ("organizationId", "contactId", "tags")})
            self.load("create, without references", [("POST", "/pipeline/leads", {**self.keys[0], **kind}, bare)])
            self.load("create, without references, in 32 tenants", [("POST", "/pipeline/leads", {**key, **kind}, bare) for key in extra])
        self.load("patch", [("PATCH", f"/pipeline/leads/{1 + (n * 7919) % self.share}", {**self.keys[0], **kind}, '{"note":"Called @N@ times."}')
                            for n in range(min(self.share, 20000))])
        made = self.batch("/pipeline/leads", [lead] * 1000)
        self.once("convert", [("POST", f"/pipeline/leads/{one}/convert") for one in made])
        made = self.batch("/directory/contacts", [
            {"name": f"Merge Me {n // 3}", "email": [{"label": "Work", "value": f"merge{n}@example.com"}]} for n in range(900)
        ])
        self.once("merge of 3 contacts", [("POST", f"/directory/contacts/{made[n]}/merge", {"sourceId": made[n + 1 : n + 3]})
                                          for n in range(0, 900, 3)])
        self.once("batch of 500", [("POST", "/pipeline/leads/batch", {"mode": "create", "items": [lead] * 500})] * 32, clients=4)
        made = self.batch("/pipeline/leads", [lead] * 3200)
        self.once("bulk delete of 100", [
            ("POST", "/pipeline/bulk-actions", {"entity": "lead", "action": "delete", "ids": made[n : n + 100]}) for n in range(0, 3200, 100)
        ], clients=4)

    def run(self):
        self.custom_field()
        self.load("warm-up", [("GET", "/pipeline/leads?size=10", self.keys[0], "")], 2)
        self.rows.clear()
        self.floor()
        self.reads()
        self.writes()
        self.floor()
        floor = [row["gateway"] for row in self.rows if row["operation"].startswith("floor")]
        for row in self.rows:
            row["timesFloor"] = (row["gateway"] + row["server"]) / (sum(floor) / len(floor))
        self.last = {"database": self.name, "listeningAfterMs": self.listening, "RssMiB": self.gateway.memory("VmRSS"),
                     "RssAnonMiB": self.gateway.memory("RssAnon")}


def progress(words):
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("work")
    arguments.add_argument("seconds", type=int)
    arguments.add_argument("leads", type=int)
    arguments.add_argument("tenants", type=int)
    arguments.add_argument("--json")
    asked = arguments.parse_args()
    everything = {"leads": asked.leads, "tenants": asked.tenants, "connections": CONNECTIONS, "operations": [], "gateways": []}
    for name, server in (("SQLite", None), ("PostgreSQL", Server(os.environ["CRM_TEST_POSTGRES_URL"]))):
        gateway = Gateway(asked.program, asked.work, server)
        bench = Bench(name, gateway, asked.leads, asked.tenants, asked.seconds)
        try:
            bench.run()
        except Refused as reason:
            sys.exit(f"scripts/bench: {reason}")
        finally:
            gateway.end()
        everything["operations"] += bench.rows
        everything["gateways"].append(bench.last)
    progress("")
    print("| operation | requests/s | p50 ms | p99 ms | CPU µs of the gateway | of the database | ÷ floor |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for row in everything["operations"]:
        server = f"{row['server']:.0f}" if row["database"] == "PostgreSQL" else ""
        print(f"| {row['database']}: {row['operation']} | {row['perSecond']:.0f} | {row['p50']:.2f} | {row['p99']:.2f} "
              f"| {row['gateway']:.0f} | {server} | {row['timesFloor']:.1f} |")
    print()
    for last in everything["gateways"]:
        print(f"- {last['database']}: listening {last['listeningAfterMs']:.0f} ms after its start; "
              f"{last['RssAnonMiB']:.0f} MiB of anonymous memory at the end (RSS {last['RssMiB']:.0f} MiB)")
    if asked.json:
        Path(asked.json).write_text(json.dumps(everything, indent=1) + "\n")


main()
