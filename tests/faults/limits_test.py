#!/usr/bin/env python3
"""Case 41 (and the limits it is about): addresses that lie. The API and HLS delivery behind a real nginx: one client is one client, whatever it
writes into X-Forwarded-For or Forwarded; who does not come through the proxy is not believed at all; hosts and origins are never reflected;
viewers are counted, tokens bound and connections limited by client."""
import http.client
import json
import re
import subprocess

from wire import Peer  # noqa: F401  (sets the path of the harness)
from oracle import no_secret_in_logs
from grants import make_private, signed
from stack import Stack, check, fetch, free_port, main, make_clip, wait_for

NGINX = """
daemon off; master_process off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/nginx.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {home}/nginx-body; proxy_temp_path {home}/nginx-proxy;
  fastcgi_temp_path {home}/nginx-f; uwsgi_temp_path {home}/nginx-u; scgi_temp_path {home}/nginx-s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{api};
      proxy_bind 127.0.0.9;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
  server {{
    listen 127.0.0.1:{hls_port};
    location / {{
      proxy_pass http://127.0.0.1:{hls};
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_bind 127.0.0.9;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""
RATE = 5
STATUS = "/api/stream/status/nobody"


def ask(port, source, path=STATUS, method="GET", **fields):
    """(status, headers, body) of one request from one of loopback's addresses."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def statuses(count, port, source, **fields):
    return [ask(port, source, **{name: value.format(i) for name, value in fields.items()})[0] for i in range(count)]


def hls_viewers(stack):
    port = re.search(r"METRICS_PORT=(\d+)", (stack.home / "run/metrics.ports").read_text()).group(1)
    text = fetch(f"http://127.0.0.1:{port}/metrics")[2].decode()
    found = re.search(r'^millrace_stream_viewers\{stream="[^"]+",protocol="hls"\} (\d+)$', text, re.M)
    return int(found.group(1)) if found else -1


def flv(port, path, source):
    """The status of a stream without an end, which stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(source, 0))
    connection.request("GET", path)
    return connection.getresponse().status, connection


def delivery(stack, proxy):
    """Behind the proxy all connections are the proxy's: what counts is who they are for."""
    path = f"/live/{stack.stream_id}/index.m3u8"
    wait_for(lambda: ask(proxy, "127.0.4.1", path)[0] == 200, "a playlist through the proxy")

    def watch(sources, agents=("one program",)):
        for source in sources:
            for agent in agents:
                check(ask(proxy, source, path, User_Agent=agent, X_Forwarded_For="203.0.113.1")[0] == 200, f"{source}: a playlist")
        return hls_viewers(stack)
    five = [f"127.0.4.{i}" for i in range(1, 6)]
    wait_for(lambda: watch(five) == 5, "five clients with one program to be five viewers")
    names = [f"agent {i}" for i in range(300)]
    seen = []
    wait_for(lambda: seen.append(watch(["127.0.5.1"], names)) or seen[-1] == 65, "300 names of one address to be 65 viewers", 30)
    check(max(seen) <= 70, f"and never more, with the five from before: {seen}")

    clients = [flv(proxy, f"/live/{stack.stream_id}.flv", source) for source in ("127.0.6.1", "127.0.6.1", "127.0.6.1", "127.0.6.2")]
    check([status for status, _ in clients] == [200, 200, 503, 200], f"two FLV streams a client: {[status for status, _ in clients]}")
    for _, connection in clients:
        connection.close()

    make_private(stack)
    token = signed(stack, ip="127.0.7.1")
    wait_for(lambda: ask(proxy, "127.0.7.1", f"{path}?token={token}")[0] == 200, "the stream under its new rule")
    check(ask(proxy, "127.0.7.2", f"{path}?token={token}", X_Forwarded_For="127.0.7.1")[0] == 403, "a token of another address")


