#!/usr/bin/env python3
"""Records the golden captures of tests/golden/wire from the Go server with real peers.

usage: tests/golden/record.py [NAME ...]     (from the top of the tree)

Needs the Go server (NATS_SERVER, or build/peer/nats-server), mosquitto clients, libnats with a C compiler, node,
build/release/midge-capture, and for the packet file root. The captures are kept in git: run this only to renew them,
and look at the difference of the .json files before committing.
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SERVER = os.environ.get("NATS_SERVER", "build/peer/nats-server")
CAPTURE = os.environ.get("MIDGE_CAPTURE", "build/release/midge-capture")
DECODE = os.environ.get("MIDGE_DECODE", "build/release/midge-decode")
OUT = "tests/golden/wire"
PORT = 24500
NODE = dict(os.environ, NODE_PATH=os.environ.get("NODE_PATH", os.path.abspath("build/npm/node_modules")))


class Stage:
    """Servers and proxies of one recording, ended together."""

    def __init__(self):
        self.dir = tempfile.mkdtemp()
        self.running = []

    def server(self, config):
        path = os.path.join(self.dir, "s%d.conf" % len(self.running))
        with open(path, "w") as f:
            f.write(config.replace("$DIR", self.dir))
        self.running.append(subprocess.Popen([SERVER, "-c", path], stderr=subprocess.DEVNULL))
        time.sleep(1)

    def capture(self, name, listen, to, protocol="auto", connections=None):
        args = [CAPTURE, "-q", "-l", "127.0.0.1:%d" % listen, "-t", "127.0.0.1:%d" % to, "-p", protocol]
        args += ["-n", str(connections)] if connections else []
        p = subprocess.Popen(args + ["%s/%s.cap" % (OUT, name)], stderr=subprocess.DEVNULL)
        self.running.append(p)
        time.sleep(0.3)
        return p

    def end(self):
        for p in reversed(self.running):
            p.terminate()
            p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Client:
    """A NATS client that drives the servers; what it says itself is recorded nowhere."""

    def __init__(self, port, options='{"headers":true,"no_responders":true,"verbose":false}'):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.settimeout(2)
        self.s.recv(65536)
        self.say("CONNECT %s" % options)

    def say(self, *lines):
        for line in lines:
            self.s.sendall(line.encode() + b"\r\n")
        self.s.sendall(b"PING\r\n")
        data = b""
        while b"PONG" not in data:
            data += self.s.recv(65536)
        time.sleep(0.1)
        return data

    def close(self):
        self.s.close()


HEADERS = "NATS/1.0\r\nA: 1\r\n\r\n"


def traffic(here, there):
    """Interest and messages of each form from `here` to `there`."""
    a, b = Client(here), Client(there)
    b.say("SUB foo 1", "SUB foo 2", "SUB q.* workers 3", "SUB q.* workers 4", "SUB req 5")
    time.sleep(0.3)
    a.say("SUB _INBOX.x 9")
    time.sleep(0.3)
    a.say("PUB foo 5", "hello")
    a.say("PUB foo rep.ly 3", "abc")
    a.say("HPUB foo 18 20", HEADERS + "hi")
    a.say("PUB q.1 2", "q1")
    a.say("PUB q.2 back 2", "q2")
    a.say("HPUB q.3 back 18 20", HEADERS + "q3")
    a.say("PUB req _INBOX.x 1", "?")
    b.say("PUB _INBOX.x 2", "ok")
    a.say("PUB foo 0", "")
    b.say("UNSUB 1", "UNSUB 2", "UNSUB 3", "UNSUB 4")
    time.sleep(0.3)
    a.close()
    b.close()
    time.sleep(0.3)


LIBNATS = r"""
#include <nats/nats.h>
#include <string.h>
static void on_msg(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    const char *reply = natsMsg_GetReply(msg);
    (void)sub, (void)closure;
    if (reply != NULL) {
        natsMsg *answer = NULL;
        natsMsg_Create(&answer, reply, NULL, "pong", 4);
        natsMsgHeader_Set(answer, "Nats-Answer", "yes");
        natsConnection_PublishMsg(nc, answer);
        natsMsg_Destroy(answer);
    }
    natsMsg_Destroy(msg);
}
int main(int argc, char **argv)
{
    natsConnection *nc = NULL;
    natsSubscription *sub = NULL, *queue = NULL, *pull = NULL;
    natsMsg *msg = NULL;
    natsMsgList list = {0};
    jsCtx *js = NULL;
    jsStreamInfo *si = NULL;
    jsPubAck *pa = NULL;
    jsStreamConfig cfg;
    const char *subjects[] = {"orders.*"};
    if (argc != 2 || natsConnection_ConnectTo(&nc, argv[1]) != NATS_OK)
        return 1;
    natsConnection_Subscribe(&sub, nc, "greet.*", on_msg, NULL);
    natsConnection_QueueSubscribe(&queue, nc, "work", "workers", on_msg, NULL);
    natsConnection_PublishString(nc, "greet.all", "hello");
    natsConnection_PublishString(nc, "work", "do it");
    natsConnection_RequestString(&msg, nc, "greet.one", "ping", 1000);
    natsMsg_Destroy(msg);
    msg = NULL;
    natsConnection_RequestString(&msg, nc, "nobody", "there?", 1000);
    natsMsg_Destroy(msg);
    natsConnection_Publish(nc, "bytes", "\xff\x00\x80", 3);
    natsConnection_JetStream(&js, nc, NULL);
    jsStreamConfig_Init(&cfg);
    cfg.Name = "ORDERS";
    cfg.Subjects = subjects;
    cfg.SubjectsLen = 1;
    cfg.Storage = js_MemoryStorage;
    js_AddStream(&si, js, &cfg, NULL, NULL);
    js_Publish(&pa, js, "orders.1", "one", 3, NULL, NULL);
    jsPubAck_Destroy(pa);
    js_PullSubscribe(&pull, js, "orders.*", "puller", NULL, NULL, NULL);
    if (natsSubscription_Fetch(&list, pull, 1, 1000, NULL) == NATS_OK) {
        natsMsg_AckSync(list.Msgs[0], NULL, NULL);
        natsMsgList_Destroy(&list);
    }
    natsSubscription_Destroy(pull);
    natsSubscription_AutoUnsubscribe(sub, 10);
    natsConnection_Flush(nc);
    natsSubscription_Destroy(queue);
    natsConnection_Flush(nc);
    jsStreamInfo_Destroy(si);
    jsCtx_Destroy(js);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(nc);
    nats_Close();
    return 0;
}
"""


def build_libnats_client(stage):
    source, program = stage.dir + "/c.c", stage.dir + "/c"
    with open(source, "w") as f:
        f.write(LIBNATS)
    subprocess.check_call(["cc", "-o", program, source, "-lnats"])
    return program


def client(stage):
    stage.server('server_name: S\nlisten: 127.0.0.1:%d\njetstream { store_dir: "$DIR/js" }\n' % PORT)
    p = stage.capture("client", PORT + 1, PORT, connections=1)
    subprocess.check_call([build_libnats_client(stage), "nats://127.0.0.1:%d" % (PORT + 1)])
    p.wait()


def mqtt(stage):
    stage.server('server_name: S\nlisten: 127.0.0.1:%d\njetstream { store_dir: "$DIR/js" }\nmqtt { port: %d, host: 127.0.0.1 }\n'
                 % (PORT, PORT + 1))
    stage.capture("mqtt", PORT + 2, PORT + 1)
    port = ["-h", "127.0.0.1", "-p", str(PORT + 2), "-V", "mqttv311"]
    sub = subprocess.Popen(["mosquitto_sub", "-i", "subber", "-c", "-q", "2", "-t", "a/#", "-t", "b/+/c", "-C", "5",
                            "-k", "30", "--will-topic", "a/will", "--will-payload", "gone", "--will-qos", "1"] + port)
    time.sleep(1)
    for qos in range(3):
        subprocess.check_call(["mosquitto_pub", "-i", "pubber", "-q", str(qos), "-t", "a/%d" % qos, "-m",
                               "message %d" % qos] + port)
        time.sleep(1.2)
    subprocess.check_call(["mosquitto_pub", "-i", "retainer", "-q", "1", "-r", "-t", "b/x/c", "-m", "kept"] + port)
    time.sleep(1.2)
    subprocess.check_call(["mosquitto_pub", "-i", "retainer2", "-q", "1", "-t", "a/3", "-n", "-u", "someone", "-P",
                           "secret"] + port)
    sub.wait()
    time.sleep(0.5)


def route(stage):
    cluster = "cluster { name: C, listen: 127.0.0.1:%d, pool_size: -1, no_advertise: true, compression: off %s}\n"
    stage.server("server_name: A\nlisten: 127.0.0.1:%d\n" % PORT + cluster % (PORT + 1, ""))
    stage.capture("route", PORT + 2, PORT + 1)
    stage.server("server_name: B\nlisten: 127.0.0.1:%d\n" % (PORT + 3)
                 + cluster % (PORT + 4, ", routes: [nats://127.0.0.1:%d] " % (PORT + 2)))
    time.sleep(2)
    traffic(PORT, PORT + 3)
    traffic(PORT + 3, PORT)


def route_leaf(stage):
    """A leaf node behind one server of a cluster: LS+ and LMSG with an origin on the route."""
    cluster = "cluster { name: C, listen: 127.0.0.1:%d, pool_size: -1, no_advertise: true, compression: off %s}\n"
    leaf = "leafnodes { listen: 127.0.0.1:%d, compression: off }\n"
    stage.server("server_name: A\nlisten: 127.0.0.1:%d\n" % PORT + cluster % (PORT + 1, "") + leaf % (PORT + 5))
    stage.capture("route-leaf", PORT + 2, PORT + 1)
    stage.server("server_name: B\nlisten: 127.0.0.1:%d\n" % (PORT + 3)
                 + cluster % (PORT + 4, ", routes: [nats://127.0.0.1:%d] " % (PORT + 2)))
    stage.server("server_name: L\nlisten: 127.0.0.1:%d\ncluster { name: LC, listen: 127.0.0.1:%d }\n"
                 "leafnodes { remotes: [ { url: nats://127.0.0.1:%d } ] }\n" % (PORT + 6, PORT + 7, PORT + 5))
    time.sleep(2)
    traffic(PORT + 3, PORT + 6)
    traffic(PORT + 6, PORT + 3)


def gateway(stage):
    stage.server("server_name: A\nlisten: 127.0.0.1:%d\ngateway { name: A, listen: 127.0.0.1:%d }\n" % (PORT, PORT + 1))
    stage.capture("gateway", PORT + 2, PORT + 1)
    stage.server("server_name: B\nlisten: 127.0.0.1:%d\ngateway { name: B, listen: 127.0.0.1:%d, gateways: "
                 "[ { name: A, url: nats://127.0.0.1:%d } ] }\n" % (PORT + 3, PORT + 4, PORT + 2))
    time.sleep(3)
    traffic(PORT + 3, PORT)


def leaf(stage):
    stage.server("server_name: H\nlisten: 127.0.0.1:%d\nleafnodes { listen: 127.0.0.1:%d, compression: off }\n"
                 % (PORT, PORT + 1))
    stage.capture("leaf", PORT + 2, PORT + 1)
    stage.server("server_name: L\nlisten: 127.0.0.1:%d\nleafnodes { remotes: [ { url: nats://127.0.0.1:%d, compression: off } ] }\n"
                 % (PORT + 3, PORT + 2))
    time.sleep(2)
    traffic(PORT, PORT + 3)
    traffic(PORT + 3, PORT)


def http(stage):
    stage.server("server_name: S\nlisten: 127.0.0.1:%d\nhttp: 127.0.0.1:%d\n" % (PORT, PORT + 1))
    stage.capture("http", PORT + 2, PORT + 1)
    for path in "/healthz", "/varz", "/nothing":
        subprocess.call(["curl", "-s", "-o", "/dev/null", "http://127.0.0.1:%d%s" % (PORT + 2, path)])


WS = r"""
const key = Buffer.alloc(16, 7).toString('base64');
const http = require('http');
const req = http.request({host: '127.0.0.1', port: %d, path: '/', headers: {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13'}});
const frame = (op, text) => {
  const body = Buffer.from(text), mask = Buffer.from([1, 2, 3, 4]);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from([0x80 | op, 0x80 | body.length]), mask, body]);
};
req.on('upgrade', (res, socket) => {
  const say = (op, text, ms) => setTimeout(() => socket.write(frame(op, text)), ms);
  say(2, 'CONNECT {"verbose":false}\r\nSUB foo 1\r\n', 100);
  say(1, 'PUB foo 5\r\nhello\r\nPING\r\n', 200);
  say(9, 'are you there', 300);
  say(8, Buffer.from([3, 232]), 400);
  socket.on('close', () => process.exit(0));
  socket.resume();
});
req.end();
"""


def ws(stage):
    stage.server("server_name: S\nlisten: 127.0.0.1:%d\nwebsocket { listen: 127.0.0.1:%d, no_tls: true }\n" % (PORT, PORT + 1))
    p = stage.capture("ws", PORT + 2, PORT + 1, connections=1)
    subprocess.check_call(["node", "-e", WS % (PORT + 2)])
    p.wait()


def route_s2(stage):
    """A cluster of two that compresses, at another level each way, and whose JetStream agrees by RAFT."""
    top = 'server_name: %s\nlisten: 127.0.0.1:%d\njetstream { store_dir: "$DIR/%s" }\n'
    cluster = "cluster { name: C, listen: 127.0.0.1:%d, pool_size: -1, no_advertise: true, compression: %s %s}\n"
    stage.server(top % ("A", PORT, "a") + cluster
                 % (PORT + 1, "s2_best", ", routes: [nats://127.0.0.1:1] ")) # JetStream wants one; nobody is there
    stage.capture("route-s2", PORT + 2, PORT + 1)
    stage.server(top % ("B", PORT + 3, "b") + cluster
                 % (PORT + 4, "s2_fast", ", routes: [nats://127.0.0.1:%d] " % (PORT + 2)))
    time.sleep(5)
    a, b = Client(PORT), Client(PORT + 3)
    b.say("SUB foo 1")
    time.sleep(0.3)
    a.say("PUB foo 400", "hello " * 66 + "you!")
    for n in range(8):
        a.say("PUB foo 8", "number %d" % n)
    a.close()
    b.close()


def leaf_s2(stage):
    stage.server("server_name: H\nlisten: 127.0.0.1:%d\nleafnodes { listen: 127.0.0.1:%d }\n" % (PORT, PORT + 1))
    stage.capture("leaf-s2", PORT + 2, PORT + 1)
    stage.server("server_name: L\nlisten: 127.0.0.1:%d\nleafnodes { remotes: [ { url: nats://127.0.0.1:%d } ] }\n"
                 % (PORT + 3, PORT + 2))
    time.sleep(2)
    traffic(PORT, PORT + 3)


def ws_leaf(stage, name, hub, leaf):
    """A hub and a leaf node that reaches it by WebSocket."""
    stage.server("server_name: H\nlisten: 127.0.0.1:%d\nleafnodes { listen: 127.0.0.1:%d, compression: s2_best }\n"
                 "websocket { listen: 127.0.0.1:%d, no_tls: true %s }\n" % (PORT, PORT + 4, PORT + 1, hub))
    stage.capture(name, PORT + 2, PORT + 1)
    stage.server("server_name: L\nlisten: 127.0.0.1:%d\nleafnodes { remotes: [ { url: ws://127.0.0.1:%d %s } ] }\n"
                 % (PORT + 3, PORT + 2, leaf))
    time.sleep(2)
    traffic(PORT, PORT + 3)


def ws_leaf_s2(stage):
    """S2 is outside: what is packed are the frames."""
    ws_leaf(stage, "ws-leaf-s2", "", ", compression: s2_better")


def ws_leaf_deflate(stage):
    ws_leaf(stage, "ws-leaf-deflate", ", compression: true", ", ws_compression: true, ws_no_masking: true")


WS_DEFLATE = r"""
const { WebSocket } = require('ws');
const ws = new WebSocket('ws://127.0.0.1:%d/', { perMessageDeflate: { threshold: 0 } });
const say = (text, ms) => setTimeout(() => ws.send(Buffer.from(text)), ms);
const long = 'hello '.repeat(200);
ws.on('open', () => {
  say('CONNECT {"verbose":false}\r\nSUB foo 1\r\nPI', 100);
  say('NG\r\n', 200);
  say('PUB foo ' + long.length + '\r\n' + long + '\r\n', 300);
  setTimeout(() => ws.close(1000, 'done'), 500);
});
ws.on('close', () => process.exit(0));
"""


def ws_deflate(stage):
    stage.server("server_name: S\nlisten: 127.0.0.1:%d\nwebsocket { listen: 127.0.0.1:%d, no_tls: true, compression: true }\n"
                 % (PORT, PORT + 1))
    p = stage.capture("ws-deflate", PORT + 2, PORT + 1, connections=1)
    subprocess.check_call(["node", "-e", WS_DEFLATE % (PORT + 2)], env=NODE)
    p.wait()


WS_MQTT = r"""
const c = require('mqtt').connect('ws://127.0.0.1:%d/mqtt', { clientId: 'over-ws', protocolVersion: 4, reconnectPeriod: 0 });
c.on('connect', () => c.subscribe('a/#', { qos: 1 }, () => c.publish('a/b', 'hi', { qos: 1 })));
c.on('message', () => setTimeout(() => c.end(), 200));
"""


def ws_mqtt(stage):
    stage.server('server_name: S\nlisten: 127.0.0.1:%d\njetstream { store_dir: "$DIR/js" }\nmqtt { port: %d, host: 127.0.0.1 }\n'
                 "websocket { listen: 127.0.0.1:%d, no_tls: true }\n" % (PORT, PORT + 3, PORT + 1))
    p = stage.capture("ws-mqtt", PORT + 2, PORT + 1, connections=1)
    subprocess.check_call(["node", "-e", WS_MQTT % (PORT + 2)], env=NODE)
    p.wait()


def sniff(path, port, stop):
    """Packets of the loopback interface with that port, as tcpdump would write them."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind(("lo", 0))
    s.settimeout(0.2)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        while not stop.is_set():
            try:
                frame, address = s.recvfrom(262144)
            except socket.timeout:
                continue
            # each packet of lo is seen going out (4) and coming in
            if address[2] == 4 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
                continue
            if port not in struct.unpack(">HH", frame[34:38]):
                continue
            now = time.time()
            f.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame)


