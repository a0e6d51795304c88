// Drives a server through ioredis as people use it: `ioredis.mjs PORT`, one line per scene, fails when one does.
// The library is found by NODE_PATH, which `import` does not look at.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Redis } = require("ioredis");
const { version } = require("ioredis/package.json");
const port = Number(process.argv[2]);

const connect = (options = {}) => new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: 0, ...options });

async function untilBlocked(r) {
    while (!(await r.info("clients")).includes("blocked_clients:1\r\n")) {}
}

const scenes = {
    async greeting(r) {
        if (r.status !== "ready") await once(r, "ready");
        assert.equal(await r.ping(), "PONG");
        assert.match(await r.client("LIST"), /lib-name=ioredis/);
    },

    async strings(r) {
        assert.equal(await r.set("s", "1", "EX", 100), "OK");
        assert.equal(await r.set("s", "2", "NX"), null);
        assert.equal(await r.incr("s"), 2);
        assert.deepEqual(await r.getBuffer("s"), Buffer.from("2"));
        await r.rpush("l", "x");
        await assert.rejects(r.get("l"), /WRONGTYPE/);
    },

    async queue(r) {
        const other = connect();
        const taken = other.blpop("jobs", "urgent", 30);
        await untilBlocked(r);
        assert.equal(await r.rpush("urgent", "now"), 1);
        assert.deepEqual(await taken, ["urgent", "now"]);
        assert.equal(await other.brpop("none", 0.05), null);
        await other.quit();
    },

    async stream(r) {
        assert.equal(await r.xgroup("CREATE", "events", "g", "$", "MKSTREAM"), "OK");
        const other = connect();
        const taken = other.xreadgroup("GROUP", "g", "ann", "COUNT", 1, "BLOCK", 30000, "STREAMS", "events", ">");
        await untilBlocked(r);
        const id = await r.xadd("events", "*", "n", "1");
        assert.deepEqual(await taken, [["events", [[id, ["n", "1"]]]]]);
        assert.equal((await r.xpending("events", "g"))[0], 1);
        assert.deepEqual(await r.xclaim("events", "g", "bob", 0, id), [[id, ["n", "1"]]]);
        assert.equal(await r.xack("events", "g", id), 1);
        await other.quit();
    },

    async pubSub(r) {
        const subscriber = connect();
        assert.equal(await subscriber.subscribe("news"), 1);
        assert.equal(await subscriber.psubscribe("ne*"), 2);
        const heard = Promise.all([once(subscriber, "message"), once(subscriber, "pmessage")]);
        assert.equal(await r.publish("news", "hi"), 2);
        assert.deepEqual(await heard, [["news", "hi"], ["ne*", "news", "hi"]]);
        assert.equal(await subscriber.unsubscribe("news"), 1);
        assert.equal(await subscriber.punsubscribe("ne*"), 0);
        assert.equal(await subscriber.ping(), "PONG");
        await subscriber.quit();
    },

    async transaction(r) {
        const other = connect();
        await r.set("balance", 10);
        await r.watch("balance");
        await other.set("balance", 11);
        assert.equal(await r.multi().incr("balance").exec(), null);
        assert.deepEqual(await r.multi().incr("balance").get("balance").exec(), [[null, 12], [null, "12"]]);
        await other.quit();
    },

    async largePipeline(r) {
        const value = "v".repeat(64 * 1024);
        const pipe = r.pipeline();
        for (let n = 0; n < 512; n++) pipe.set(`big:${n % 8}`, value).get(`big:${n % 8}`);
        const replies = await pipe.exec();
        assert.equal(replies.length, 1024);
        for (const [index, [error, reply]] of replies.entries()) {
            assert.equal(error, null);
            assert.equal(reply, index % 2 ? value : "OK");
        }
    },
};

for (const [name, scene] of Object.entries(scenes)) {
    const r = connect();
    await r.flushall();
    await scene(r);
    await r.quit();
    console.log(`ioredis ${version}: ${name}`);
}
