// The peer node-ws: a WebSocket server on a free loopback port, or on the port or Unix socket that is named.
'use strict';
const http = require('node:http');
const { endWithDriver, overHttp1, say } = require('./routes.cjs');

const [name = '0'] = process.argv.slice(2);
const where = name.startsWith('/') ? { path: name } : { port: Number(name), host: '127.0.0.1' };
const server = overHttp1(http.createServer());
server.listen(where, () => say({ port: server.address().port ?? null }));
endWithDriver();
