// People who write through a server, and how long their words take to reach the others.
//
//   node load.mjs hocuspocus|y-websocket|automerge-repo PORT SPACES WRITERS READERS RATE SECONDS
//
// SPACES documents, each open with WRITERS people who make RATE edits a second each, evenly spread, and READERS who only
// read. An edit inserts a word of eight characters that nobody else writes; it has arrived when another person's document
// says so. Everyone is in this process, so one clock tells both times. "there" goes to standard output when everyone is
// there and has the document, and the figures in the end, as one line of JSON: deliveries expected and seen, every latency
// in milliseconds, how long it took, and the bytes on the wire since "there".
import { Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const [kind, port, ...numbers] = process.argv.slice(2);
const [spaces, writers, readers, rate, seconds] = numbers.map(Number);
const url = `ws://127.0.0.1:${port}`;

/** How many join at once, and how long everything may take, in milliseconds. */
const AT_ONCE = 50;
const DEADLINE = 60_000;

/** Every connection that was opened, for what went over it. */
const sockets = new Set();
const { connect } = Socket.prototype;
Socket.prototype.connect = function (...to) {
  sockets.add(this);
  return connect.apply(this, to);
};
const bytes = () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, 0);

/** When each word was written. */
const written = new Map();
const latencies = [];

function heard(text) {
  for (const [word] of text.matchAll(/[0-9a-z]{7} /g)) {
    const at = written.get(word);
    if (at !== undefined) latencies.push(performance.now() - at);
  }
}

async function until(what, holds) {
  const end = Date.now() + DEADLINE;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${kind}: not in ${DEADLINE} ms: ${what}`);
    await wait(5);
  }
}

/** A Yjs document whose words are heard when they come from elsewhere. */
async function yjs() {
  const { Doc } = await import("yjs");
  const doc = new Doc();
  const text = doc.getText("text");
  text.observe((event) => {
    if (event.transaction.local) return;
    for (const { insert } of event.delta) if (typeof insert === "string") heard(insert);
  });
  return { doc, write: (word) => text.insert(0, word) };
}

/** A repo that is connected, and a document in it. The server may not have got it yet from whoever made it, and a repo that was
 *  told so once goes by it: then another one asks. */
async function reach(name) {
  const { Repo } = await import("@automerge/automerge-repo");
  const { WebSocketClientAdapter } = await import("@automerge/automerge-repo-network-websocket");
  const end = Date.now() + DEADLINE;
  for (;;) {
    const network = new WebSocketClientAdapter(url);
    const repo = new Repo({ network: [network] });
    await network.whenReady();
    try {
      return name === undefined ? repo.create({ text: "" }) : await repo.find(name);
    } catch (error) {
      network.disconnect();
      if (Date.now() > end) throw error;
      await wait(200);
    }
  }
}

/** How someone joins a space; the first to come makes it, and gives its name to the others. */
const joins = {
  async hocuspocus(space) {
    const { HocuspocusProvider, HocuspocusProviderWebsocket } = await import("@hocuspocus/provider");
    const { WebSocket } = await import("ws");
    const { doc, write } = await yjs();
    const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket });
    const provider = new HocuspocusProvider({ websocketProvider, name: space, document: doc });
    provider.attach();
    await until("a first sync", () => provider.isSynced);
    return { name: space, write };
  },

  async "y-websocket"(space) {
    const { WebsocketProvider } = await import("y-websocket");
    const { WebSocket } = await import("ws");
    const { doc, write } = await yjs();
    // Without a broadcast channel: by that, all in this process would reach each other past the server.
    const provider = new WebsocketProvider(url, space, doc, { WebSocketPolyfill: WebSocket, disableBc: true });
    await until("a first sync", () => provider.synced);
    return { name: space, write };
  },

  async "automerge-repo"(space, name) {
    const { splice } = await import("@automerge/automerge");
    const handle = await reach(name);
    await handle.whenReady();
    let local = false;
    handle.on("change", ({ patches }) => {
      if (local) return;
      for (const patch of patches) if (patch.action === "splice") heard(patch.value);
    });
    const write = (word) => {
      local = true;
      handle.change((doc) => splice(doc, ["text"], 0, 0, word));
      local = false;
    };
    return { name: handle.url, write };
  },
};

const join = joins[kind];
const everyone = [];
for (let from = 0; from < spaces; from += AT_ONCE) {
  const some = Array.from({ length: Math.min(AT_ONCE, spaces - from) }, (_, i) => `space-${from + i}`);
  everyone.push(...(await Promise.all(some.map(async (space) => [await join(space)]))));
}
for (let person = 1; person < writers + readers; person += 1) {
  for (let from = 0; from < spaces; from += AT_ONCE) {
    const some = everyone.slice(from, from + AT_ONCE);
    await Promise.all(some.map(async (people, i) => people.push(await join(`space-${from + i}`, people[0].name))));
  }
}

// Everyone who writes has a place of their own in the second.
const pens = everyone.flatMap((people) => people.slice(0, writers)).map(({ write }) => write);
const others = writers + readers - 1;
const every = 1000 / (rate * pens.length);
const total = Math.floor(rate * pens.length * seconds);
const opened = bytes();
console.log("there");
const start = performance.now();
for (let sent = 0; sent < total; ) {
  const due = Math.min(total, Math.floor((performance.now() - start) / every));
  for (; sent < due; sent += 1) {
    const word = `${sent.toString(36).padStart(7, "0")} `;
    written.set(word, performance.now());
    pens[(sent * 7919) % pens.length](word);
  }
  await wait(1);
}
const expected = total * others;
const end = Date.now() + DEADLINE;
while (latencies.length < expected && Date.now() < end) await wait(10);
const took = (performance.now() - start) / 1000;
const figures = { expected, delivered: latencies.length, seconds: took, bytes: bytes() - opened, latencies };
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
