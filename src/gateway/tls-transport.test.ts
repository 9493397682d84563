import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { SocketTransport } from './socket-transport.io.ts'

/** A peer that takes nothing and never closes its side. */
function deafPeer(): Duplex {
  return new Duplex({ read() {}, write() {} })
}

function open(t: TestContext): { readonly peer: Duplex; readonly socket: TLSSocket; readonly transport: SocketTransport<'mqtts'> } {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const peer = deafPeer()
  const socket = new TLSSocket(peer, {})
  socket.on('error', () => {})
  return { peer, socket, transport: new SocketTransport('mqtts', socket, false, () => {}) }
}

for (const how of ['end', 'cut'] as const) {
  test(`a peer that goes on sending after goodbye (${how}) is gone when its time is over`, (t) => {
    const { peer, socket, transport } = open(t)
    transport.write(Buffer.from('unread'))
    transport[how]()
    for (let at = 0; at < 1_900; at += 100) {
      peer.push(Buffer.from([at & 0xff]))
      t.mock.timers.tick(100)
    }
    assert.equal(socket.destroyed, false, 'it has its time to close its side')
    t.mock.timers.tick(200)
    assert.equal(socket.destroyed, true)
  })
}
