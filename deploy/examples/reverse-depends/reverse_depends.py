#!/usr/bin/env python3
"""Counts who depends on whom in a Debian package index, by messages.

    reverse_depends.py send HOST:PORT INDEX      make an account of each package; each sends a message to
                                                 every package that it depends on
    reverse_depends.py consume HOST:PORT         count messages, one atomic Apply each, until asked to stop
    reverse_depends.py progress HOST:PORT INDEX  print how many messages are counted, and how many are
                                                 undeliverable
    reverse_depends.py counts HOST:PORT INDEX    print "NAME COUNT" of every package that others depend on,
                                                 and "NAME COUNT missing" of every one that does not exist
"""

import collections
import re
import signal
import sys
import time
import uuid

import grpc
from shardd.v1 import account_pb2, account_pb2_grpc
from shardd.v1 import messaging_pb2, messaging_pb2_grpc
from shardd.v1 import state_pb2, state_pb2_grpc

NAMESPACE = "packages"
CALL_SECONDS = 10
RECEIVE_SECONDS = 1
LEASE_SECONDS = 10
CALLS_IN_FLIGHT_MAX = 64
SENDS_PER_APPLY_MAX = 128  # the daemon's bound
RETRY_SECONDS = 0.1
# The daemon is away, or asks to come back: the same request is sent again.
TRY_AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
)


def ref(name):
    return account_pb2.AccountRef(namespace=NAMESPACE, id=name)


def records(index):
    """The fields of each package, folded lines joined."""
    with open(index, encoding="utf-8") as file:
        for record in re.split(r"\n\n+", file.read()):
            unfolded = re.sub(r"\n[ \t]", " ", record)
            fields = dict(line.split(":", 1) for line in unfolded.splitlines() if ":" in line)
            if "Package" in fields:
                yield fields


def dependencies(fields):
    """The names that a package depends on, each once. Of alternatives the first counts."""
    both = fields.get("Depends", "") + "," + fields.get("Pre-Depends", "")
    names = (re.match(r"\s*([a-z0-9][a-z0-9+.-]*)", part) for part in both.split(","))
    return list(dict.fromkeys(name.group(1) for name in names if name))


def graph(index):
    packages = {}
    for fields in records(index):
        packages.setdefault(fields["Package"].strip(), dependencies(fields))
    return packages


class Daemon:
    def __init__(self, address):
        # It may be restarted: connect again soon.
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 500)]
        channel = grpc.insecure_channel(address, options=options)
        self.accounts = account_pb2_grpc.AccountServiceStub(channel)
        self.state = state_pb2_grpc.StateServiceStub(channel)
        self.messaging = messaging_pb2_grpc.MessagingServiceStub(channel)

    def create_namespace(self):
        # A repeat, under the same request_id, finds it made.
        self.call(
            self.accounts.CreateNamespace,
            account_pb2.CreateNamespaceRequest(name=NAMESPACE, request_id="create"))

    @staticmethod
    def call(method, request, allowed=()):
        """Sends a request until it is answered; None: it is refused as allowed."""
        while True:
            try:
                return method(request, timeout=CALL_SECONDS, wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() in allowed:
                    return None
                if error.code() not in TRY_AGAIN:
                    raise
                time.sleep(RETRY_SECONDS)

    def call_all(self, method, requests, allowed=()):
        """Sends requests with some in flight. Yields the answers as they come, in order."""
        in_flight = collections.deque()

        def first():
            request, future = in_flight.popleft()
            try:
                return future.result()
            except grpc.RpcError:
                return self.call(method, request, allowed)

        for request in requests:
            if len(in_flight) == CALLS_IN_FLIGHT_MAX:
                yield first()
            in_flight.append((request, method.future(request, timeout=CALL_SECONDS)))
        while in_flight:
            yield first()


def send(daemon, index):
    packages = graph(index)
    daemon.create_namespace()
    # All of them before anything is sent: what is sent to nobody is undeliverable until somebody comes.
    made = (
        state_pb2.ApplyRequest(account=ref(name), request_id="create", create_account=True)
        for name in packages)
    for _ in daemon.call_all(daemon.state.Apply, made):
        pass

    def applies():
        for name, wanted in packages.items():
            for start in range(0, len(wanted), SENDS_PER_APPLY_MAX):
                # The same request_id in every run: what was sent is not sent again.
                yield state_pb2.ApplyRequest(
                    account=ref(name),
                    request_id=f"send-{start}",
                    sends=[
                        messaging_pb2.Send(receiver=ref(other))
                        for other in wanted[start:start + SENDS_PER_APPLY_MAX]
                    ])

    for _ in daemon.call_all(daemon.state.Apply, applies()):
        pass
    print(len(packages), sum(len(wanted) for wanted in packages.values()))


def consume(daemon):
    stopped = []
    daemon.create_namespace()
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    subscription = messaging_pb2.Subscription(namespace=NAMESPACE)
    subscription.lease.FromSeconds(LEASE_SECONDS)
    # Counting does not care for order: several messages of a package may be worked on at a time.
    subscription.concurrent = True
    request = messaging_pb2.ReceiveRequest(
        subscription=subscription, max_messages=CALLS_IN_FLIGHT_MAX)
    count = state_pb2.Mutation(
        add_integer=state_pb2.Mutation.AddInteger(key=b"reverse-depends", delta=1))
    while not stopped:
        try:
            received = daemon.messaging.Receive(
                request, timeout=RECEIVE_SECONDS, wait_for_ready=True).messages
        except grpc.RpcError as error:
            if error.code() not in TRY_AGAIN:
                raise
            continue
        counted = (
            state_pb2.ApplyRequest(
                account=one.message.receiver,
                request_id=str(uuid.uuid4()),
                mutations=[count],
                acks=[one.ack_id]) for one in received)
        # A lease that has ended: somebody else counts that message, or has.
        for _ in daemon.call_all(
                daemon.state.Apply, counted, allowed=(grpc.StatusCode.FAILED_PRECONDITION,)):
            pass


def all_undeliverable(daemon):
    request = messaging_pb2.ListUndeliverableRequest(
        namespace=NAMESPACE, page_size=1000, no_payload=True)
    while True:
        page = daemon.call(daemon.messaging.ListUndeliverable, request)
        yield from page.messages
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def all_counts(daemon, names):
    gets = (state_pb2.GetRequest(account=ref(name), keys=[b"reverse-depends"]) for name in names)
    for name, answer in zip(names, daemon.call_all(daemon.state.Get, gets)):
        if answer.entries:
            yield name, int(answer.entries[0].value)


def counts(daemon, index):
    for name, count in all_counts(daemon, list(graph(index))):
        print(name, count)
    missing = collections.Counter(one.message.receiver.id for one in all_undeliverable(daemon))
    for name, count in missing.items():
        print(name, count, "missing")


def progress(daemon, index):
    counted = sum(count for _, count in all_counts(daemon, list(graph(index))))
    print(counted, sum(1 for _ in all_undeliverable(daemon)))


def main(arguments):
    commands = {"send": (send, 2), "consume": (consume, 1), "progress": (progress, 2), "counts": (counts, 2)}
    command, wanted = commands.get(arguments[0] if arguments else "", (None, 0))
    if command is None or len(arguments) != wanted + 1:
        sys.exit(__doc__)
    command(Daemon(arguments[1]), *arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
