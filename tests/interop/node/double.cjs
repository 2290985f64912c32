// A client of ws as the command of `wspipe serve` (see ../double.py).
'use strict';
const { WebSocket } = require('ws');

function end(seen) {
  console.log(JSON.stringify(seen));
  process.exit();
}

function open() {
  const ws = new WebSocket(process.env.WSPIPE_URL, ['v1', 'v2']);
  ws.on('close', (code, reason) => end({ code, reason: reason.toString() }));
  ws.on('unexpected-response', (_, response) => end({ status: response.statusCode }));
  return new Promise((opened) => ws.on('open', () => opened(ws)));
}

async function main() {
  const first = await open();
  const second = await open();
  const heard = [first, second].map((ws) => new Promise((got) => ws.on('message', (data) => got(data.toString()))));
  first.send('hi');
  end({ subprotocol: first.protocol, heard: await Promise.all(heard) });
}

main();
