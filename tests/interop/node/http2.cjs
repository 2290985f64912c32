// The peer node-http2: WebSocket over HTTP/2 (RFC 8441), by Node's own http2 and the frames of ws.
'use strict';
const fs = require('node:fs');
const http2 = require('node:http2');
const { WebSocket } = require('ws');
const { chooseSubprotocol, endWithDriver, frames, isSilent, overHttp1, refusal, route, say } = require('./routes.cjs');

const [certificate, key] = process.argv.slice(2);
const identity = () => ({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) });
const settings = { enableConnectProtocol: true };

function accept(stream, request) {
  const offered = new Set((request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/).filter(Boolean));
  const chosen = offered.size > 0 && chooseSubprotocol(offered, request);
  stream.respond({ ':status': 200, ...(chosen && { 'sec-websocket-protocol': chosen }) });
  // As ws's own server does once it has answered.
  const ws = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  ws.setSocket(stream, Buffer.alloc(0), frames);
  route(ws, request);
}

// RFC 8441 section 5: the handshake is the stream's headers, without key and accept.
function answer(stream, headers) {
  const request = { url: headers[':path'], headers, socket: stream.session.socket };
  if (headers[':protocol'] !== 'websocket') return stream.respond({ ':status': 404 }, { endStream: true });
  if (isSilent(request)) return;
  const refused = refusal(request);
  if (!refused) return accept(stream, request);
  stream.respond({ ':status': refused.status, ...refused.headers });
  stream.end(refused.body);
}

const servers = {
  tls: http2.createSecureServer({ ...identity(), settings }).on('stream', answer),
  clear: http2.createServer({ settings }).on('stream', answer),
  // HTTP/2 for requests, and WebSocket only over HTTP/1.1, as most servers have it.
  unextended: overHttp1(http2.createSecureServer({ ...identity(), allowHTTP1: true })),
};

async function main() {
  const ports = {};
  for (const [name, server] of Object.entries(servers)) {
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    ports[name] = server.address().port;
  }
  say({ ports });
}

main();
endWithDriver();
