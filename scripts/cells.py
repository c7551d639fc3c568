"""What scripts/cells does once everything is installed: two cells, clients of two tenants, and a move."""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

MOVED, STAYS = "acme", "umbrella"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cell:
    def __init__(self, program, server, name):
        self.program, self.name = program, name
        database = f"crm_cell_{name}_{os.getpid()}"
        subprocess.run(["psql", "-q", server, "-c", f"CREATE DATABASE {database}"], check=True)
        self.url = server.rsplit("/", 1)[0] + "/" + database
        self.environment = {"DATABASE_URL": self.url, "CRM_LISTEN": "127.0.0.1:0", "CRM_RATE_LIMIT": "0", "RUST_LOG": "error"}
        self.run("migrate")

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.environment, text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"scripts/cells: {arguments}: {done.stderr}")
        return done.stdout

    def make(self, tenant):
        return json.loads(self.run("tenants", "create", "--id", tenant, "--json"))["primaryKey"]

    def prefixes(self):
        """How the keys of each tenant begin."""
        return {tenant["id"]: tenant["keyPrefixes"] for tenant in json.loads(self.run("tenants", "list", "--json"))}

    def start(self):
        self.process = subprocess.Popen([self.program], env=self.environment, text=True, stdout=subprocess.PIPE)
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.port = int(line.strip().rsplit(":", 1)[1])
                return
        sys.exit(f"scripts/cells: the gateway of cell {self.name} does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Nginx:
    """The map of docs/scaling.md: the first characters of a key name its cell."""

    def __init__(self, work, cells):
        self.work, self.cells, self.port = work, cells, free_port()

    def configure(self, places):
        lines = "\n".join(f'    "~^{prefix}" {cell};' for prefix, cell in places.items())
        upstreams = "\n".join(f"  upstream {cell.name} {{ server 127.0.0.1:{cell.port}; }}" for cell in self.cells)
        text = f"""
pid {self.work}/nginx.pid;
error_log {self.work}/nginx.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {self.work}/body; proxy_temp_path {self.work}/proxy; fastcgi_temp_path {self.work}/fastcgi;
  uwsgi_temp_path {self.work}/uwsgi; scgi_temp_path {self.work}/scgi;
{upstreams}
  map $http_ocp_apim_subscription_key $cell {{
    default {self.cells[0].name};
{lines}
  }}
  server {{
    listen 127.0.0.1:{self.port};
    location / {{ proxy_pass http://$cell; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
        path = self.work / "nginx.conf"
        path.write_text(text)
        if (self.work / "nginx.pid").exists():
            os.kill(int((self.work / "nginx.pid").read_text()), signal.SIGHUP)
            time.sleep(1)
        else:
            subprocess.run(["nginx", "-c", str(path), "-p", str(self.work)], check=True)

    def stop(self):
        subprocess.run(["nginx", "-c", str(self.work / "nginx.conf"), "-p", str(self.work), "-s", "stop"], check=False)


class Clients:
    """Of one tenant: each makes leads, and reads what it made."""

    def __init__(self, port, key, count=4):
        self.port, self.key, self.stopping, self.lock = port, key, threading.Event(), threading.Lock()
        self.made, self.refused, self.wrong, self.reads = {}, [], [], 0
        self.threads = [threading.Thread(target=self.work, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body and json.dumps(body),
                               {"Ocp-Apim-Subscription-Key": self.key, "Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Retry-After"), json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def work(self, client):
        number, last = 0, None
        while not self.stopping.is_set():
            number += 1
            status, wait, body = self.ask("POST", "/pipeline/leads", {"title": f"{client}-{number}"})
            with self.lock:
                if status == 201:
                    last = body["item"]["id"]
                    self.made[last] = f"{client}-{number}"
                elif status == 503 and body["code"] == "tenant_frozen" and wait:
                    self.refused.append(time.monotonic())
                else:
                    self.wrong.append((status, body))
            if status != 201:
                time.sleep(0.1)
            if last:
                status, _, body = self.ask("GET", f"/pipeline/leads/{last}")
                if status == 404:
                    # While nginx reads its map again, its old workers still send some requests to the old cell.
                    time.sleep(0.5)
                    status, _, body = self.ask("GET", f"/pipeline/leads/{last}")
                with self.lock:
                    self.reads += 1
                    if status != 200 or body["item"]["title"] != self.made[last]:
                        self.wrong.append((status, body))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def lost(self):
        found, token = {}, None
        while True:
            path = "/pipeline/leads?size=200" + (f"&continuationToken={token}" if token else "")
            _, _, page = self.ask("GET", path)
            found.update({item["id"]: item["title"] for item in page["items"]})
            token = page.get("continuationToken")
            if not page.get("hasMore"):
                return [one for one, title in self.made.items() if found.get(one) != title]


def main():
    arguments = argparse.ArgumentParser()
    for name in ("gateway", "work", "server"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("--seconds", type=float, required=True)
    given = arguments.parse_args()
    cells = [Cell(given.gateway, given.server, name) for name in ("one", "two")]
    one, two = cells
    keys = {tenant: one.make(tenant) for tenant in (MOVED, STAYS)}
    two.make("resident")
    for cell in cells:
        cell.start()
    nginx = Nginx(Path(given.work), cells)
    places = {prefix: cell.name for cell in cells for prefixes in cell.prefixes().values() for prefix in prefixes}
    nginx.configure(places)
    moved, stays = Clients(nginx.port, keys[MOVED]), Clients(nginx.port, keys[STAYS])
    time.sleep(given.seconds)
    one.run("tenants", "freeze", MOVED)
    began = time.monotonic()
    one.run("copy", "--from", one.url, "--to", two.url, "--tenant", MOVED)
    copied = time.monotonic() - began
    two.run("tenants", "thaw", MOVED)
    places |= {prefix: "two" for prefix in two.prefixes()[MOVED]}
    nginx.configure(places)
    time.sleep(given.seconds)
    for clients in (moved, stays):
        clients.stop()
    lost = moved.lost() + stays.lost()
    pause = moved.refused[-1] - moved.refused[0] if moved.refused else 0.0
    one.run("tenants", "delete", MOVED, "--yes")
    status, _, _ = moved.ask("GET", "/pipeline/leads?size=1")
    nginx.stop()
    for cell in cells:
        cell.stop()
    print(f"cells: {len(moved.made)} and {len(stays.made)} writes acknowledged, {len(lost)} lost; {moved.reads + stays.reads} reads")
    print(f"cells: writes of the tenant that moved were refused for {pause:.1f} s (copy {copied:.1f} s); of the other {len(stays.refused)} times")
    wrong = moved.wrong + stays.wrong
    if lost or wrong or stays.refused or not moved.refused or status != 200:
        sys.exit(f"scripts/cells: lost {lost[:5]}, other answers {wrong[:5]}, status at the end {status}")


main()
