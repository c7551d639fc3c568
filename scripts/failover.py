"""What scripts/failover does once everything is installed: starts the servers, writes, kills, and counts."""

import argparse
import http.client
import json
import os
import pwd
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

TENANT = "acme"
KEY = "key-of-a-throwaway-gateway-that-reads-and-writes"
READER = "key-of-a-throwaway-gateway-that-only-reads"
CLIENTS = 8
LATEST = 10.0
MEMBERS = 3


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def as_postgres():
    user = pwd.getpwnam("postgres")
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.setsid()


class Cluster:
    def __init__(self, work, programs):
        self.work, self.programs = work, programs
        self.etcd, self.running = free_port(), {}
        self.ports = {f"pg{n}": (free_port(), free_port()) for n in range(MEMBERS)}
        self.start(
            "etcd",
            ["etcd", "--data-dir", str(work / "etcd"), "--listen-client-urls", f"http://127.0.0.1:{self.etcd}",
             "--advertise-client-urls", f"http://127.0.0.1:{self.etcd}",
             "--listen-peer-urls", f"http://127.0.0.1:{free_port()}", "--enable-v2=true", "--logger=zap"],
        )
        for name in self.ports:
            self.configure(name)
            self.start(name, ["patroni", str(work / f"{name}.yml")])
            self.wait(lambda name=name: self.state(name) == "running", 60, f"{name} does not start")
        self.wait(self.is_whole, 60, "the standbys do not follow")

    def start(self, name, command):
        log = open(self.work / f"{name}.log", "ab")
        environment = {"PATH": f"{self.programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(self.work)}
        self.running[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=as_postgres, env=environment,
            cwd=self.work)

    def configure(self, name):
        port, rest = self.ports[name]
        member = {
            "scope": "crm", "name": name,
            "restapi": {"listen": f"127.0.0.1:{rest}", "connect_address": f"127.0.0.1:{rest}"},
            "etcd": {"host": f"127.0.0.1:{self.etcd}"},
            "bootstrap": {
                "dcs": {
                    "ttl": 20, "loop_wait": 3, "retry_timeout": 5, "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"wal_log_hints": "on", "max_connections": 100}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{port}", "connect_address": f"127.0.0.1:{port}",
                "data_dir": str(self.work / name / "data"), "bin_dir": self.programs,
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust",
                           "host replication all 127.0.0.1/32 trust"],
                "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "postgres"}},
                "parameters": {"unix_socket_directories": str(self.work)},
            },
        }
        path = self.work / f"{name}.yml"
        path.write_text(json.dumps(member))  # JSON is YAML
        (self.work / name).mkdir(exist_ok=True)
        for one in (path, self.work / name):
            os.chown(one, pwd.getpwnam("postgres").pw_uid, -1)

    def ask(self, name, path="/patroni"):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[name][1], timeout=3)
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return {}

    def state(self, name):
        return self.ask(name).get("state")

    def members(self):
        for name in self.ports:
            found = self.ask(name, "/cluster").get("members")
            if found:
                return found
        return []

    def leader(self):
        return next((one["name"] for one in self.members() if one["role"] == "leader" and one["state"] == "running"), None)

    def is_whole(self):
        members = self.members()
        roles = sorted(one["role"] for one in members if one["state"] in ("running", "streaming"))
        return len(roles) == MEMBERS and "leader" in roles and "sync_standby" in roles

    def wait(self, until, seconds, otherwise):
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                sys.exit(f"scripts/failover: {otherwise}; see the logs:\n" + self.tails())
            time.sleep(0.3)

    def tails(self):
        logs = sorted(self.work.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def kill_leader(self):
        """What a machine does that loses its power: Patroni and PostgreSQL are gone at once."""
        name = self.leader()
        self.running[name].kill()
        self.running[name].wait()
        pid = int((self.work / name / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        return name

    def restart(self, name):
        self.start(name, ["patroni", str(self.work / f"{name}.yml")])

    def switch(self):
        """A planned hand-over to the synchronous standby."""
        leader = self.leader()
        candidate = next(one["name"] for one in self.members() if one["role"] == "sync_standby")
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[leader][1], timeout=30)
        connection.request("POST", "/switchover", json.dumps({"leader": leader, "candidate": candidate}),
                           {"Content-Type": "application/json"})
        connection.getresponse().read()
        self.wait(lambda: self.leader() == candidate, 60, "nobody took over")

    def stop(self):
        for process in reversed(list(self.running.values())):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


class Writers:
    """Clients who make one lead after the other, and note what they were told."""

    def __init__(self, port):
        self.port, self.stopping = port, threading.Event()
        self.acknowledged, self.answers, self.lock = {}, [], threading.Lock()
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def write(self, client):
        number = 0
        while not self.stopping.is_set():
            number += 1
            title, began = f"{client}-{number}", time.monotonic()
            status, wait, item = self.post({"title": title})
            took = time.monotonic() - began
            with self.lock:
                self.answers.append((began, took, status, wait))
                if status == 201:
                    self.acknowledged[item["id"]] = title
            if status != 201:
                time.sleep(random.uniform(0.05, 0.2))

    def post(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/pipeline/leads", json.dumps(body),
                               {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "application/json"})
            answer = connection.getresponse()
            content = json.loads(answer.read())
            return answer.status, answer.headers.get("Retry-After"), content.get("item")
        finally:
            connection.close()

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def gap_since(self, moment):
        """The longest time without an acknowledged write from shortly before a moment on."""
        with self.lock:
            done = sorted(began + took for began, took, status, _ in self.answers
                          if status == 201 and began + took > moment - 1)
        return max((later - earlier for earlier, later in zip(done, done[1:])), default=0.0)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def read_all(port):
    found, token = {}, None
    while True:
        path = "/pipeline/leads?size=200" + (f"&continuationToken={token}" if token else "")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path, headers={"Ocp-Apim-Subscription-Key": KEY})
        page = json.loads(connection.getresponse().read())
        connection.close()
        found.update({item["id"]: item["title"] for item in page["items"]})
        token = page.get("continuationToken")
        if not page.get("hasMore"):
            return found


def start_gateway(program, cluster, work):
    hosts = ",".join(f"127.0.0.1:{port}" for port, _ in cluster.ports.values())
    environment = {
        "DATABASE_URL": f"postgres://postgres@{hosts}/crm?target_session_attrs=read-write", "CRM_LISTEN": "127.0.0.1:0",
        "CRM_RATE_LIMIT": "0", "RUST_LOG": "error", "CRM_BOOTSTRAP_TENANT": TENANT, "CRM_BOOTSTRAP_PRIMARY_KEY": KEY,
        "CRM_BOOTSTRAP_SECONDARY_KEY": READER,
    }
    log = open(work / "gateway.log", "ab")
    process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
    for line in process.stdout:
        if line.startswith("listening on "):
            return process, int(line.strip().rsplit(":", 1)[1])
    sys.exit("scripts/failover: the gateway does not start:\n" + cluster.tails())


def main():
    arguments = argparse.ArgumentParser()
    for name in ("gateway", "programs", "work"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("--rounds", type=int, required=True)
    given = arguments.parse_args()
    work = Path(given.work)
    cluster = Cluster(work, given.programs)
    gateway = None
    try:
        leader_port = cluster.ports[cluster.leader()][0]
        subprocess.run([f"{given.programs}/psql", "-q", "-h", "127.0.0.1", "-p", str(leader_port), "-U", "postgres",
                        "-c", "CREATE DATABASE crm"], check=True)
        gateway, port = start_gateway(given.gateway, cluster, work)
        writers = Writers(port)
        time.sleep(2)
        outages = {"kill": [], "switchover": []}
        for number in range(1, given.rounds + 1):
            for event, act in (("kill", cluster.kill_leader), ("switchover", cluster.switch)):
                before, moment = writers.count(), time.monotonic()
                killed = act()
                cluster.wait(lambda: writers.count() > before + 20 and cluster.leader(), 90, "no write is acknowledged")
                time.sleep(1)
                outages[event].append(writers.gap_since(moment))
                print(f"failover: {event} {number}: no writes for {outages[event][-1]:.1f} s", flush=True)
                if killed:
                    cluster.restart(killed)
                cluster.wait(cluster.is_whole, 120, "the old leader does not come back")
        writers.stop()
        for event, times in outages.items():
            show(event, times)
        judge(writers, read_all(port))
    finally:
        if gateway:
            gateway.terminate()
            gateway.wait()
        cluster.stop()


def show(event, times):
    """A histogram of the times without writes, in tenths of a second, in bars of which there are few."""
    tenths = sorted(round(one * 10) for one in times)
    width = next((one for one in (1, 2, 5, 10, 20, 50) if (tenths[-1] - tenths[0]) / one < 8), 100)
    print(f"failover: {event}, {len(times)} times: no writes for {tenths[0] / 10} to {tenths[-1] / 10} s, half of them for at "
          f"most {statistics.median_low(tenths) / 10} s")
    for bar in range(tenths[0] // width, tenths[-1] // width + 1):
        inside = sum(one // width == bar for one in tenths)
        print(f"  {bar * width / 10:4.1f} s | {'█' * inside}{' ' if inside else ''}{inside or ''}".rstrip())


def judge(writers, found):
    lost = [id for id, title in writers.acknowledged.items() if found.get(id) != title]
    statuses = {}
    for _, _, status, _ in writers.answers:
        statuses[status] = statuses.get(status, 0) + 1
    took = sorted(took for _, took, _, _ in writers.answers)
    shown = ", ".join(f"{percent} % within {took[min(len(took) * percent // 100, len(took) - 1)] * 1000:.0f} ms" for percent in (50, 99))
    steps = (0.01, 0.1, 1, 2, 5, 10)
    histogram = ", ".join(f"≤ {step:g} s: {sum(one <= step for one in took)}" for step in steps)
    print(f"failover: {len(writers.acknowledged)} writes acknowledged, {len(lost)} lost; answers {statuses}")
    print(f"failover: {shown}; longest {took[-1]:.1f} s; {histogram}")
    wrong = [answer for answer in writers.answers if answer[2] not in (201, 503) or (answer[2] == 503 and not answer[3])]
    if lost or wrong or took[-1] > LATEST:
        sys.exit(f"scripts/failover: lost {lost[:5]}, other answers {wrong[:5]}, longest {took[-1]:.1f} s")


main()
