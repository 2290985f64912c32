// The peer node-ws: a WebSocket server on a free loopback port, its behaviour chosen by the path (see conversations.py).
'use strict';
const http = require('node:http');
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

function say(record) {
  process.stdout.write(JSON.stringify(record) + '\n');
}

function route(ws, request) {
  ws.on('error', (error) => console.error(`node-ws: ${request.url}: ${error.message}`));
  const [name, ...rest] = request.url.slice(1).split('/').map(decodeURIComponent);
  switch (name) {
    case 'echo': return echo(ws);
    case 'ping': return ping(ws);
    case 'fragments': return fragments(ws);
    case 'close': return close(ws, ...rest);
    case 'client-close': return clientClose(ws, ...rest);
    case 'push': return push(ws, ...rest);
    case 'headers': return headers(ws, request);
    case 'subprotocol': return;
    default: return ws.close(1008, 'no such path');
  }
}

const server = http.createServer();
new WebSocketServer({
  server,
  perMessageDeflate: false,
  maxPayload: 64 * 1024 * 1024,
  handleProtocols: (offered, request) => request.url === '/subprotocol' && ([...offered][1] ?? [...offered][0]),
  verifyClient: ({ req }, answer) =>
    req.url === '/refuse'
      ? answer(false, 401, 'token expired, get a new one', { 'WWW-Authenticate': 'Bearer realm="interop"' })
      : answer(true),
}).on('connection', route);
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));

// However the driver ends, its end of our stdin closes.
process.stdin.on('end', () => process.exit(0)).resume();
