"""Drives a server through redis-py as people use it: `redis_py.py PORT`, one line per scene, exit code 1 when one fails.

With RBQ_LARGE=1 the bulk scene reads 1 GiB of replies, else 128 MiB.
"""

import asyncio
import os
import sys
import threading

import redis
import redis.asyncio

PORT = int(sys.argv[1])
MIB = 1024 * 1024


def connect(protocol, **options):
    return redis.Redis(port=PORT, protocol=protocol, decode_responses=True, socket_timeout=60, **options)


def wait_until_blocked(r, count=1):
    while r.info("clients")["blocked_clients"] < count:
        pass


def greeting(r):
    assert r.ping()
    assert r.info()["redis_version"].startswith("8.")
    names = [client["lib-name"] for client in r.client_list()]
    assert any(name.startswith("redis-py") for name in names), names


def strings(r):
    assert r.set("s", "1", ex=100) is True
    assert r.set("s", "2", nx=True) is None
    assert r.incr("s") == 2
    assert r.get("s") == "2"
    assert 0 < r.ttl("s") <= 100
    assert r.delete("s", "missing") == 1
    try:
        r.rpush("l", "x")
        r.get("l")
        raise AssertionError("a list is no string")
    except redis.ResponseError as error:
        assert str(error).startswith("WRONGTYPE"), error


def queue(r):
    got = []
    with connect(3) as other:
        consumer = threading.Thread(target=lambda: got.append(other.blpop(["jobs", "urgent"], timeout=30)))
        consumer.start()
        wait_until_blocked(r)
        assert r.rpush("urgent", "now") == 1
        consumer.join()
    assert list(got[0]) == ["urgent", "now"], got
    r.rpush("jobs", "a", "b", "c")
    assert r.lmove("jobs", "work", "LEFT", "RIGHT") == "a"
    assert r.lmpop(2, "none", "jobs", direction="LEFT", count=2) == ["jobs", ["b", "c"]]
    assert r.blpop("jobs", timeout=0.05) is None


def stream(r):
    assert r.xgroup_create("events", "g", id="0", mkstream=True) is True
    ids = [r.xadd("events", {"n": n}) for n in range(3)]
    delivered = r.xreadgroup("g", "ann", {"events": ">"}, count=2)
    # Under RESP3 redis-py 8 answers with a dict, under RESP2 with a list of pairs.
    entries = delivered["events"][0] if isinstance(delivered, dict) else delivered[0][1]
    assert [entry[0] for entry in entries] == ids[:2], delivered
    assert entries[0][1] == {"n": "0"}
    assert r.xack("events", "g", ids[0]) == 1
    assert r.xpending("events", "g")["pending"] == 1
    claimed = r.xclaim("events", "g", "bob", 0, [ids[1]])
    assert claimed[0][0] == ids[1], claimed
    assert r.xautoclaim("events", "g", "cat", 0)[1][0][0] == ids[1]
    assert r.xinfo_groups("events")[0]["name"] == "g"
    assert r.xinfo_stream("events")["length"] == 3
    assert r.xtrim("events", maxlen=1, approximate=False) == 2


def pub_sub(r):
    with r.pubsub() as channel:
        channel.subscribe("news")
        channel.psubscribe("ne*")
        kinds = [channel.get_message(timeout=30)["type"] for _ in range(2)]
        assert kinds == ["subscribe", "psubscribe"], kinds
        assert r.publish("news", "hi") == 2
        kinds = sorted(channel.get_message(timeout=30)["type"] for _ in range(2))
        assert kinds == ["message", "pmessage"], kinds
        channel.unsubscribe()
        assert channel.get_message(timeout=30)["type"] == "unsubscribe"


def transaction(r):
    r.set("balance", 10)
    with r.pipeline() as pipe:
        pipe.watch("balance")
        r.set("balance", 11)
        pipe.multi()
        pipe.incr("balance")
        try:
            pipe.execute()
            raise AssertionError("it was changed meanwhile")
        except redis.WatchError:
            pass
    with r.pipeline() as pipe:
        pipe.incr("balance").get("balance").lpush("log", "x")
        assert pipe.execute() == [12, "12", 1]
    r.transaction(lambda pipe: (pipe.multi(), pipe.incr("balance")), "balance")
    assert r.get("balance") == "13"


def large_pipeline(r):
    value = "v" * (64 * 1024)
    with r.pipeline(transaction=False) as pipe:
        for n in range(512):
            pipe.set(f"big:{n % 8}", value)
            pipe.get(f"big:{n % 8}")
        replies = pipe.execute()
    assert replies[0::2] == [True] * 512
    assert all(reply == value for reply in replies[1::2])


def large_replies(r):
    total = 1024 if os.environ.get("RBQ_LARGE") == "1" else 128
    r.set("mib", "m" * MIB)
    read = 0
    for _ in range(total // 32):
        with r.pipeline(transaction=False) as pipe:
            for _ in range(32):
                pipe.get("mib")
            read += sum(len(reply) for reply in pipe.execute())
    assert read == total * MIB


async def asynchronous(protocol):
    async with redis.asyncio.Redis(port=PORT, protocol=protocol, decode_responses=True) as r:
        assert await r.ping()
        taken = asyncio.create_task(r.blpop("async", timeout=30))
        while (await r.info("clients"))["blocked_clients"] < 1:
            pass
        await r.rpush("async", "x")
        assert list(await taken) == ["async", "x"]
        async with r.pubsub() as channel:
            await channel.subscribe("async")
            assert (await channel.get_message(timeout=30))["type"] == "subscribe"
            assert await r.publish("async", "hi") == 1
            assert (await channel.get_message(timeout=30))["data"] == "hi"
        async with r.pipeline(transaction=True) as pipe:
            assert await pipe.set("a", 1).incr("a").execute() == [True, 2]
        await asyncio.gather(*(r.incr("many") for _ in range(50)))
        assert await r.get("many") == "50"


def main():
    scenes = [greeting, strings, queue, stream, pub_sub, transaction, large_pipeline, large_replies]
    for protocol in (2, 3):
        for scene in scenes:
            with connect(protocol) as r:
                r.flushall()
                scene(r)
            print(f"redis-py {redis.__version__} RESP{protocol}: {scene.__name__}", flush=True)
        with connect(protocol) as r:
            r.flushall()
        asyncio.run(asynchronous(protocol))
        print(f"redis-py {redis.__version__} RESP{protocol}: asyncio", flush=True)


main()
