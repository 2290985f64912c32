// The peer node-ws in conversations about permessage-deflate (see deflate.py): a server that demands what the path says, or,
// with a file of messages, a client of the server at WSPIPE_URL for every offer on stdin.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const readline = require('node:readline');
const { WebSocket, WebSocketServer } = require('ws');
const { endWithDriver, say } = require('./routes.cjs');

const maxPayload = 64 * 1024 * 1024;
const WHOLE = 512 * 1024;
const FRAGMENT = 100_000;

// ws has the parameters of RFC 7692 in its own spelling. Below its threshold, which is 1024 unless said, it would leave
// messages as they are.
function options(parameters) {
  const spelled = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return { threshold: 0, ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [spelled(name), value])) };
}

// What ws agreed to, and of each message whether it was compressed, with its bytes on the wire. Every compressed frame, and
// no other, goes through these two methods; what ws agreed to stands nowhere but in the extension.
function watch(ws) {
  const deflate = ws._extensions['permessage-deflate'];
  const view = { agreement: deflate ? deflate.params : null, received: [], sent: [] };
  let arrived = null;
  let made = 0;
  if (deflate) {
    const { compress, decompress } = deflate;
    deflate.decompress = (data, fin, done) => {
      arrived = (arrived ?? 0) + data.length;
      decompress.call(deflate, data, fin, done);
    };
    deflate.compress = (data, fin, done) => compress.call(deflate, data, fin, (error, bytes) => {
      made += bytes?.length ?? 0;
      if (fin) view.sent.push([true, made]);
      if (fin) made = 0;
      done(error, bytes);
    });
  }
  ws.on('message', (data) => {
    view.received.push(arrived === null ? [false, data.length] : [true, arrived]);
    arrived = null;
  });
  return view;
}

// A long message goes in fragments, with cuts that go through characters.
function send(ws, data, binary) {
  const size = data.length > WHOLE ? FRAGMENT : data.length;
  let at = 0;
  for (; data.length - at > size; at += size) ws.send(data.subarray(at, at + size), { binary, fin: false });
  ws.send(data.subarray(at), { binary, fin: true });
}

// The bytes of the opening handshake are subtracted: wspipe does not count them either.
function upgrade(request, socket, head) {
  const [name, demand] = request.url.slice(1).split('/').map(decodeURIComponent);
  const server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: options(JSON.parse(demand)) });
  const received = socket.bytesRead - head.length;
  server.handleUpgrade(request, socket, head, (ws) => {
    const sent = socket.bytesWritten;
    const view = watch(ws);
    const wire = () => ({ received: socket.bytesRead - received, sent: socket.bytesWritten - sent });
    ws.on('error', (error) => console.error(`node: ${request.url}: ${error.message}`));
    ws.on('message', (data, isBinary) => send(ws, data, isBinary));
    ws.on('close', (code) => say({ [name]: { ...view, code, wire: wire() } }));
  });
}

function serve() {
  const server = http.createServer().on('upgrade', upgrade);
  server.listen({ port: 0, host: '127.0.0.1' }, () => say({ port: server.address().port }));
  endWithDriver();
}

// Sends all messages, and compares what comes back.
function converse(messages, name, offer) {
  // Without the false it would always offer client_max_window_bits.
  const perMessageDeflate = { clientMaxWindowBits: false, ...options(offer) };
  const ws = new WebSocket(process.env.WSPIPE_URL, { maxPayload, perMessageDeflate });
  const differ = [];
  let view = {};
  let next = 0;
  ws.on('open', () => {
    view = watch(ws);
    ws.on('message', (data, isBinary) => {
      const { bytes, binary } = messages[next];
      if (isBinary !== binary || !bytes.equals(data)) differ.push(next);
      if (++next === messages.length) ws.close(1000);
    });
    for (const { bytes, binary } of messages) send(ws, bytes, binary);
  });
  ws.on('error', (error) => console.error(`node: ${name}: ${error.message}`));
  ws.on('close', (code) => say({ [name]: { ...view, code, differ } }));
}

function beClient(file) {
  const messages = fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => {
    const { text, base64 } = JSON.parse(line);
    const binary = base64 !== undefined;
    return { bytes: binary ? Buffer.from(base64, 'base64') : Buffer.from(text), binary };
  });
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const { name, offer } = JSON.parse(line);
    converse(messages, name, offer);
  });
  endWithDriver();
}

const [file] = process.argv.slice(2);
if (file) beClient(file);
else serve();