def pcap(stage):
    stage.server('server_name: S\nlisten: 127.0.0.1:%d\njetstream { store_dir: "$DIR/js" }\n' % PORT)
    stop = threading.Event()
    t = threading.Thread(target=sniff, args=(OUT + "/client.pcap", PORT, stop))
    t.start()
    time.sleep(0.3)
    subprocess.check_call([build_libnats_client(stage), "nats://127.0.0.1:%d" % PORT])
    time.sleep(0.5)
    stop.set()
    t.join()


ALL = {"client": client, "mqtt": mqtt, "route": route, "route-leaf": route_leaf, "gateway": gateway, "leaf": leaf,
       "http": http, "ws": ws, "pcap": pcap, "route-s2": route_s2, "leaf-s2": leaf_s2, "ws-deflate": ws_deflate,
       "ws-mqtt": ws_mqtt, "ws-leaf-s2": ws_leaf_s2,
       "ws-leaf-deflate": ws_leaf_deflate}

for name in sys.argv[1:] or ALL:
    print(name)
    stage = Stage()
    try:
        ALL[name](stage)
    finally:
        stage.end()
    source = OUT + "/client.pcap" if name == "pcap" else "%s/%s.cap" % (OUT, name)
    with open(os.path.splitext(source)[0] + ("-pcap" if name == "pcap" else "") + ".json", "wb") as f:
        raft = ["--raft"] if name == "route-s2" else []
        subprocess.call([DECODE, "-f", "json", *raft, source], stdout=f)
