// What a peer on Node.js does by path (see conversations.py and flags.py), whatever carries its frames.
'use strict';
const { WebSocketServer } = require('ws');

function echo(ws) {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
}

function ping(ws) {
  ws.on('pong', (payload) => ws.send(`pong received: ${payload}`));
  ws.ping('are you there?');
}

// The cut goes through a character, and the rest only follows once the Ping between the fragments is answered.
function fragments(ws) {
  const text = Buffer.from('one \u{1f600} two');
  ws.on('pong', () => ws.send(text.subarray(6), { binary: false, fin: true }));
  ws.send(text.subarray(0, 6), { binary: false, fin: false });
  ws.ping('between fragments');
}

function close(ws, code, reason) {
  ws.send('bye');
  ws.close(Number(code), reason);
}

// A service that adds wrong by `error`.
function desk(ws, error) {
  ws.on('message', (data, isBinary) => {
    if (isBinary) return ws.send(Buffer.from(data).reverse());
    const { op, user, a, b } = JSON.parse(data);
    if (op === 'login') ws.send(JSON.stringify({ welcome: user }));
    if (op === 'add') ws.send(JSON.stringify({ sum: a + b + Number(error) }));
    if (op === 'bye') ws.close(4000, 'goodbye');
  });
}

function clientClose(ws, name) {
  ws.on('message', () => {});
  ws.on('close', (code, reason) => say({ [name]: { code, reason: reason.toString() } }));
}

// Without a count it never ends. setImmediate lets the client's Close be read in between.
function push(ws, count = Infinity) {
  let next = 0;
  const step = () => {
    if (ws.readyState !== ws.OPEN) return;
    if (next >= Number(count)) return ws.close(1000);
    ws.send(String(next++), () => setImmediate(step));
  };
  step();
}

function headers(ws, request) {
  ws.send(JSON.stringify(request.headers));
}

function header(ws, request, names) {
  for (const name of names) ws.send(request.headers[name] ?? '(none)');
}

function peer(ws, request) {
  ws.send(request.socket.remoteAddress ?? 'a Unix socket');
}

// How often each name of /refuse-first was refused.
const refusals = new Map();

function refuseFirst(status, count, after, name) {
  const before = refusals.get(name) ?? 0;
  if (before >= Number(count)) return null;
  refusals.set(name, before + 1);
  return { status: Number(status), body: 'not yet', headers: after === '-' ? {} : { 'Retry-After': after } };
}

// What the request is refused with, if it is.
function refusal(request) {
  const [name, ...rest] = request.url.slice(1).split('/');
  if (name === 'refuse-first') return refuseFirst(...rest);
  if (name !== 'refuse') return null;
  return { status: 401, body: 'token expired, get a new one', headers: { 'WWW-Authenticate': 'Bearer realm="interop"' } };
}

function isSilent(request) {
  return request.url === '/silent';
}

function chooseSubprotocol(offered, request) {
  return request.url === '/subprotocol' && ([...offered][1] ?? [...offered][0]);
}

function say(record) {
  process.stdout.write(JSON.stringify(record) + '\n');
}

function route(ws, request) {
  ws.on('error', (error) => console.error(`node: ${request.url}: ${error.message}`));
  const [name, ...rest] = request.url.slice(1).split('/').map(decodeURIComponent);
  switch (name) {
    case 'echo': return echo(ws);
    case 'ping': return ping(ws);
    case 'fragments': return fragments(ws);
    case 'close': return close(ws, ...rest);
    case 'desk': return desk(ws, ...rest);
    case 'client-close': return clientClose(ws, ...rest);
    case 'push': return push(ws, ...rest);
    case 'headers': return headers(ws, request);
    case 'header': return header(ws, request, rest);
    case 'peer': return peer(ws, request);
    case 'refused': return ws.send(String(refusals.get(rest[0]) ?? 0));
    case 'refuse-first': return ws.send('accepted');
    case 'subprotocol': return;
    default: return ws.close(1008, 'no such path');
  }
}

const frames = { perMessageDeflate: false, maxPayload: 64 * 1024 * 1024 };

// A server of opening handshakes over HTTP/1.1, for sockets that others accept.
function overHttp1(server) {
  const options = {
    ...frames,
    server,
    handleProtocols: chooseSubprotocol,
    verifyClient: ({ req }, answer) => {
      if (isSilent(req)) return;
      const refused = refusal(req);
      if (refused) answer(false, refused.status, refused.body, refused.headers);
      else answer(true);
    },
  };
  new WebSocketServer(options).on('connection', route);
  return server;
}

// However the driver ends, its end of our stdin closes.
function endWithDriver() {
  process.stdin.on('end', () => process.exit(0)).resume();
}

module.exports = { chooseSubprotocol, endWithDriver, frames, isSilent, overHttp1, refusal, route, say };
