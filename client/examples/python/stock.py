#!/usr/bin/env python3
"""An order reserves goods: messages between accounts, with nothing but generated stubs.

    stock.py HOST:PORT

The order sends a message to the account of each of its goods, in the commit that places it. A
consumer of the goods takes each message once: what it changes, what it answers and that the message
is dealt with are one commit, however often the message comes.
"""

import sys
import uuid

import grpc
from shardd.v1 import account_pb2, account_pb2_grpc
from shardd.v1 import messaging_pb2, messaging_pb2_grpc
from shardd.v1 import state_pb2, state_pb2_grpc

NAMESPACE = "example-python"
CALL_SECONDS = 10
WAIT_SECONDS = 1


def ref(account_id):
    return account_pb2.AccountRef(namespace=NAMESPACE, id=account_id)


def put(key, value):
    return state_pb2.Mutation(put=state_pb2.Mutation.Put(key=key.encode(), value=value.encode()))


def add(key, delta):
    return state_pb2.Mutation(
        add_integer=state_pb2.Mutation.AddInteger(key=key.encode(), delta=delta))


class Shop:
    def __init__(self, channel):
        self.accounts = account_pb2_grpc.AccountServiceStub(channel)
        self.state = state_pb2_grpc.StateServiceStub(channel)
        self.messaging = messaging_pb2_grpc.MessagingServiceStub(channel)

    def apply(self, account_id, **fields):
        # The request_id makes it safe to send the same request again when no answer came.
        request = state_pb2.ApplyRequest(
            account=ref(account_id), request_id=str(uuid.uuid4()), **fields)
        return self.state.Apply(request, timeout=CALL_SECONDS)

    def read(self, account_id, key):
        request = state_pb2.GetRequest(account=ref(account_id), keys=[key.encode()])
        entries = self.state.Get(request, timeout=CALL_SECONDS).entries
        return entries[0].value.decode() if entries else None

    def open(self):
        """Makes the namespace and the goods, if they are not there yet."""
        try:
            self.accounts.CreateNamespace(
                account_pb2.CreateNamespaceRequest(name=NAMESPACE), timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
        for goods in ("apple", "pear"):
            self.apply(goods, create_account=True, mutations=[put("left", "100")])

    def place(self, order, wishes):
        """Places an order and asks the goods for it: all of that, or nothing."""
        self.apply(
            order,
            create_account=True,
            mutations=[put("state", "placed")],
            sends=[
                messaging_pb2.Send(
                    receiver=ref(goods), payload=str(count).encode(), reply_to=ref(order))
                for goods, count in wishes.items()
            ])

    def messages(self):
        """The messages of all accounts of the namespace, until none has come for a while.

        An account's next message comes when the one before is acknowledged: so its messages are
        worked on in order, by however many consumers there are.
        """
        request = messaging_pb2.ReceiveRequest(
            subscription=messaging_pb2.Subscription(namespace=NAMESPACE), max_messages=10)
        while True:
            received = self.messaging.Receive(request, timeout=WAIT_SECONDS).messages
            if not received:
                return
            yield from received

    def handle(self, received):
        """One message: a change, an answer and the acknowledgement, in one commit."""
        message = received.message
        receiver = message.receiver.id
        if message.HasField("reply_to"):
            count = int(message.payload)
            print(f"{receiver}: {count} for {message.sender.id}")
            self.apply(
                receiver,
                mutations=[add("left", -count)],
                sends=[messaging_pb2.Send(receiver=message.reply_to, payload=message.payload)],
                acks=[received.ack_id])
        else:
            print(f"{receiver}: has {message.payload.decode()} of {message.sender.id}")
            self.apply(
                receiver,
                mutations=[put("has/" + message.sender.id, message.payload.decode())],
                acks=[received.ack_id])

    def undeliverable(self):
        request = messaging_pb2.ListUndeliverableRequest(namespace=NAMESPACE)
        return self.messaging.ListUndeliverable(request, timeout=CALL_SECONDS).messages


def expect(what, actual, right):
    if actual != right:
        sys.exit(f"{what} is {actual!r}; it must be {right!r}")


def main(address):
    order = f"order-{uuid.uuid4()}"
    with grpc.insecure_channel(address) as channel:
        shop = Shop(channel)
        shop.open()
        shop.place(order, {"apple": 3, "pear": 2, "unicorn": 1})

        handled = []
        for received in shop.messages():
            shop.handle(received)
            handled.append(received)

        expect("the number of messages", len(handled), 4)
        expect("apples left", shop.read("apple", "left"), "97")
        expect("pears left", shop.read("pear", "left"), "98")
        expect("apples of the order", shop.read(order, "has/apple"), "3")

        # A consumer that comes too late changes nothing: its commit is refused as a whole.
        try:
            shop.handle(handled[0])
            sys.exit("a message was handled twice")
        except grpc.RpcError as error:
            expect("the refusal", error.code(), grpc.StatusCode.FAILED_PRECONDITION)
            print(f"too late: {error.details()}")
        expect("apples left", shop.read("apple", "left"), "97")

        # Nobody has unicorns: the message waits for them, and goes on when they are created.
        waiting = [one for one in shop.undeliverable() if one.message.sender.id == order]
        expect("undeliverable messages", len(waiting), 1)
        expect("the reason", waiting[0].reason, messaging_pb2.UNDELIVERABLE_REASON_NO_ACCOUNT)
        print(f"undeliverable: to {waiting[0].message.receiver.id}")
        shop.messaging.PurgeUndeliverable(
            messaging_pb2.PurgeUndeliverableRequest(id=waiting[0].id), timeout=CALL_SECONDS)
    print("all as it should be")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
