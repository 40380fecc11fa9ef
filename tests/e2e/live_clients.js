// Clients of the live feed with npm's ws and socket.io-client; prints what each of them sees as lines of JSON.
// Arguments: port, token, stream id, stream key.
'use strict';
const path = require('path');
const modules = path.join(__dirname, '..', 'node_modules');
const WebSocket = require(path.join(modules, 'ws'));
const {io} = require(path.join(modules, 'socket.io-client'));

const [port, token, id, key] = process.argv.slice(2);
const say = (client, event, data) => console.log(JSON.stringify({client, event, data, at: Date.now()}));

function plain(client, where, protocols, options, opened) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${where}`, protocols, options);
  socket.on('open', () => { say(client, 'open', socket.protocol); opened(socket); });
  socket.on('message', (text) => { const {event, data} = JSON.parse(text); say(client, event, data); });
  socket.on('unexpected-response', (request, response) => say(client, 'refused', response.statusCode));
  socket.on('close', (code) => say(client, 'close', code));
  socket.on('error', () => {});
}
const send = (socket, event, data) => socket.send(JSON.stringify({event, data}));
const nothing = () => {};

plain('ws', '/', [], {}, nothing);
plain('ws-header', '/ws', [], {headers: {Authorization: `Bearer ${token}`}}, nothing);
plain('ws-protocol', '/api/ws', ['bearer', token], {}, nothing);
plain('ws-message', '/', [], {}, (socket) => send(socket, 'authenticate', {token}));
plain('ws-bad', '/', [], {headers: {Authorization: 'Bearer nonsense'}}, nothing);
plain('ws-subscribed', '/', [], {}, (socket) => {
  send(socket, 'subscribe', {streamKey: id});
  send(socket, 'subscribe', {streamKey: 'nobody'});
});
plain('ws-elsewhere', '/', [], {}, (socket) => send(socket, 'subscribe', {streamKey: key}));

function socketio(client, options, more = nothing, where = '') {
  const socket = io(`http://127.0.0.1:${port}${where}`, {forceNew: true, reconnection: false, ...options});
  // The engine's own events: the upgrade may be over before the namespace is connected.
  socket.io.engine.once('open', () => say(client, 'open', socket.io.engine.transport.name));
  socket.io.engine.on('upgrade', (transport) => say(client, 'upgrade', transport.name));
  socket.on('connect', () => { say(client, 'connect', null); more(socket); });
  socket.on('connect_error', (error) => say(client, 'connect_error', error.message));
  socket.on('metricsUpdate', (data) => say(client, 'metricsUpdate', data));
  socket.on('disconnect', (reason) => say(client, 'disconnect', reason));
}

socketio('io', {});
socketio('io-polling', {transports: ['polling']});
socketio('io-websocket', {transports: ['websocket']});
socketio('io-owner', {auth: {token}});
socketio('io-header', {transports: ['polling'], extraHeaders: {Authorization: `Bearer ${token}`}});
socketio('io-bad', {auth: {token: 'nonsense'}});
socketio('io-namespace', {}, nothing, '/admin');
socketio('io-subscribed', {}, (socket) => {
  socket.emit('subscribe', {streamKey: id}, (answer) => say('io-subscribed', 'ack', answer));
  socket.emit('subscribe', {streamKey: 'nobody'}, (answer) => say('io-subscribed', 'nack', answer));
});
socketio('io-authenticate', {}, (socket) =>
  socket.emit('authenticate', {token}, (answer) => say('io-authenticate', 'ack', answer)));
