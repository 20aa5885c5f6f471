// One of the servers that the relay is measured against, as its own documentation starts it, in a process of its own.
//
//   node server.mjs hocuspocus|y-websocket|automerge-repo PORT [FOLDER]
//
// It listens on loopback, prints "ready", and ends with the process that started it.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const HOST = "127.0.0.1";
const [kind, port, folder] = process.argv.slice(2);

const starts = {
  /** Without persistence: no extension, so that nothing is ever written. */
  async hocuspocus() {
    const { Server } = await import("@hocuspocus/server");
    const server = new Server({ address: HOST, port: Number(port), quiet: true, stopOnSignals: false });
    await server.listen();
  },

  /** As the package's own `bin/server` does it: in memory. */
  async "y-websocket"() {
    const require = createRequire(import.meta.url);
    const { WebSocketServer } = await import("ws");
    const { setupWSConnection } = require("y-websocket/bin/utils");
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on("connection", setupWSConnection);
    const http = createServer((_, response) => response.end());
    http.on("upgrade", (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit("connection", ws, request));
    });
    await new Promise((resolve) => http.listen(Number(port), HOST, resolve));
  },

  /** What the project's example server is: a repo with a socket and a folder. */
  async "automerge-repo"() {
    const { Repo } = await import("@automerge/automerge-repo");
    const { WebSocketServerAdapter } = await import("@automerge/automerge-repo-network-websocket");
    const { NodeFSStorageAdapter } = await import("@automerge/automerge-repo-storage-nodefs");
    const { WebSocketServer } = await import("ws");
    const sockets = new WebSocketServer({ host: HOST, port: Number(port) });
    await new Promise((resolve) => sockets.once("listening", resolve));
    new Repo({
      network: [new WebSocketServerAdapter(sockets)],
      storage: new NodeFSStorageAdapter(folder),
      // It shares what it is asked for, and announces nothing.
      sharePolicy: async () => false,
    });
  },
};

const start = starts[kind];
if (start === undefined) {
  console.error(`no such server: ${kind}; known are ${Object.keys(starts).join(", ")}`);
  process.exit(2);
}
await start();
console.log("ready");
process.stdin.on("end", () => process.exit(0)).resume();
