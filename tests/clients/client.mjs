// client.mjs: midge (or the Go server) as @nats-io/transport-node, the JavaScript client, sees it.
//
// covers: CP-6 CP-8 CP-40 CP-41 CP-44 CP-78 CP-83 CP-99 CP-103 CP-105 CP-107 CP-109 CP-115 CP-117 CP-135 CP-137
// covers: CP-139 CP-161 CP-167
//
// SERVER_UNDER_TEST names the server program, CERTS the folder of tests/certs.sh, LOOPS the loops midge is asked for.
// The client is the one that tests/prepare.sh put under build/npm. The last line is "N passed, N failed".
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const WAIT_MS = 10000;
const SKIPPED = 77;
const certs = resolve(process.env.CERTS ?? 'build/certs');

function skip(why) {
    console.log(`SKIP client.mjs: ${why}`);
    process.exit(SKIPPED);
}

const program = process.env.SERVER_UNDER_TEST;
try {
    accessSync(program ?? '', constants.X_OK);
} catch {
    skip(`SERVER_UNDER_TEST names no program (${program ?? 'unset'})`);
}

let nats;
try {
    nats = createRequire(resolve('build/npm/package.json'))('@nats-io/transport-node');
} catch (error) {
    skip(`no client under build/npm, run tests/prepare.sh (${error.code})`);
}

// ---- the server ----

async function freePort() {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    probe.close();
    await once(probe, 'close');
    return port;
}

function sleep(ms) {
    return new Promise((done) => setTimeout(done, ms));
}

async function accepts(port) {
    const socket = createConnection(port, '127.0.0.1');
    try {
        await once(socket, 'connect');
        return true;
    } catch {
        return false;
    } finally {
        socket.destroy();
    }
}

class Peer {
    static alive = new Set(); // what a failed test leaves behind

    static killAll() {
        Peer.alive.forEach((child) => child.kill('SIGKILL'));
        Peer.alive.clear();
    }

    static async start(config = '') {
        const peer = new Peer();
        peer.folder = mkdtempSync(join(tmpdir(), 'client-test-'));
        peer.config = join(peer.folder, 'server.conf');
        peer.port = await freePort();
        writeFileSync(peer.config, `max_payload: 1MB\n${config}`);
        await peer.restart();
        return peer;
    }

