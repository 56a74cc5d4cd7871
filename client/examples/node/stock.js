// An order reserves goods: messages between accounts, with nothing but generated stubs.
//
//     node stock.js HOST:PORT
//
// The order sends a message to the account of each of its goods, in the commit that places it. A
// consumer of the goods takes each message once: what it changes, what it answers and that the
// message is dealt with are one commit, however often the message comes.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const grpc = require("@grpc/grpc-js");
const account = require("shardd/v1/account");
const { AccountServiceClient } = require("shardd/v1/account.grpc-client");
const messaging = require("shardd/v1/messaging");
const { MessagingServiceClient } = require("shardd/v1/messaging.grpc-client");
const state = require("shardd/v1/state");
const { StateServiceClient } = require("shardd/v1/state.grpc-client");

const NAMESPACE = "example-node";
const CALL_MS = 10_000;
const WAIT_MS = 1_000;

const bytes = (text) => Buffer.from(text);
const text = (value) => Buffer.from(value).toString();
const ref = (id) => ({ namespace: NAMESPACE, id });
const put = (key, value) =>
  ({ kind: { oneofKind: "put", put: { key: bytes(key), value: bytes(value) } } });
const add = (key, delta) =>
  ({ kind: { oneofKind: "addInteger", addInteger: { key: bytes(key), delta } } });

// A call as a promise, with a deadline: a call without one may wait for ever.
function call(client, method, request, milliseconds = CALL_MS) {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + milliseconds };
    client[method](request, new grpc.Metadata(), options, (error, response) =>
      error ? reject(error) : resolve(response));
  });
}

class Shop {
  constructor(address) {
    const credentials = grpc.credentials.createInsecure();
    this.accounts = new AccountServiceClient(address, credentials);
    this.state = new StateServiceClient(address, credentials);
    this.messaging = new MessagingServiceClient(address, credentials);
  }

  close() {
    for (const client of [this.accounts, this.state, this.messaging]) client.close();
  }

  apply(id, fields) {
    // The request_id makes it safe to send the same request again when no answer came.
    const request = { account: ref(id), requestId: randomUUID(), ...fields };
    return call(this.state, "apply", state.ApplyRequest.create(request));
  }

  async read(id, key) {
    const request = state.GetRequest.create({ account: ref(id), keys: [bytes(key)] });
    const { entries } = await call(this.state, "get", request);
    return entries.length > 0 ? text(entries[0].value) : undefined;
  }

  // Makes the namespace and the goods, if they are not there yet.
  async open() {
    try {
      const request = account.CreateNamespaceRequest.create({ name: NAMESPACE });
      await call(this.accounts, "createNamespace", request);
    } catch (error) {
      if (error.code !== grpc.status.ALREADY_EXISTS) throw error;
    }
    for (const goods of ["apple", "pear"]) {
      await this.apply(goods, { createAccount: true, mutations: [put("left", "100")] });
    }
  }

  // Places an order and asks the goods for it: all of that, or nothing.
  place(order, wishes) {
    const sends = Object.entries(wishes).map(([goods, count]) => messaging.Send.create({
      receiver: ref(goods), payload: bytes(`${count}`), replyTo: ref(order),
    }));
    return this.apply(order, { createAccount: true, mutations: [put("state", "placed")], sends });
  }

  // The messages of all accounts of the namespace, until none has come for a while. An account's
  // next message comes when the one before is acknowledged: so its messages are worked on in order,
  // by however many consumers there are.
  async *messages() {
    const request = messaging.ReceiveRequest.create({
      subscription: messaging.Subscription.create({ namespace: NAMESPACE }), maxMessages: 10,
    });
    for (;;) {
      const { messages } = await call(this.messaging, "receive", request, WAIT_MS);
      if (messages.length === 0) return;
      yield* messages;
    }
  }

  // One message: a change, an answer and the acknowledgement, in one commit.
  async handle({ message, ackId }) {
    const { id } = message.receiver;
    const count = text(message.payload);
    if (message.replyTo !== undefined) {
      console.log(`${id}: ${count} for ${message.sender.id}`);
      const answer = messaging.Send.create({ receiver: message.replyTo, payload: message.payload });
      await this.apply(id, { mutations: [add("left", -count)], sends: [answer], acks: [ackId] });
    } else {
      console.log(`${id}: has ${count} of ${message.sender.id}`);
      await this.apply(id, { mutations: [put(`has/${message.sender.id}`, count)], acks: [ackId] });
    }
  }

  async undeliverable() {
    const request = messaging.ListUndeliverableRequest.create({ namespace: NAMESPACE });
    return (await call(this.messaging, "listUndeliverable", request)).messages;
  }
}

async function main(address) {
  const order = `order-${randomUUID()}`;
  const shop = new Shop(address);
  await shop.open();
  await shop.place(order, { apple: 3, pear: 2, unicorn: 1 });

  const handled = [];
  for await (const received of shop.messages()) {
    await shop.handle(received);
    handled.push(received);
  }
  assert.equal(handled.length, 4);
  assert.equal(await shop.read("apple", "left"), "97");
  assert.equal(await shop.read("pear", "left"), "98");
  assert.equal(await shop.read(order, "has/apple"), "3");

  // A consumer that comes too late changes nothing: its commit is refused as a whole.
  await assert.rejects(shop.handle(handled[0]), (error) => {
    console.log(`too late: ${error.details}`);
    return error.code === grpc.status.FAILED_PRECONDITION;
  });
  assert.equal(await shop.read("apple", "left"), "97");

  // Nobody has unicorns: the message waits for them, and goes on when they are created.
  const waiting = (await shop.undeliverable()).filter((one) => one.message.sender.id === order);
  assert.equal(waiting.length, 1);
  assert.equal(waiting[0].reason, messaging.UndeliverableReason.NO_ACCOUNT);
  console.log(`undeliverable: to ${waiting[0].message.receiver.id}`);
  const purge = messaging.PurgeUndeliverableRequest.create({ id: waiting[0].id });
  await call(shop.messaging, "purgeUndeliverable", purge);

  shop.close();
  console.log("all as it should be");
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
