// node listen.mjs ws|socket.io API_URL TOKEN: a frontend that hears metricsUpdate; prints each one's data as a line of JSON.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../package.json', import.meta.url));
const [kind, api, token] = process.argv.slice(2);
const heard = (data) => console.log(JSON.stringify(data));
const failed = (error) => {
  console.error(String(error));
  process.exit(1);
};

if (kind === 'ws') {
  const WebSocket = require('ws');
  const socket = new WebSocket(api.replace(/^http/, 'ws'), { headers: { Authorization: `Bearer ${token}` } });
  socket.on('error', failed);
  socket.on('close', (code) => failed(`closed ${code}`));
  socket.on('message', (text) => {
    const { event, data } = JSON.parse(text);
    if (event === 'metricsUpdate') heard(data);
  });
} else {
  const { io } = require('socket.io-client');
  const socket = io(api, { auth: { token }, reconnection: false });
  socket.on('connect_error', failed);
  socket.on('metricsUpdate', heard);
}
