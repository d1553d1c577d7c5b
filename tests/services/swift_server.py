"""OpenStack Swift with its S3 API as one process on a free port of 127.0.0.1.

A real S3 server for tests: it checks SigV4 signatures, ranges and conditions. Objects live in memory, the listings'
databases in a temporary folder. Prints "listening on PORT", and ends when its standard input does, so that it never
outlives the test that started it.

Usage: swift_server.py FOLDER ACCESS_KEY SECRET_KEY STORAGE_DOMAIN REGION
"""

import eventlet

eventlet.monkey_patch()

import os
import sys

from eventlet import wsgi
from swift.common import storage_policy, utils
from swift.common.ring import RingBuilder

folder, access_key, secret_key, storage_domain, region = sys.argv[1:]

# Swift reads these from /etc/swift/swift.conf, which a private installation doesn't have.
utils.HASH_PATH_PREFIX = b"weft"
utils.HASH_PATH_SUFFIX = b"tests"

from swift.account.server import AccountController
from swift.common.middleware import catch_errors, gatekeeper, listing_formats, tempauth
from swift.common.middleware.s3api import s3api
from swift.container.server import ContainerController
from swift.obj.mem_server import ObjectController
from swift.proxy.server import Application

BACKEND = {
    "devices": folder,
    "swift_dir": folder,
    "mount_check": "false",
    "fallocate_reserve": "0",
    "disable_fallocate": "true",
    "bind_ip": "127.0.0.1",
}


class Cache:
    """Stands in for memcached, where tempauth keeps its tokens."""

    def __init__(self):
        self.values = {}

    def get(self, key, default=None, **_):
        return self.values.get(key, default)

    def set(self, key, value, **_):
        self.values[key] = value

    def delete(self, key, **_):
        self.values.pop(key, None)

    def incr(self, key, delta=1, **_):
        self.values[key] = self.values.get(key, 0) + delta
        return self.values[key]


def with_cache(app):
    cache = Cache()

    def serve(env, start_response):
        env["swift.cache"] = cache
        return app(env, start_response)

    return serve


class NullLog:
    def write(self, message):
        pass


def listen(app):
    """Serves a WSGI application; returns its port."""
    sock = eventlet.listen(("127.0.0.1", 0), reuse_port=False)
    eventlet.spawn(wsgi.server, sock, app, log=NullLog(), log_output=False)
    return sock.getsockname()[1]


def write_ring(name, port):
    """The simplest ring: every partition on one device of one server."""
    builder = RingBuilder(2, 1, 0)
    builder.add_dev(
        {
            "id": 0,
            "region": 1,
            "zone": 1,
            "weight": 1,
            "ip": "127.0.0.1",
            "port": port,
            "device": "disk",
        }
    )
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, name + ".ring.gz"))


def proxy():
    app = Application({"swift_dir": folder, "account_autocreate": "true"})
    user = "user_" + access_key.replace(":", "_")
    filters = [
        (tempauth, {user: secret_key + " .admin"}),
        (
            s3api,
            {
                "auth_pipeline_check": "false",
                "storage_domain": storage_domain,
                "location": region,
                "s3_acl": "false",
            },
        ),
        (listing_formats, {}),
        (gatekeeper, {}),
        (catch_errors, {}),
    ]
    for module, settings in filters:
        app = module.filter_factory({"swift_dir": folder, **settings})(app)
    return with_cache(app)


def main():
    os.makedirs(os.path.join(folder, "disk"), exist_ok=True)
    storage_policy.reload_storage_policies()
    write_ring("account", listen(AccountController(BACKEND)))
    write_ring("container", listen(ContainerController(BACKEND)))
    write_ring("object", listen(ObjectController(BACKEND)))
    print("listening on %d" % listen(proxy()), flush=True)
    # Blocks this green thread only; ends when the parent does.
    while True:
        eventlet.hubs.trampoline(0, read=True)
        if not os.read(0, 4096):
            os._exit(0)


main()