def limits():
    with Stack(TRUSTED_PROXIES="127.0.0.9", HLS_CONNECTIONS_PER_ADDRESS="2", API_READS_PER_ADDRESS=str(RATE), API_WRITES_PER_ADDRESS="1",
               API_READS_PER_ACCOUNT=str(RATE), API_CORS_ORIGINS="https://site.example") as stack:
        api = int(stack.info["api_url"].rstrip("/").rsplit(":", 1)[1].split("/")[0])
        token = stack.info["token"]
        proxy, hls_proxy = free_port(), free_port()
        hls = re.search(r"HLS_PORT=(\d+)", (stack.home / "run/packaging.ports").read_text()).group(1)
        (stack.home / "nginx.conf").write_text(NGINX.format(home=stack.home, port=proxy, api=api, hls_port=hls_proxy, hls=hls))
        stack.spawn("nginx", "-e", str(stack.home / "nginx.log"), "-c", str(stack.home / "nginx.conf"), stdout=subprocess.DEVNULL)
        wait_for(lambda: ask(proxy, "127.0.0.2")[0] == 404, "nginx to pass on")
        enough = 2 * RATE + 30  # more than a burst; some come back while they are sent

        print("   viewers, streams and tokens behind the proxy", flush=True)
        publisher = stack.publish(make_clip(stack.home / "clip.flv", seconds=20), loop=20)
        delivery(stack, hls_proxy)
        publisher.kill()

        print("   a client that makes addresses up", flush=True)
        seen = statuses(enough, proxy, "127.0.0.3", X_Forwarded_For="203.0.113.{0}, 198.51.100.{0}", Forwarded="for=203.0.113.{0}", X_Real_IP="203.0.113.{0}")
        check(set(seen) == {404, 429} and seen[:2 * RATE] == [404] * (2 * RATE), f"one client through the proxy: {seen}")
        check(ask(proxy, "127.0.0.4")[0] == 404, "another client of the proxy is another client")
        seen = statuses(enough, api, "127.0.0.5", X_Forwarded_For="203.0.113.{0}", Forwarded="for=203.0.113.{0}")
        check(429 in seen, f"who comes directly is not believed: {seen}")
        check(ask(api, "127.0.0.6", X_Forwarded_For="127.0.0.5")[0] == 404, "and cannot use up somebody else's")

        print("   what a refusal says", flush=True)
        refused = wait_for(lambda: (a := ask(proxy, "127.0.0.3", Origin="https://site.example"))[0] == 429 and a, "a refusal")
        _, headers, body = refused
        problem = json.loads(body)
        check(problem["type"] == "urn:millrace:rate_limited" and problem["message"], str(problem))
        check(headers["Retry-After"] == "1" and headers["RateLimit-Limit"] == str(2 * RATE) and headers["RateLimit-Remaining"] == "0", str(headers))
        check(headers["Access-Control-Allow-Origin"] == "https://site.example" and "Retry-After" in headers["Access-Control-Expose-Headers"], str(headers))
        wait_for(lambda: ask(proxy, "127.0.0.3")[0] == 404, "the client to be let in again")

        print("   accounts and writes", flush=True)
        seen = [ask(api, f"127.0.1.{i + 1}", "/api/stream/key", Authorization=f"Bearer {token}")[0] for i in range(enough)]
        check(set(seen) == {200, 429}, f"one account from many addresses: {seen}")
        seen = [ask(api, "127.0.2.1", "/api/stream/regenerate-key", "POST")[0] for i in range(6)]
        check(seen[:2] == [401, 401] and 429 in seen, f"writes have a limit of their own: {seen}")

        print("   hosts and origins", flush=True)
        for host in ("evil.example", "evil.example:80", "localhost.evil.example"):
            status, headers, body = ask(api, "127.0.3.1", "/assets/config.json", Host=host, X_Forwarded_Host=host, Origin="https://evil.example")
            check(status == 200 and "evil" not in str(headers) + body.decode(), f"{headers} {body}")
        for method in ("GET", "OPTIONS"):
            _, headers, _ = ask(api, "127.0.3.2", method=method, Origin="https://evil.example", Access_Control_Request_Method="GET")
            check("Access-Control-Allow-Origin" not in headers and "Access-Control-Allow-Credentials" not in headers, f"{method}: {headers}")
            check(headers["Vary"] == "Origin", f"{method}: caches are told: {headers}")
        no_secret_in_logs(stack)
        for log in (stack.home / "logs").rglob("current"):
            check("203.0.113." not in log.read_text(errors="replace"), f"{log.parent.name} takes a made-up address for the client's")


main(limits)