    async restart() {
        const env = { ...process.env };
        if (process.env.LOOPS)
            env.MIDGE_LOOPS = process.env.LOOPS;
        this.output = '';
        const args = ['-a', '127.0.0.1', '-p', `${this.port}`, '-D', '-c', this.config];
        this.child = spawn(resolve(program), args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
        Peer.alive.add(this.child);
        this.child.stderr.on('data', (bytes) => (this.output += bytes));
        this.ended = once(this.child, 'exit').then(([code]) => code);
        for (const until = Date.now() + WAIT_MS; !(await accepts(this.port)); await sleep(10))
            assert(Date.now() < until && this.child.exitCode === null, `the server does not start:\n${this.output}`);
    }

    async stop(signal = 'SIGINT') {
        this.child.kill(signal);
        return this.ended;
    }

    // The end of a test: an orderly exit, and nothing left.
    async close() {
        const code = this.child.exitCode ?? this.child.signalCode ?? (await this.stop());
        rmSync(this.folder, { recursive: true });
        assert.equal(code, 0, `the server exited with ${code}:\n${this.output}`);
    }

    connect(options = {}) {
        return nats.connect({ servers: `127.0.0.1:${this.port}`, timeout: WAIT_MS, reconnect: false, ...options });
    }
}

// ---- helpers ----

function within(promise, what) {
    let timer;
    const late = new Promise((_, fail) => {
        timer = setTimeout(() => fail(new Error(`timed out waiting for ${what}`)), WAIT_MS);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The next message of a subscription. It has one iterator for its whole life.
const iterators = new WeakMap();

async function next(sub) {
    if (!iterators.has(sub))
        iterators.set(sub, sub[Symbol.asyncIterator]());
    const step = await within(iterators.get(sub).next(), `a message on ${sub.getSubject()}`);
    return step.value;
}

async function status(nc, type) {
    for await (const event of nc.status()) {
        if (event.type === type)
            return event;
    }
    throw new Error(`closed without ${type}`);
}

async function rejects(promise, name) {
    await assert.rejects(promise, (error) => {
        assert.match(`${error.name} ${error.message}`, name);
        return true;
    });
}

// ---- tests ----

const tests = {
    async 'connect options and server info'(peer) {
        const nc = await peer.connect({ name: 'app', verbose: true, pedantic: true });
        assert.equal(nc.info.port, peer.port);
        assert.equal(nc.info.max_payload, 1048576);
        assert.equal(nc.info.headers, true);
        assert.match(nc.info.version, /^2\.15/);
        const sub = nc.subscribe('foo');
        nc.publish('foo', 'hello');
        assert.equal((await next(sub)).string(), 'hello');
        assert.ok((await nc.rtt()) >= 0);
        await nc.close();
    },

    async 'no echo'(peer) {
        const nc = await peer.connect({ noEcho: true });
        const other = await peer.connect();
        const sub = nc.subscribe('foo');
        nc.publish('foo', 'own');
        await nc.flush();
        other.publish('foo', 'other');
        assert.equal((await next(sub)).string(), 'other');
        await nc.close();
        await other.close();
    },

    async 'publish and subscribe, in order'(peer) {
        const nc = await peer.connect();
        const pub = await peer.connect();
        const sub = nc.subscribe('greet', { max: 1000 });
        await nc.flush();
        for (let i = 0; i < 1000; i++)
            pub.publish('greet', `${i}`);
        let expected = 0;
        const all = (async () => {
            for await (const msg of sub)
                assert.equal(msg.string(), `${expected++}`);
        })();
        await within(all, 'a thousand messages');
        assert.equal(expected, 1000);
        await nc.close();
        await pub.close();
    },

    async wildcards(peer) {
        const nc = await peer.connect();
        const star = nc.subscribe('a.*.c');
        const tail = nc.subscribe('a.>');
        for (const subject of ['a.b.c', 'a.b.c.d', 'a', 'a.x.c'])
            nc.publish(subject);
        assert.equal((await next(star)).subject, 'a.b.c');
        assert.equal((await next(star)).subject, 'a.x.c');
        assert.equal((await next(tail)).subject, 'a.b.c');
        assert.equal((await next(tail)).subject, 'a.b.c.d');
        assert.equal((await next(tail)).subject, 'a.x.c');
        await nc.close();
    },

    async 'queue groups'(peer) {
        const pub = await peer.connect();
        const counts = [0, 0, 0];
        const members = [];
        for (let i = 0; i < counts.length; i++) {
            const nc = await peer.connect();
            nc.subscribe('work', { queue: 'q', callback: () => counts[i]++ });
            await nc.flush();
            members.push(nc);
        }
        for (let i = 0; i < 1500; i++)
            pub.publish('work');
        await pub.flush();
        for (const nc of members)
            await nc.flush();
        assert.equal(counts[0] + counts[1] + counts[2], 1500);
        assert.ok(Math.min(...counts) > 250);
        for (const nc of [...members, pub])
            await nc.close();
    },

    async headers(peer) {
        const nc = await peer.connect();
        const sub = nc.subscribe('foo');
        const headers = nats.headers();
        headers.append('Content-Type', 'text/plain');
        headers.append('x', '1');
        headers.append('x', '2');
        nc.publish('foo', 'body', { headers });
        const msg = await next(sub);
        assert.equal(msg.headers.get('Content-Type'), 'text/plain');
        assert.deepEqual(msg.headers.values('x'), ['1', '2']);
        assert.equal(msg.string(), 'body');
        await nc.close();
    },

    async 'a maximum of messages'(peer) {
        const nc = await peer.connect();
        const sub = nc.subscribe('foo', { max: 3 });
        for (let i = 0; i < 10; i++)
            nc.publish('foo');
        await nc.flush();
        assert.equal(sub.getProcessed() + sub.getPending(), 3);
        await nc.close();
    },

    async 'large payloads'(peer) {
        const nc = await peer.connect();
        const sub = nc.subscribe('foo');
        for (let size = 1; size <= 1048576; size *= 4) {
            const body = new Uint8Array(size).fill(size % 251);
            nc.publish('foo', body);
            assert.equal(Buffer.compare((await next(sub)).data, body), 0);
        }
        assert.throws(() => nc.publish('foo', new Uint8Array(1048577)));
        await nc.close();
    },

    async 'request and reply'(peer) {
        const service = await peer.connect();
        service.subscribe('echo', { callback: (_, msg) => msg.respond(msg.data) });
        await service.flush();
        const nc = await peer.connect();
        const replies = [];
        for (let i = 0; i < 200; i++)
            replies.push(nc.request('echo', `${i}`, { timeout: WAIT_MS }));
        for (const [i, msg] of (await Promise.all(replies)).entries())
            assert.equal(msg.string(), `${i}`);
        const own = await nc.request('echo', 'own', { timeout: WAIT_MS, noMux: true });
        assert.equal(own.string(), 'own');
        await nc.close();
        await service.close();
    },

    async 'no responders'(peer) {
        const nc = await peer.connect();
        await rejects(nc.request('nobody', '', { timeout: WAIT_MS }), /NoResponders|no responders/i);
        await nc.close();
    },

    async 'several answers to one request'(peer) {
        const nc = await peer.connect();
        for (let i = 0; i < 3; i++)
            nc.subscribe('all', { callback: (_, msg) => msg.respond(`${i}`) });
        const answers = [];
        const options = { strategy: 'count', maxMessages: 3, maxWait: WAIT_MS };
        for await (const msg of await nc.requestMany('all', '', options))
            answers.push(msg.string());
        assert.deepEqual(answers.sort(), ['0', '1', '2']);
        await nc.close();
    },

    async drain(peer) {
        const nc = await peer.connect();
        const pub = await peer.connect();
        let count = 0;
        const sub = nc.subscribe('foo', { callback: () => count++ });
        nc.subscribe('bar', { callback: () => count++ });
        await nc.flush();
        for (let i = 0; i < 500; i++)
            pub.publish('foo');
        await pub.flush();
        await sub.drain();
        assert.equal(count, 500);
        pub.publish('bar');
        await pub.flush();
        await nc.drain();
        assert.equal(count, 501);
        await pub.close();
    },

    async 'reconnect after a restart'(peer) {
        const nc = await peer.connect({ reconnect: true, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
        const sub = nc.subscribe('foo');
        nc.publish('foo', 'before');
        assert.equal((await next(sub)).string(), 'before');
        const gone = status(nc, 'disconnect');
        const back = status(nc, 'reconnect');
        assert.equal(await peer.stop('SIGTERM'), 0);
        await within(gone, 'the disconnect');
        await peer.restart();
        await within(back, 'the reconnect');
        nc.publish('foo', 'after');
        assert.equal((await next(sub)).string(), 'after');
        await nc.close();
    },

    async 'lame duck mode'(peer) {
        const nc = await peer.connect();
        const ldm = status(nc, 'ldm');
        await nc.flush();
        peer.child.kill('SIGUSR2');
        await within(ldm, 'the notice');
        await nc.close();
        assert.equal(await within(peer.stop('SIGINT'), 'the end'), 0);
    },

    async 'user and password'() {
        const peer = await Peer.start('authorization { users: [ { user: u, password: p } ] }');
        await rejects(peer.connect(), /authorization/i);
        await rejects(peer.connect({ user: 'u', pass: 'x' }), /authorization/i);
        const nc = await peer.connect({ user: 'u', pass: 'p' });
        assert.equal(nc.info.auth_required, true);
        await nc.close();
        return peer;
    },

    async token() {
        const hash = '$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW';
        const peer = await Peer.start(`authorization { token: "${hash}" }`);
        await rejects(peer.connect({ token: 'wrong' }), /authorization/i);
        const nc = await peer.connect({ token: 'secret' });
        await nc.close();
        return peer;
    },

    async nkey() {
        const seed = 'SUAAOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBZ5FE';
        const wrong = 'SUAASCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCKHGM';
        const peer = await Peer.start(
            'authorization { users: [ { nkey: UDVEU3DD4KOFECV66VIHWEZOYX4ZKR3WV27L464SIIPOU2IUI3JCYSJF } ] }',
        );
        const signer = (text) => nats.nkeyAuthenticator(new TextEncoder().encode(text));
        await rejects(peer.connect({ authenticator: signer(wrong) }), /authorization/i);
        const nc = await peer.connect({ authenticator: signer(seed) });
        await nc.close();
        return peer;
    },

    async permissions() {
        const peer = await Peer.start(
            'authorization { users: [ { user: u, password: p, permissions: {' +
                ' publish: [ "ok", "_INBOX.>" ], subscribe: { deny: "no.*" } } } ] }',
        );
        const nc = await peer.connect({ user: 'u', pass: 'p' });
        const refused = status(nc, 'error');
        nc.publish('forbidden', 'x');
        assert.match(`${(await within(refused, 'the violation')).error}`, /forbidden/);
        const denied = new Promise((done) => nc.subscribe('no.way', { callback: (error) => error && done(error) }));
        assert.match(`${await within(denied, 'the violation')}`, /no\.way/);
        const sub = nc.subscribe('ok');
        nc.publish('ok', 'x');
        assert.equal((await next(sub)).string(), 'x');
        await nc.close();
        return peer;
    },

    async TLS() {
        const ca = readFileSync(join(certs, 'ca.pem'), 'utf8');
        const other = readFileSync(join(certs, 'other-ca.pem'), 'utf8');
        const peer = await Peer.start(
            `tls { cert_file: "${certs}/server.pem", key_file: "${certs}/server-key.pem", timeout: 5 }`,
        );
        await assert.rejects(peer.connect({ tls: { ca: other } }));
        const nc = await peer.connect({ tls: { ca } });
        const sub = nc.subscribe('foo');
        nc.publish('foo', 'encrypted');
        assert.equal((await next(sub)).string(), 'encrypted');
        await nc.close();
        return peer;
    },

    async 'TLS with a client certificate, handshake first'() {
        const read = (name) => readFileSync(join(certs, name), 'utf8');
        const peer = await Peer.start(
            `tls { cert_file: "${certs}/server.pem", key_file: "${certs}/server-key.pem", ca_file: "${certs}/ca.pem",` +
                ' verify: true, handshake_first: true, timeout: 5 }',
        );
        const tls = { ca: read('ca.pem'), handshakeFirst: true };
        await assert.rejects(peer.connect({ tls }));
        const nc = await peer.connect({ tls: { ...tls, cert: read('client.pem'), key: read('client-key.pem') } });
        await nc.flush();
        await nc.close();
        return peer;
    },
};

// A test that takes a server gets a plain one; the others start their own and return it.
async function run(test) {
    const given = test.length > 0 ? await Peer.start() : undefined;
    const peer = (await within(test(given), 'the test')) ?? given;
    await peer.close();
}

let passed = 0;
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
    try {
        await run(test);
        passed++;
        console.log(`PASS ${name}`);
    } catch (error) {
        failed++;
        console.log(`FAIL ${name}\n${error.stack}`);
    }
    Peer.killAll();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
